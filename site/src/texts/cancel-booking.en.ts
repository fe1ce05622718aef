// The dialog that cancels a booking for a member, in English.

const texts = {
  title: (name: string) => `Cancel the booking of ${name}?`,
  leaveTitle: (name: string) => `Take ${name} off the waitlist?`,
  free: "Cancelling is still free of charge.",
  refunded: "The payment becomes due for refund.",
  late: "It is too late to cancel free of charge.",
  lateFree: "Choose whether it is recorded as late.",
  lateUnpaid: (fee: string) => `If you cancel it as late, the member owes ${fee}.`,
  latePaid: (fee: string) => `If you cancel it as late, the studio keeps ${fee}.`,
  creditBack: (pass: string) => `“${pass}” gets the class back.`,
  latePass: (pass: string) => `If you cancel it as late, the class on “${pass}” is used up.`,
  action: "Cancel the booking",
  lateAction: "Cancel as late",
  lenientAction: "Cancel free of charge",
  leave: "Remove from the waitlist",
  reason: "Message to the member",
  reasonHint: "It is part of the e-mail.",
  done: (name: string) => `The booking of ${name} is cancelled.`,
  left: (name: string) => `${name} is off the waitlist.`,
};

export type CancelBookingTexts = typeof texts;
export default texts;
