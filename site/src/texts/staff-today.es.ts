// The staff's page of the day in Spanish.

import checkIns from "./check-ins.es.ts";
import classChanges from "./class-changes.es.ts";
import type { StaffTodayTexts } from "./staff-today.en.ts";
import staff from "./staff.es.ts";

const texts: StaffTodayTexts = {
  title: "Hoy",
  classesOf: "Clases del día",
  failed: "No hemos podido cargar el día.",
  none: "Este día no hay clases.",
  toSchedule: "Abrir el horario",
  nextDay: "Ver el día siguiente",
  newStudio: "Todavía no hay ninguna clase. De aquí a la primera hay seis pasos.",
  toSetup: "Poner en marcha el estudio",
  open: (title, time) => `${title}, ${time}: abrir la lista`,
  actionsOf: (title, time) => `Más para ${title}, ${time}`,
  roster: "Abrir la lista",
  substitute: "Buscar sustituto",
  cancelClass: "Cancelar la clase",
  with: (name) => `con ${name}`,
  taken: (taken, places) => `${taken} de ${places} plazas ocupadas`,
  checkedIn: (count) => (count === 1 ? "1 presente" : `${count} presentes`),
  waiting: (count) => `${count} en espera`,
  unpaid: (count) => `${count} sin pagar`,
  full: "Completa",
  cancelled: "Cancelada",
  now: "Ahora",
  over: "Terminada",
  facts: "El estudio de un vistazo",
  refundsDue: "Por reembolsar",
  messages: "Mensajes pendientes",
  revenue: "Ingresos del día",
  bookings: "Reservas hechas",
  refunds: (count) => (count === 1 ? "1 reembolso" : `${count} reembolsos`),
  updated: "La página se actualiza sola.",
  checkIns,
  classChanges,
  staff,
};

export default texts;
