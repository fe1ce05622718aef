// Payments for staff, in English.

import staff from "./staff.en.ts";
import till from "./till.en.ts";
import waive from "./waive-fee.en.ts";

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
  refundCard: (member: string, amount: string, title: string) => `${amount} goes back to the card of ${member}, for ${title}. This takes Stripe some days.`,
  refundDesk: (member: string, amount: string, title: string) => `Give ${member} ${amount} for ${title} back at the desk. Sabor only records it.`,
  bookingStays: "A booking stays. To free its spot, cancel it on the roster.",
  sentByItself: "The refund is sent to the card automatically.",
  cardsOff: "The refund cannot be sent to the card before card payments are set up.",
  isRefunded: (member: string, amount: string) => `The refund of ${amount} for ${member} is recorded.`,
  owedFees: "Fees that members owe",
  noFees: "Nobody owes a fee.",
  feesFailed: "The fees could not be loaded.",
  feeReason: "Reason",
  feeReasons: { late_cancellation: "Cancelled late", no_show: "Did not come" },
  payWithPass: "Pay with a pass",
  passes: "Passes of the member",
  roster: "Open the roster",
  staff,
  till,
  waive,
};

export type StaffPaymentsTexts = typeof texts;
export default texts;
