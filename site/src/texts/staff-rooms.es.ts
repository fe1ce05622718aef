// Rooms in Spanish.

import type { StaffRoomsTexts } from "./staff-rooms.en.ts";
import staff from "./staff.es.ts";
import list from "./studio-list.es.ts";

const texts: StaffRoomsTexts = {
  title: "Salas",
  hint: "Las clases de una misma sala no pueden coincidir.",
  failed: "No hemos podido cargar las salas.",
  none: "Todavía no hay ninguna sala. Cada clase necesita una.",
  add: "Añadir una sala",
  name: "Nombre",
  nameHint: "Lo muestran todas las clases de la sala.",
  list,
  staff,
};

export default texts;
