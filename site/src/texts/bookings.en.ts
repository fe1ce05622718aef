// A member's bookings in English.

import calendar from "./calendar.en.ts";
import classes from "./classes.en.ts";

const texts = {
  title: "My bookings",
  lead: "Here you pay for your classes, cancel them, or put them into your calendar.",
  upcoming: "Coming up",
  fees: "Fees to pay",
  feeLate: "You cancelled late",
  feeNoShow: "You did not come",
  feeAtDesk: "Please pay at the desk.",
  past: "Past classes",
  receipts: "Receipts for what you have paid",
  noneUpcoming: "You have not booked any classes. Which one would you like to dance?",
  timetable: "See the timetable",
  nonePast: "Here you will see the classes that you have been to.",
  showPast: "Show past classes",
  more: "Show more",
  signInTitle: "Your bookings",
  signInText: "Sign in to see the classes that you have booked.",
  signIn: "Sign in",
  register: "Create an account",
  failed: "Your bookings could not be loaded.",
  status: {
    booked: "Booked",
    waitlisted: "Waitlist",
    cancelled: "Cancelled",
    attended: "You were there",
    no_show: "You did not come",
  } as Readonly<Record<string, string>>,
  classCancelled: "The studio has cancelled this class",
  payment: {
    paid: "Paid",
    pending: "Not paid yet",
    failed: "The payment failed",
    cancelled: "Not paid",
    refund_due: "The refund is on its way",
    partly_refunded: "Partly refunded",
    refunded: "Refunded",
    disputed: "The payment is disputed",
  } as Readonly<Record<string, string>>,
  unpaid: "Not paid yet",
  given: "Given by the studio",
  paysAtDesk: "You pay at the desk",
  freeUntil: (when: string) => `Free to cancel until ${when}`,
  freeOver: "It is too late to cancel free of charge",
  payCard: "Pay by card",
  payDesk: "Pay at the desk",
  deskChosen: "Your spot is kept. Please pay at the desk before the class.",
  cancel: "Cancel booking",
  leave: "Leave the waitlist",
  named: (action: string, title: string, when: string) => `${action}: ${title}, ${when}`,
  cancelTitle: "Cancel this booking?",
  cancelFree: (title: string, when: string) => `You give up your spot in ${title}, ${when}. It costs you nothing.`,
  cancelRefundCard: "We refund your payment to your card.",
  cancelRefundDesk: "You get your money back at the desk.",
  cancelLate: (title: string, when: string, fee: string) =>
    `You give up your spot in ${title}, ${when}. It is too late to cancel free of charge: we keep ${fee} of what you have paid.`,
  cancelLateUnpaid: (title: string, when: string, fee: string) =>
    `You give up your spot in ${title}, ${when}. It is too late to cancel free of charge: you will owe ${fee}.`,
  cancelLateFree: (title: string, when: string) =>
    `You give up your spot in ${title}, ${when}. This counts as a late cancellation, but costs you nothing.`,
  cancelRest: "You get the rest back.",
  keep: "Keep my spot",
  cancelled: "Your booking is cancelled.",
  cancelledOwes: (fee: string) => `Your booking is cancelled. Please pay ${fee} for the late cancellation.`,
  cancelledRefundCard: "Your booking is cancelled. The refund can take a few days.",
  cancelledRefundDesk: "Your booking is cancelled. Please collect your refund at the desk.",
  returned: {
    done: "Thank you. We are waiting for the confirmation of your payment …",
    paid: "Thank you, your payment has arrived.",
    slow: "Your payment is not confirmed yet. This page shows it as soon as it is.",
    open: "You have not paid yet. Your spot is held for half an hour from when you started to pay.",
  },
  calendar,
  classes,
};

export type BookingsTexts = typeof texts;
export default texts;
