// Teachers in Spanish.

import type { StaffInstructorsTexts } from "./staff-instructors.en.ts";
import staff from "./staff.es.ts";
import list from "./studio-list.es.ts";

const texts: StaffInstructorsTexts = {
  title: "Profesores",
  hint: "Quién enseña en el estudio",
  failed: "No hemos podido cargar los profesores.",
  none: "Todavía no hay ningún profesor. Cada clase necesita uno.",
  add: "Añadir un profesor",
  columns: { name: "Nombre", styles: "Estilos", account: "Cuenta" },
  linked: "Ve sus propias clases",
  notLinked: "Sin cuenta",
  name: "Nombre",
  bio: "Presentación",
  styles: "Estilos",
  stylesHint: "Separados por comas, como salsa, bachata",
  experience: "Años de experiencia",
  image: "Retrato",
  imageHint: "Una dirección: una imagen de este sitio, como /img/people/ana.svg, o una que empiece por https://",
  rate: "Pago por hora",
  rateHint: "Solo lo ve el equipo.",
  account: "Cuenta de miembro",
  accountHint: "Con una cuenta vinculada, ve las listas de sus propias clases y anota quién ha venido.",
  list,
  staff,
};

export default texts;
