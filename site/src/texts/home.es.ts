// The home page in Spanish.

import classes from "./classes.es.ts";
import type { HomeTexts } from "./home.en.ts";

const texts: HomeTexts = {
  title: "Sabor con Flow",
  headline: "Ven por una canción. Quédate toda la noche.",
  lead: "Salsa, bachata y más. Grupos pequeños, profes con paciencia y una pista llena de gente que también empezó de cero.",
  timetable: "Ver el horario",
  forBeginners: "Clases para principiantes",
  nextTitle: "Lo próximo en el estudio",
  wholeTimetable: "Todo el horario",
  yourNext: "Tu próxima clase",
  yourBookings: "Todas mis reservas",
  noneBooked: "Aún no has reservado ninguna clase.",
  loading: "Cargando …",
  bookingsFailed: "No se ha podido cargar.",
  signedOut: "No has iniciado sesión",
  signInText: "Entra para ver tus reservas.",
  signIn: "Entrar",
  noClasses: "Ahora mismo no hay clases previstas. Vuelve a mirar pronto.",
  failed: "No se han podido cargar las próximas clases.",
  levelsTitle: "¿Por dónde empiezo?",
  levels: [
    { level: "beginner", name: "Principiantes", text: "Nunca has bailado, o llevas poco. Empezamos por el paso básico y no hace falta pareja." },
    { level: "intermediate", name: "Intermedio", text: "Bailas una canción entera sin contar en voz alta. Trabajamos giros, ritmo, llevar y seguir." },
    { level: "advanced", name: "Avanzado", text: "Bailas todas las semanas. Combinaciones rápidas, estilo y musicalidad." },
    { level: "all-levels", name: "Todos los niveles", text: "Para todo el mundo, con o sin experiencia." },
  ],
  dates: "Ver las fechas",
  datesOf: (level) => `Ver las fechas: ${level}`,
  visitTitle: "Tu primera visita",
  visit: [
    { name: "Reserva tu plaza", text: "Elige en el horario una clase para principiantes. Puedes cancelarla gratis. En «Mis reservas» ves hasta cuándo." },
    { name: "Vístete como quieras", text: "Ropa cómoda y zapatos que giren bien y no marquen el suelo." },
    { name: "Ven diez minutos antes", text: "Te enseñamos la sala y conoces a tu profe. No hace falta pareja." },
  ],
  beginnerDates: "Ver las clases para principiantes",
  questions: "¿Quieres saber algo más?",
  contact: "Escríbenos",
  classes,
};

export default texts;
