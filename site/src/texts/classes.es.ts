// Classes and bookings in Spanish.

import { plural } from "../tools/language.ts";
import type { ClassTexts } from "./classes.en.ts";

const texts: ClassTexts = {
  levels: {
    beginner: "Principiantes",
    intermediate: "Intermedio",
    advanced: "Avanzado",
    "all-levels": "Todos los niveles",
  },
  with: (instructor) => `con ${instructor}`,
  minutes: (count) => `${count} min`,
  free: "Gratis",
  spots: (count) => plural("es", count, "Queda # plaza", "Quedan # plazas"),
  manySpots: "Hay plazas",
  full: "Completa",
  waiting: (count) => `Completa, ${count} en espera`,
  cancelled: "Cancelada",
  started: "Ha empezado",
  book: "Reservar",
  ofCourse: (name) => `Parte del curso «${name}»`,
  paidWithCourse: "Pagada con el curso",
  unpaidWithCourse: "Con el curso, sin pagar",
  onlyWithCourse: "Solo con el curso",
  seeCourse: "Ver el curso",
  joinWaitlist: "Lista de espera",
  booked: "Reservada",
  waitlisted: (position) => (position ? `N.º ${position} en espera` : "En la lista de espera"),
  named: (action, title, when) => `${action}: ${title}, ${when}`,
  isBooked: (title, when) => `Has reservado: ${title}, ${when}.`,
  payLater: (price) => `Pagas ${price} más tarde, en «Mis reservas» o en recepción.`,
  freeUntil: (when) => `Cancelación gratis hasta el ${when}.`,
  booking: (title) => `Reservando ${title} …`,
  joining: (title) => `Apuntándote a la lista de espera de ${title} …`,
  lostBooking: (title) =>
    `Se ha perdido la conexión antes de que respondiera el estudio. Aún no sabemos si ${title} está reservada y lo estamos intentando otra vez …`,
  unknownBooking: (title) =>
    `No podemos conectar con el estudio, así que no sabemos si ${title} está reservada. Pulsa el botón otra vez más tarde. Solo se reservará una vez.`,
  lost: "Se ha perdido la conexión antes de que respondiera el estudio. Lo estamos intentando otra vez …",
  unknown: "No podemos conectar con el estudio, así que no sabemos si se ha hecho. Pulsa el botón otra vez más tarde. Solo se hará una vez.",
  isWaiting: (title, position) =>
    position ? `Tienes el número ${position} en la lista de espera de ${title}.` : `Estás en la lista de espera de ${title}.`,
  becameFull: "La última plaza se acaba de ocupar. Puedes apuntarte a la lista de espera.",
  promoted: "Ha quedado una plaza libre: ya tienes tu reserva.",
  classCancelled: "Una de tus clases se ha cancelado.",
  classMoved: "Una de tus clases ha cambiado de hora o de sala.",
  bookingMoved: "El estudio ha pasado tu reserva a otra clase.",
  instructorChanged: "Otra persona dará una de tus clases.",
  seeBookings: "Ver mis reservas",
  addToCalendar: "Añadir al calendario",
  leaveTitle: "¿Dejar la lista de espera?",
  leaveText: (title, when) => `Pierdes tu turno para ${title}, ${when}. Si te apuntas otra vez, empiezas al final.`,
  leave: "Dejar la lista de espera",
  left: "Has dejado la lista de espera.",
  keep: "Quedarme",
};

export default texts;
