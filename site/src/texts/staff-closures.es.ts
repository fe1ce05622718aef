// Closures in Spanish.

import type { StaffClosuresTexts } from "./staff-closures.en.ts";
import staff from "./staff.es.ts";

const texts: StaffClosuresTexts = {
  title: "Cierres",
  hint: "Días en que el estudio está cerrado. No se puede planificar ninguna clase.",
  failed: "No hemos podido cargar los cierres.",
  none: "No hay ningún cierre previsto.",
  add: "Añadir un cierre",
  columns: { days: "Días", reason: "Motivo" },
  days: (from, to) => (from === to ? from : `Del ${from} al ${to}`),
  over: "Pasado",
  from: "Primer día",
  to: "Último día",
  reason: "Motivo",
  reasonHint: "Los miembros lo leen en el correo sobre una clase cancelada.",
  cancelClasses: "Cancelar las clases de estos días, con sus reservas",
  counting: "Contando lo que hay …",
  nothing: "En estos días no hay ninguna clase.",
  found: (classes) => (classes === 1 ? "En estos días hay 1 clase." : `En estos días hay ${classes} clases.`),
  effect: (classes, bookings, notified) =>
    `Se cancelarán ${classes === 1 ? "1 clase" : `${classes} clases`} y ${bookings === 1 ? "1 reserva" : `${bookings} reservas`}. ${notified === 1 ? "1 miembro recibe" : `${notified} miembros reciben`} un correo.`,
  stays: "No se cancela nada.",
  save: "Guardar el cierre",
  saved: "El cierre está guardado.",
  edit: "Cambiar",
  editTitle: "Cambiar el cierre",
  remove: "Borrar",
  removeTitle: "¿Borrar el cierre?",
  removeText: "Se podrán planificar clases en estos días. Las clases canceladas siguen canceladas.",
  removed: "El cierre está borrado.",
  actionsOf: (days) => `Más para ${days}`,
  staff,
};

export default texts;
