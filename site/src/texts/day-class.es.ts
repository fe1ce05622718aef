// A class in a list of classes, in Spanish.

import type { DayClassTexts } from "./day-class.en.ts";

const texts: DayClassTexts = {
  open: (title, time) => `${title}, ${time}: abrir la lista`,
  with: (name) => `con ${name}`,
  taken: (taken, places) => `${taken} de ${places === 1 ? "1 plaza ocupada" : `${places} plazas ocupadas`}`,
  checkedIn: (count) => (count === 1 ? "1 presente" : `${count} presentes`),
  waiting: (count) => `${count} en espera`,
  unpaid: (count) => `${count} sin pagar`,
  cancelled: "Cancelada",
  now: "Ahora",
  over: "Terminada",
};

export default texts;
