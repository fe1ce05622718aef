// Classes and bookings in English.

import { plural } from "../tools/language.ts";

const texts = {
  levels: {
    beginner: "Beginner",
    intermediate: "Intermediate",
    advanced: "Advanced",
    "all-levels": "All levels",
  } as Readonly<Record<string, string>>,
  with: (instructor: string) => `with ${instructor}`,
  minutes: (count: number) => `${count} min`,
  free: "Free",
  spots: (count: number) => plural("en", count, "# spot left", "# spots left"),
  manySpots: "Spots available",
  full: "Full",
  waiting: (count: number) => `Full, ${count} waiting`,
  cancelled: "Cancelled",
  started: "Has started",
  book: "Book",
  ofCourse: (name: string) => `Part of the course “${name}”`,
  paidWithCourse: "Paid with the course",
  unpaidWithCourse: "With the course, not paid yet",
  onlyWithCourse: "Only with the course",
  seeCourse: "See the course",
  joinWaitlist: "Join waitlist",
  booked: "Booked",
  waitlisted: (position: number | null) => (position ? `No. ${position} on the waitlist` : "On the waitlist"),
  /** The name of a button for screen readers, with its class. */
  named: (action: string, title: string, when: string) => `${action}: ${title}, ${when}`,
  isBooked: (title: string, when: string) => `You are booked: ${title}, ${when}.`,
  payLater: (price: string) => `You pay ${price} later, under “My bookings” or at the desk.`,
  freeUntil: (when: string) => `Free to cancel until ${when}.`,
  booking: (title: string) => `Booking ${title} …`,
  joining: (title: string) => `Joining the waitlist of ${title} …`,
  lostBooking: (title: string) =>
    `The connection was lost before the studio answered. We do not know yet whether ${title} is booked, and we are trying again …`,
  unknownBooking: (title: string) =>
    `The studio cannot be reached, so we do not know whether ${title} is booked. Press the button again later. You will be booked only once.`,
  lost: "The connection was lost before the studio answered. We are trying again …",
  unknown: "The studio cannot be reached, so we do not know whether this was done. Press the button again later. It will be done only once.",
  isWaiting: (title: string, position: number | null) =>
    position ? `You are number ${position} on the waitlist of ${title}.` : `You are on the waitlist of ${title}.`,
  becameFull: "The last spot has just been taken. You can join the waitlist.",
  promoted: "A spot became free: you are booked now.",
  classCancelled: "One of your classes was cancelled.",
  classMoved: "One of your classes was moved.",
  bookingMoved: "The studio has moved your booking to another class.",
  instructorChanged: "One of your classes has another teacher.",
  seeBookings: "See my bookings",
  addToCalendar: "Add to calendar",
  leaveTitle: "Leave the waitlist?",
  leaveText: (title: string, when: string) => `You give up your place in the line for ${title}, ${when}. If you join again, you start at the end.`,
  leave: "Leave the waitlist",
  left: "You have left the waitlist.",
  keep: "Stay",
};

export type ClassTexts = typeof texts;
export default texts;
