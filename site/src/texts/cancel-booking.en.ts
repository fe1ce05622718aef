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
  lateChoice: { strict: "Cancel as late", lenient: "Cancel free of charge" },
  ofCourse: (name: string) => `The booking is part of the course “${name}”. Choose whether its part of the course price is refunded.`,
  ofChangedCourse: (name: string) => `The booking is part of the course “${name}”. The studio has changed the class, so its part of the course price is refunded.`,
  ofUnpaidCourse: (name: string) => `The booking is part of the course “${name}”, which is not paid yet. If the course is paid later, the part of a class that you cancel free of charge is refunded.`,
  courseChoice: { strict: "Cancel without a refund", lenient: "Cancel and refund" },
  leave: "Remove from the waitlist",
  reason: "Message to the member",
  reasonHint: "It is part of the e-mail.",
  done: (name: string) => `The booking of ${name} is cancelled.`,
  left: (name: string) => `${name} is off the waitlist.`,
};

export type CancelBookingTexts = typeof texts;
export default texts;
