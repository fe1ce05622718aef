// The staff's page of the day in English.

import checkIns from "./check-ins.en.ts";
import classChanges from "./class-changes.en.ts";
import dayClass from "./day-class.en.ts";
import staff from "./staff.en.ts";

const texts = {
  title: "Today",
  failed: "The day could not be loaded.",
  none: "No classes take place on this day.",
  toSchedule: "Open the schedule",
  nextDay: "See the next day",
  newStudio: "No class is planned yet. It takes six steps from here to the first one.",
  toSetup: "Set up the studio",
  actionsOf: (title: string, time: string) => `More for ${title}, ${time}`,
  roster: "Open the roster",
  substitute: "Find a substitute",
  cancelClass: "Cancel the class",
  facts: "The studio at a glance",
  refundsDue: "Refunds due",
  messages: "Pending messages",
  revenue: "Revenue of the day",
  bookings: "Bookings made",
  checkIns,
  classChanges,
  dayClass,
  staff,
};

export type StaffTodayTexts = typeof texts;
export default texts;
