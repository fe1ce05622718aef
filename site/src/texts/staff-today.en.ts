// The staff's page of the day in English.

import staff from "./staff.en.ts";
import checkIns from "./check-ins.en.ts";
import classChanges from "./class-changes.en.ts";

const texts = {
  title: "Today",
  /** The heading of another day than today. */
  classesOf: "Classes of the day",
  failed: "The day could not be loaded.",
  none: "No classes take place on this day.",
  toSchedule: "Open the schedule",
  nextDay: "See the next day",
  newStudio: "No class is planned yet. It takes six steps from here to the first one.",
  toSetup: "Set up the studio",
  open: (title: string, time: string) => `${title}, ${time}: open the roster`,
  actionsOf: (title: string, time: string) => `More for ${title}, ${time}`,
  roster: "Open the roster",
  substitute: "Find a substitute",
  cancelClass: "Cancel the class",
  with: (name: string) => `with ${name}`,
  taken: (taken: number, places: number) => `${taken} of ${places} spots taken`,
  checkedIn: (count: number) => `${count} checked in`,
  waiting: (count: number) => `${count} waiting`,
  unpaid: (count: number) => `${count} unpaid`,
  full: "Full",
  cancelled: "Cancelled",
  now: "Now",
  over: "Over",
  facts: "The studio at a glance",
  refundsDue: "Refunds due",
  messages: "Pending messages",
  revenue: "Revenue of the day",
  bookings: "Bookings made",
  refunds: (count: number) => (count === 1 ? "1 refund" : `${count} refunds`),
  updated: "The page follows changes by itself.",
  checkIns,
  classChanges,
  staff,
};

export type StaffTodayTexts = typeof texts;
export default texts;
