// An instructor's own classes in Spanish.

import checkIns from "./check-ins.es.ts";
import dayClass from "./day-class.es.ts";
import type { StaffTeachingTexts } from "./staff-teaching.en.ts";
import staff from "./staff.es.ts";

const texts: StaffTeachingTexts = {
  title: "Mis clases",
  lead: "Las clases que das en las próximas cuatro semanas.",
  failed: "No hemos podido cargar tus clases.",
  none: "No das ninguna clase en las próximas cuatro semanas.",
  toTimetable: "Ver el horario",
  checkIns,
  dayClass,
  staff,
};

export default texts;
