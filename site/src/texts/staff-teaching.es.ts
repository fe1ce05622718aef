// An instructor's own classes in Spanish.

import checkIns from "./check-ins.es.ts";
import type { StaffTeachingTexts } from "./staff-teaching.en.ts";
import staff from "./staff.es.ts";

const texts: StaffTeachingTexts = {
  title: "Mis clases",
  lead: "Las clases que das en las próximas cuatro semanas.",
  failed: "No hemos podido cargar tus clases.",
  none: "No das ninguna clase en las próximas cuatro semanas.",
  toTimetable: "Ver el horario",
  open: (title, time) => `${title}, ${time}: abrir la lista`,
  taken: (taken, places) => `${taken} de ${places} plazas ocupadas`,
  checkedIn: (count) => (count === 1 ? "1 presente" : `${count} presentes`),
  waiting: (count) => `${count} en espera`,
  cancelled: "Cancelada",
  checkIns,
  staff,
};

export default texts;
