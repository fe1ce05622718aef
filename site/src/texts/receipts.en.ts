// Receipts in English.

import type { Schema } from "../api/client.ts";

type Kind = Schema<"ReceiptLine">["kind"];

const texts = {
  title: "Receipts",
  lead: "Your receipts for passes, gift cards, classes, and fees.",
  none: "You have not paid for anything yet.",
  failed: "Your receipts could not be loaded.",
  missing: "There is no receipt with this number.",
  signInTitle: "Your receipts",
  signInText: "Sign in to see your receipts.",
  signIn: "Sign in",
  more: "Show more",
  all: "All receipts",
  print: "Print",
  receipt: (number: string) => `Receipt ${number}`,
  issued: "Date",
  buyer: "Issued to",
  taxNumber: (number: string) => `Tax number ${number}`,
  item: "Item",
  tax: "Tax",
  amount: "Amount",
  total: "Total",
  includedTax: "Tax included",
  paid: "Paid",
  refunded: "Refunded",
  refundedTax: (tax: string) => `including ${tax} tax`,
  kinds: { product: "", class: "", late_cancellation: "Late cancellation", no_show: "No-show" } as Readonly<Record<Kind, string>>,
  tenders: { card: "By card", cash: "In cash", terminal: "By card at the studio", transfer: "By bank transfer", gift: "With a gift card", credit: "With your credit", desk: "At the studio" } as Readonly<Record<string, string>>,
};

export type ReceiptsTexts = typeof texts;
export default texts;
