// Members' passes in English: what they are good for, and what they pay.

import type { Schema } from "../api/client.ts";
import { plural } from "../tools/language.ts";
import products from "./products.en.ts";

/** What the reasons name of a pass: the names of its classes, and days. */
export interface PassFacts {
  classes: string;
  first: string;
  last: string;
  from: string;
  to: string;
}

const texts = {
  ...products,
  title: "My passes",
  failed: "Your passes could not be loaded.",
  again: "Try again",
  earlier: (count: number) => `Earlier passes (${count})`,
  see: "See all passes",
  comeOften: "Do you come often?",
  ofLeft: (left: number, all: number) => `${left} of ${plural("en", all, "# class", "# classes")} left`,
  unlimited: "As many classes as you like",
  goodUntil: (day: string) => `Good until ${day}`,
  goodFrom: (from: string, until: string) => `Good from ${from} to ${until}`,
  goodFor: (days: number) => plural("en", days, "Good on the day of your first class", "Good for # days from your first class on"),
  frozen: (from: string, to: string) => `Frozen from ${from} to ${to}`,
  isFrozen: "Frozen",
  usedUp: "Used up",
  ended: (day: string) => `Ended on ${day}`,
  revoked: "Revoked",
  goodIfPaid: (from: string, until: string) => `Good from ${from} to ${until}, if your membership payment arrives`,
  membership: {
    title: "My membership",
    loadFailed: "Your membership could not be loaded.",
    states: { active: "Active", starting: "Not paid yet", pastDue: "Payment failed", paused: "Paused", ending: "Ends soon" },
    renews: (day: string, price: string) => `It is renewed on ${day}, for ${price}.`,
    ends: (day: string) => `It ends on ${day}. Until then it covers your classes.`,
    notPaid: "It begins when your first payment has arrived.",
    failed: (price: string, day: string) => `We could not take ${price} from your card. Please check it. We keep your bookings until ${day}.`,
    failedAfterGrace: (price: string) => `We could not take ${price} from your card. Please check it. Until the payment arrives, you pay for each class separately.`,
    paused: "The studio has paused it. What you have paid stays good.",
    portal: "Card and invoices",
    pay: "Continue to the payment",
    end: "End the membership",
    keep: "Keep the membership",
    keepIt: "Keep it",
    endTitle: (name: string) => `End “${name}”?`,
    endText: "It ends at the end of the period that you have paid for. If you have booked classes after that, you pay for each of them separately.",
    endTextPastDue: "The membership ends now, without further charges.",
    isEnding: (day: string) => `Your membership ends on ${day}.`,
    hasEnded: "Your membership has ended.",
    isKept: "Your membership goes on.",
  },
  with: (name: string) => `With “${name}”`,
  withPass: "Pass",
  paidWith: (name: string) => `Paid with “${name}”`,
  left: (count: number) => (count === 0 ? "none left" : `${count} left`),
  until: (day: string) => `good until ${day}`,
  choose: "Choose how to pay",
  another: "Pay another way",
  why: "Why?",
  pays: (name: string) => `“${name}” pays for this class`,
  nonePays: "None of your passes can pay for this class.",
  question: "How would you like to pay?",
  bookWith: (name: string) => `Book with “${name}”`,
  bookFor: (price: string) => `Book for ${price}`,
  payLater: "You pay later, under “My bookings” or at the desk",
  refused: "These cannot pay for this class:",
  refusal: {
    used_up: () => "It has no classes left.",
    other_class_type: ({ classes }) => `It is only for ${classes}.`,
    ended: ({ last }) => `It ends before, on ${last}.`,
    not_begun: ({ first }) => `It begins later, on ${first}.`,
    too_early: () => "It would begin with this class, and end before another class that you have booked with it.",
    frozen: ({ from, to }) => `It is frozen from ${from} to ${to}.`,
    course_only: () => "The class is booked with its course only.",
  } as Readonly<Record<Schema<"PassRefusal">, (facts: PassFacts) => string>>,
  coverFailed: "We could not find out what can pay for this class.",
  close: "Not now",
  goesBack: (name: string) => `The class goes back to “${name}”.`,
  loses: (title: string, when: string, name: string) =>
    `You give up your spot in ${title}, ${when}. It is too late to cancel free of charge: you lose one class of “${name}”.`,
  losesNothing: (title: string, when: string, name: string) =>
    `You give up your spot in ${title}, ${when}. This counts as a late cancellation. You lose nothing of “${name}”, which is unlimited.`,
  cancelled: "Your booking is cancelled.",
  wentBack: (name: string) => `Your booking is cancelled. The class has gone back to “${name}”.`,
  lost: (name: string) => `Your booking is cancelled. One class of “${name}” is used up.`,
};

export type PassesTexts = typeof texts;
export default texts;
