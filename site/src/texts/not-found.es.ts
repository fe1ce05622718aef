// The page for addresses that do not exist, in Spanish.

import type { NotFoundTexts } from "./not-found.en.ts";

const texts: NotFoundTexts = {
  title: "Página no encontrada",
  text: "Puede que la dirección no sea correcta o que la página haya cambiado de sitio.",
  home: "Ir a la página de inicio",
  timetable: "Ver el horario",
};

export default texts;
