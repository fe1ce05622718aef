// Closures in English.

import staff from "./staff.en.ts";

const texts = {
  title: "Closures",
  hint: "Days on which the studio is closed. No class can be planned on them.",
  failed: "The closures could not be loaded.",
  none: "No closure is planned.",
  add: "Add a closure",
  columns: { days: "Days", reason: "Reason" },
  days: (from: string, to: string) => (from === to ? from : `${from} to ${to}`),
  over: "Over",
  from: "First day",
  to: "Last day",
  reason: "Reason",
  reasonHint: "Members read it in the e-mail about a cancelled class.",
  cancelClasses: "Cancel the classes on these days, with their bookings",
  counting: "Counting what takes place …",
  nothing: "No class takes place on these days.",
  found: (classes: number) => (classes === 1 ? "1 class takes place on these days." : `${classes} classes take place on these days.`),
  effect: (classes: number, bookings: number, notified: number) =>
    `${classes === 1 ? "1 class" : `${classes} classes`} and ${bookings === 1 ? "1 booking" : `${bookings} bookings`} will be cancelled. ${notified === 1 ? "1 member gets" : `${notified} members get`} an e-mail.`,
  stays: "Nothing is cancelled.",
  save: "Save the closure",
  saved: "The closure is saved.",
  edit: "Change",
  editTitle: "Change the closure",
  remove: "Delete",
  removeTitle: "Delete the closure?",
  removeText: "Classes can be planned on these days again. Classes that were cancelled stay cancelled.",
  removed: "The closure is deleted.",
  actionsOf: (days: string) => `More for ${days}`,
  staff,
};

export type StaffClosuresTexts = typeof texts;
export default texts;
