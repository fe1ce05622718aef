// The sessions of all members and visitors, in Spanish.

import type { AdminSessionsTexts } from "./admin-sessions.en.ts";
import staff from "./staff.es.ts";

const texts: AdminSessionsTexts = {
  title: "Sesiones",
  hint: "De miembros y visitantes, primero las más recientes",
  failed: "No hemos podido cargar las sesiones.",
  none: "No hay sesiones.",
  facts: "Las sesiones de un vistazo",
  active: "Sesiones activas",
  users: "Miembros con la sesión iniciada",
  anonymous: "Visitantes que no han iniciado sesión",
  perUser: "Sesiones por miembro",
  columns: { member: "Miembro", device: "Dispositivo", ip: "Dirección IP", active: "Última actividad", since: "Inicio" },
  anonymousMember: "Un visitante",
  current: "este navegador",
  endAll: "Cerrar todas las sesiones",
  endAllTitle: "¿Cerrar todas las sesiones?",
  endAllText: "Se cierran todas las sesiones, también la tuya. Hazlo si pueden haber robado tokens de sesión.",
  endAllName: "todas",
  staff,
};

export default texts;
