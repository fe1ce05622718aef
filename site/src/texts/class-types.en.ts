// The pages about class types in English.

import classes from "./classes.en.ts";

const texts = {
  title: "Classes",
  lead: "What we teach, from the first step to the last detail.",
  levels: {
    beginner: "You have never danced, or not for long.",
    intermediate: "You dance a whole song without counting aloud.",
    advanced: "You dance every week, and want more.",
    "all-levels": "For everybody, with or without experience.",
  } as Readonly<Record<string, string>>,
  dates: "See the dates",
  datesOf: (title: string) => `See the dates of ${title}`,
  none: "There are no classes at the moment. Please look again soon.",
  contact: "Ask us",
  failed: "The classes could not be loaded.",
  notFoundTitle: "This class is not taught any more",
  notFoundText: "Perhaps you would like another one.",
  all: "All classes",
  coming: "Upcoming dates",
  noneComing: "No date is planned yet. Ask us when it comes back.",
  taughtBy: "Taught by",
  spots: (count: number) => (count === 1 ? "1 spot" : `${count} spots`),
  years: (count: number) => (count === 1 ? "1 year of experience" : `${count} years of experience`),
  share: "Share",
  linkCopied: "The link was copied.",
  copyYourself: (link: string) => `Your browser does not allow copying. The link is ${link}`,
  dateOver: "This class is over.",
  dateCancelled: "The studio has cancelled this class.",
  dateMissing: "This date does not exist. Perhaps another one suits you.",
  moreDates: "Show all dates",
  otherDates: "Other dates",
  nextDates: "The next dates",
  classes,
};

export type ClassTypesTexts = typeof texts;
export default texts;
