// A member for staff, in Spanish.

import full from "./full-class.es.ts";
import type { StaffMemberTexts } from "./staff-member.en.ts";
import cancelBooking from "./cancel-booking.es.ts";
import staff from "./staff.es.ts";
import till from "./till.es.ts";
import waive from "./waive-fee.es.ts";

const texts: StaffMemberTexts = {
  title: "Miembro",
  back: "Todos los miembros",
  failed: "No hemos podido cargar el miembro.",
  unknown: "Ningún miembro activo tiene esta dirección. Puede que la cuenta esté desactivada.",
  since: (day) => `Miembro desde el ${day}`,
  unconfirmed: "Correo sin confirmar",
  book: "Reservar una clase",
  bookTitle: (name) => `Reservar una clase para ${name}`,
  bookDay: "Día",
  bookClass: "Elige una clase para reservarla",
  classesFailed: "No hemos podido cargar las clases.",
  noClasses: "Este día no se puede reservar ninguna clase.",
  spots: (count) => (count === 1 ? "1 plaza" : `${count} plazas`),
  fullClass: "completa",
  booked: (title) => `${title} está reservada.`,
  waiting: (title) => `${title}: en la lista de espera.`,
  bookings: "Reservas",
  which: "Qué reservas",
  upcoming: "Próximas",
  past: "Pasadas",
  bookingsFailed: "No hemos podido cargar las reservas.",
  noUpcoming: "No hay ninguna clase reservada.",
  noPast: "Todavía no ha venido.",
  bookingColumns: { class: "Clase", when: "Cuándo", status: "Reserva", payment: "Pago" },
  statuses: { booked: "Reservada", waitlisted: "En espera", cancelled: "Cancelada", attended: "Asistió", no_show: "No vino" },
  late: "tarde",
  owes: (amount) => `Debe ${amount}`,
  takePayment: "Cobrar",
  unpaid: (price) => `Sin pagar: ${price}`,
  given: "Regalo del estudio",
  returnedTo: (pass) => `Devuelta a «${pass}»`,
  roster: "Abrir la lista",
  notes: "Leer las notas médicas",
  notesTitle: (name) => `Notas médicas de ${name}`,
  notesText: "Lo que se escribe aquí es privado. Queda anotado con tu nombre que lo has leído.",
  notesAction: "Leerlas",
  noNotes: "No hay notas médicas.",
  unreadableNotes: "Hay notas médicas que ya no se pueden leer. Pregunta al miembro.",
  actionsOf: (title, when) => `Más para ${title}, ${when}`,
  payments: "Pagos",
  paymentsFailed: "No hemos podido cargar los pagos.",
  noPayments: "No hay pagos.",
  paymentColumns: { class: "Clase", date: "Creado", amount: "Importe", status: "Estado" },
  cancelBooking,
  full,
  staff,
  till,
  waive,
};

export default texts;
