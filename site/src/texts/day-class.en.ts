// A class in a list of classes, in English.

const texts = {
  open: (title: string, time: string) => `${title}, ${time}: open the roster`,
  with: (name: string) => `with ${name}`,
  taken: (taken: number, places: number) => `${taken} of ${places === 1 ? "1 spot" : `${places} spots`} taken`,
  checkedIn: (count: number) => `${count} checked in`,
  waiting: (count: number) => `${count} waiting`,
  unpaid: (count: number) => `${count} unpaid`,
  cancelled: "Cancelled",
  now: "Now",
  over: "Over",
};

export type DayClassTexts = typeof texts;
export default texts;
