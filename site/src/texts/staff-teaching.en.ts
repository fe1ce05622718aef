// An instructor's own classes in English.

import checkIns from "./check-ins.en.ts";
import dayClass from "./day-class.en.ts";
import staff from "./staff.en.ts";

const texts = {
  title: "My classes",
  lead: "The classes that you teach in the next four weeks.",
  failed: "Your classes could not be loaded.",
  none: "You teach no class in the next four weeks.",
  toTimetable: "See the timetable",
  checkIns,
  dayClass,
  staff,
};

export type StaffTeachingTexts = typeof texts;
export default texts;
