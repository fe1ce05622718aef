// Courses in the shop, in Spanish.

import { plural } from "../tools/language.ts";
import type { CoursesTexts } from "./courses.en.ts";

const texts: CoursesTexts = {
  title: "Cursos",
  hint: "Un curso son varias clases que compras juntas. Tienes plaza en todas las que quedan. Si faltas a una clase o la cancelas, no se devuelve nada. Si el estudio cancela una clase, te devolvemos su parte del precio.",
  weekly: (weekday, times) => `Cada ${weekday}, ${times}`,
  fromTo: (first, last) => `${first} – ${last}`,
  with: (names) => `con ${names}`,
  count: (count) => plural("es", count, "# clase", "# clases"),
  left: (count) => plural("es", count, "queda #", "quedan #"),
  reduced: "Solo pagas las clases que quedan por dar.",
  spots: (count) => plural("es", count, "Queda # plaza", "Quedan # plazas"),
  full: "Completo",
  dates: "Todas las fechas",
  datesOf: (course) => `Todas las fechas: ${course}`,
  cancelled: "cancelada",
  dropIn: "También puedes reservar clases sueltas.",
  atStudio: "Puedes comprar este curso en el estudio.",
  owned: "Ya estás en este curso.",
  unpaid: "Has pedido este curso. Pierdes tus plazas si no se paga a tiempo.",
  goOn: "Seguir con el pago",
  goOnNamed: (course) => `Seguir con el pago: ${course}`,
};

export default texts;
