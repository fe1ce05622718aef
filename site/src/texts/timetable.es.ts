// The timetable in Spanish.

import { plural } from "../tools/language.ts";
import classes from "./classes.es.ts";
import type { TimetableTexts } from "./timetable.en.ts";

const texts: TimetableTexts = {
  title: "Horario",
  skip: "Ir a las clases",
  lead: "Reserva tu plaza y paga después.",
  earlier: "Antes",
  later: "Después",
  week: "Semana",
  filters: "Filtrar",
  level: "Nivel",
  allLevels: "Cualquier nivel",
  style: "Estilo",
  allStyles: "Cualquier estilo",
  teacher: "Profe",
  allTeachers: "Cualquier profe",
  room: "Sala",
  allRooms: "Cualquier sala",
  moreFilters: (active) => (active > 0 ? `Más filtros (${active})` : "Más filtros"),
  days: "Días",
  today: "Hoy",
  none: "Este día no hay clases.",
  started: (count) => plural("es", count, "# clase ya ha empezado", "# clases ya han empezado"),
  noneMatch: "Ninguna clase de estos días encaja con lo que buscas.",
  clear: "Ver todas las clases",
  noneAtAll: "En estos días no hay clases.",
  nextDays: "Ver los días siguientes",
  failed: "No se ha podido cargar el horario.",
  zone: (zone) => `Todas las horas son las del estudio (${zone}).`,
  classes,
};

export default texts;
