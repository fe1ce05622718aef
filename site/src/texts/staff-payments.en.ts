// Payments for staff, in English.

import staff from "./staff.en.ts";
import till from "./till.en.ts";

const texts = {
  title: "Payments",
  hint: "For classes, newest first. What was sold is under “Sales”.",
  status: "Show",
  all: "All payments",
  failed: "The payments could not be loaded.",
  none: "No payments.",
  noneDue: "No refund is due.",
  columns: { member: "Member", class: "Class", date: "Created", amount: "Amount", status: "Status" },
  actionsOf: (member: string, title: string) => `More for the payment of ${member}, ${title}`,
  markPaid: "Record payment at the desk",
  markPaidTitle: "Has the member paid?",
  markPaidText: (member: string, amount: string, title: string) => `${member} pays ${amount} for ${title} at the desk, in cash or with your card reader.`,
  isPaid: (member: string) => `The payment of ${member} is recorded.`,
  refund: "Refund",
  refundOf: (member: string, title: string) => `Refund ${member}, ${title}`,
  refundTitle: "Refund this payment?",
  refundCard: (member: string, title: string) => `What is left of the payment of ${member} for ${title} goes back to the card. This takes Stripe some days.`,
  refundDesk: (member: string, title: string) => `Give ${member} the money for ${title} back at the desk. Sabor only records it.`,
  bookingStays: "The booking stays. To free the spot, cancel it on the roster.",
  isRefunded: (member: string) => `The refund for ${member} is recorded.`,
  payWithPass: "Pay with a pass",
  passes: "Passes of the member",
  roster: "Open the roster",
  staff,
  till,
};

export type StaffPaymentsTexts = typeof texts;
export default texts;
