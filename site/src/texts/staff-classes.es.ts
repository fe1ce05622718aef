// Class types in Spanish.

import type { StaffClassesTexts } from "./staff-classes.en.ts";
import staff from "./staff.es.ts";
import list from "./studio-list.es.ts";

const texts: StaffClassesTexts = {
  title: "Tipos de clase",
  hint: "Lo que enseña el estudio. Las fechas se planifican en el horario.",
  failed: "No hemos podido cargar los tipos de clase.",
  none: "Todavía no hay ningún tipo de clase.",
  add: "Añadir un tipo de clase",
  columns: { name: "Nombre", level: "Nivel", duration: "Duración", spots: "Plazas", price: "Precio" },
  minutes: (count) => `${count} min`,
  name: "Nombre",
  description: "Descripción",
  descriptionHint: "Qué se aprende y qué hay que traer",
  level: "Nivel",
  styles: "Estilos",
  stylesHint: "Separados por comas, como salsa, mambo",
  duration: "Duración en minutos",
  spots: "Plazas",
  price: "Precio de una clase",
  image: "Imagen",
  imageHint: "Una dirección: una imagen de este sitio, como /img/classes/salsa.svg, o una que empiece por https://",
  list,
  staff,
};

export default texts;
