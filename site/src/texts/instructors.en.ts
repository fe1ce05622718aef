// The pages about instructors in English.

import classes from "./classes.en.ts";

const texts = {
  title: "Teachers",
  lead: "They remember their own first class, and they will remember your name.",
  classesOf: (name: string) => `See the classes of ${name}`,
  see: "See the classes",
  none: "Our teachers will introduce themselves here soon.",
  failed: "The teachers could not be loaded.",
  notFoundTitle: "This teacher no longer teaches here",
  notFoundText: "Perhaps you would like to dance with one of the others.",
  all: "All teachers",
  coming: (name: string) => `Next classes with ${name}`,
  noneComing: "No class is planned yet.",
  timetable: "See the timetable",
  years: (count: number) => (count === 1 ? "Has taught for 1 year" : `Has taught for ${count} years`),
  certifications: "Training",
  networks: "Find them on",
  classes,
};

export type InstructorsTexts = typeof texts;
export default texts;
