// The staff's page of the day in Spanish.

import checkIns from "./check-ins.es.ts";
import classChanges from "./class-changes.es.ts";
import dayClass from "./day-class.es.ts";
import type { StaffTodayTexts } from "./staff-today.en.ts";
import staff from "./staff.es.ts";

const texts: StaffTodayTexts = {
  title: "Hoy",
  failed: "No hemos podido cargar el día.",
  none: "Este día no hay clases.",
  toSchedule: "Abrir el horario",
  nextDay: "Ver el día siguiente",
  newStudio: "Todavía no hay ninguna clase. De aquí a la primera hay seis pasos.",
  toSetup: "Poner en marcha el estudio",
  actionsOf: (title, time) => `Más para ${title}, ${time}`,
  roster: "Abrir la lista",
  substitute: "Buscar sustituto",
  cancelClass: "Cancelar la clase",
  facts: "El estudio de un vistazo",
  refundsDue: "Por reembolsar",
  messages: "Mensajes pendientes",
  revenue: "Ingresos del día",
  bookings: "Reservas hechas",
  checkIns,
  classChanges,
  dayClass,
  staff,
};

export default texts;
