// The first steps of a new studio, in Spanish.

import staff from "./staff.es.ts";
import classes from "./staff-classes.es.ts";
import sales from "./staff-sales.es.ts";
import schedule from "./staff-schedule.es.ts";
import type { StaffSetupTexts } from "./staff-setup.en.ts";

const texts: StaffSetupTexts = {
  title: "Puesta en marcha",
  hint: "De un estudio vacío a la primera clase en el horario",
  failed: "No hemos podido cargar la puesta en marcha.",
  progress: (done, all) => `${done} de ${all} pasos están hechos.`,
  done: "Hecho",
  toDo: "Pendiente",
  steps: {
    studio: { title: "El estudio", text: "Su nombre, zona horaria y moneda" },
    room: { title: "Una sala", text: "Dónde se dan las clases. No puede haber dos a la vez en la misma sala." },
    instructor: { title: "Un profesor", text: "Quién enseña. El nombre se muestra con cada clase." },
    classType: { title: "Un tipo de clase", text: "Qué se enseña: nivel, duración, plazas y precio" },
    weekly: { title: "Una clase semanal", text: "Cuándo se da. Se crean las fechas de ocho semanas, y las demás se añaden solas." },
    pass: { title: "Un bono", text: "Lo que se puede comprar por adelantado, como diez clases. Un estudio también puede funcionar sin bonos." },
    payment: { title: "El pago", text: "Cómo pagan los miembros" },
  },
  studioFacts: (name, zone, currency) => `${name}, ${zone}, ${currency}.`,
  studioHow: "Son los ajustes STUDIO_NAME, STUDIO_TIMEZONE y STUDIO_CURRENCY del despliegue.",
  cardsOn: "Se paga con tarjeta o en recepción.",
  cardsOff: "Se paga en recepción. Para cobrar con tarjeta, define STRIPE_SECRET_KEY y STRIPE_WEBHOOK_SECRET en el despliegue.",
  add: { room: "Añadir una sala", instructor: "Añadir un profesor", classType: "Añadir un tipo de clase", weekly: "Añadir una clase semanal", pass: "Añadir un bono" },
  more: "Ver todo",
  name: "Nombre",
  added: (name) => `Se ha añadido ${name}.`,
  finished: "Todo está listo: ya se pueden reservar tus clases.",
  toTimetable: "Ver el horario",
  classes,
  sales,
  schedule,
  staff,
};

export default texts;
