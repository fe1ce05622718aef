// The pages about instructors in Spanish.

import classes from "./classes.es.ts";
import type { InstructorsTexts } from "./instructors.en.ts";

const texts: InstructorsTexts = {
  title: "Profes",
  lead: "Recuerdan su primera clase, y recordarán tu nombre.",
  classesOf: (name) => `Ver las clases de ${name}`,
  see: "Ver las clases",
  none: "Nuestros profes se presentarán aquí muy pronto.",
  failed: "No se ha podido cargar la lista de profes.",
  notFoundTitle: "Esta persona ya no da clases aquí",
  notFoundText: "Quizá te guste bailar con otra.",
  all: "Todos los profes",
  coming: (name) => `Próximas clases con ${name}`,
  noneComing: "Todavía no hay clases previstas.",
  timetable: "Ver el horario",
  years: (count) => (count === 1 ? "Da clases desde hace 1 año" : `Da clases desde hace ${count} años`),
  certifications: "Formación",
  networks: "También en",
  classes,
};

export default texts;
