// Lists of what a studio has, such as rooms, in Spanish.

import type { StudioListTexts } from "./studio-list.en.ts";

const texts: StudioListTexts = {
  which: "Qué entradas",
  active: "En uso",
  retired: "Retirados",
  actionsOf: (name) => `Más para ${name}`,
  edit: "Cambiar",
  editTitle: (name) => `Cambiar ${name}`,
  added: (name) => `Se ha añadido ${name}.`,
  saved: (name) => `Se ha guardado ${name}.`,
  retire: "Retirar",
  retireTitle: (name) => `¿Retirar ${name}?`,
  retireText: "No se podrá planificar nada nuevo. Lo que ya está planificado sigue, y puedes recuperarlo.",
  stillUsed: (name, weekly, coming) => `Se ha retirado ${name}. Siguen planificadas ${weekly} clases semanales y ${coming} fechas.`,
  retiredNow: (name) => `Se ha retirado ${name}.`,
  reactivate: "Recuperar",
  reactivated: (name) => `${name} vuelve a estar en uso.`,
  noneRetired: "No hay nada retirado.",
};

export default texts;
