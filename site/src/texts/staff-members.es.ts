// Members for staff, in Spanish.

import type { StaffMembersTexts } from "./staff-members.en.ts";
import staff from "./staff.es.ts";

const texts: StaffMembersTexts = {
  title: "Miembros",
  hint: "Cuentas activas, primero las más nuevas",
  search: "Buscar por nombre o correo",
  failed: "No hemos podido cargar los miembros.",
  none: "Todavía no hay miembros.",
  columns: { name: "Nombre", email: "Correo", phone: "Teléfono", level: "Nivel", visit: "Última visita", since: "Miembro desde" },
  noVisit: "ninguna",
  quietSince: (day) => `Miembros que solían venir, pero no desde el ${day}`,
  showAll: "Mostrar todos los miembros",
  unconfirmed: "sin confirmar",
  add: "Añadir un miembro",
  addTitle: "Añadir un miembro",
  addText: "Para quien llega sin cuenta. Recibe un correo con un enlace para elegir contraseña, y puedes reservar en su nombre enseguida.",
  firstName: "Nombre",
  lastName: "Apellidos",
  email: "Correo electrónico",
  phone: "Teléfono",
  phoneHint: "Opcional, con el país, como +34 600 123 456",
  level: "Nivel",
  language: "Idioma de la invitación",
  languages: { en: "Inglés", es: "Español" },
  send: "Añadir e invitar",
  added: (name) => `${name} ya es miembro y recibe una invitación.`,
  staff,
};

export default texts;
