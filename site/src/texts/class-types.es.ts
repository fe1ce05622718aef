// The pages about class types in Spanish.

import type { ClassTypesTexts } from "./class-types.en.ts";
import classes from "./classes.es.ts";

const texts: ClassTypesTexts = {
  title: "Clases",
  lead: "Lo que enseñamos, del primer paso al último detalle.",
  levels: {
    beginner: "Nunca has bailado, o llevas poco.",
    intermediate: "Bailas una canción entera sin contar en voz alta.",
    advanced: "Bailas todas las semanas y quieres más.",
    "all-levels": "Para todo el mundo, con o sin experiencia.",
  },
  dates: "Ver las fechas",
  datesOf: (title) => `Ver las fechas de ${title}`,
  none: "Ahora mismo no hay clases. Vuelve a mirar pronto.",
  contact: "Pregúntanos",
  failed: "No se han podido cargar las clases.",
  notFoundTitle: "Esta clase ya no se da",
  notFoundText: "Quizá te guste otra.",
  all: "Todas las clases",
  coming: "Próximas fechas",
  noneComing: "Aún no hay fechas. Pregúntanos cuándo vuelve.",
  taughtBy: "Quién la da",
  spots: (count) => (count === 1 ? "1 plaza" : `${count} plazas`),
  years: (count) => (count === 1 ? "1 año de experiencia" : `${count} años de experiencia`),
  share: "Compartir",
  linkCopied: "El enlace está copiado.",
  copyYourself: (link) => `Tu navegador no permite copiar. El enlace es ${link}`,
  dateOver: "Esta clase ya ha terminado.",
  dateCancelled: "El estudio ha cancelado esta clase.",
  dateMissing: "Esta fecha no existe. Quizá te venga bien otra.",
  moreDates: "Ver todas las fechas",
  otherDates: "Otras fechas",
  nextDates: "Las próximas fechas",
  classes,
};

export default texts;
