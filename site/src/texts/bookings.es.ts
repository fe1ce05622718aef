// A member's bookings in Spanish.

import type { BookingsTexts } from "./bookings.en.ts";
import calendar from "./calendar.es.ts";
import classes from "./classes.es.ts";

const texts: BookingsTexts = {
  title: "Mis reservas",
  lead: "Aquí pagas tus clases, las cancelas o las pones en tu calendario.",
  upcoming: "Próximas clases",
  fees: "Cargos por pagar",
  feeLate: "Cancelaste tarde",
  feeNoShow: "No viniste",
  feeAtDesk: "Paga en recepción, por favor.",
  past: "Clases pasadas",
  receipts: "Recibos de lo que has pagado",
  noneUpcoming: "No has reservado ninguna clase. ¿Cuál te apetece bailar?",
  timetable: "Ver el horario",
  nonePast: "Aquí verás las clases en las que has estado.",
  showPast: "Ver las clases pasadas",
  more: "Mostrar más",
  signInTitle: "Tus reservas",
  signInText: "Entra para ver las clases que has reservado.",
  signIn: "Entrar",
  register: "Crear una cuenta",
  failed: "No se han podido cargar tus reservas.",
  status: {
    booked: "Reservada",
    waitlisted: "Lista de espera",
    cancelled: "Cancelada",
    attended: "Estuviste",
    no_show: "No viniste",
  },
  classCancelled: "El estudio ha cancelado esta clase",
  payment: {
    paid: "Pagada",
    pending: "Sin pagar",
    failed: "El pago ha fallado",
    cancelled: "Sin pagar",
    refund_due: "La devolución está en camino",
    partly_refunded: "Devuelta en parte",
    refunded: "Devuelta",
    disputed: "El pago está en disputa",
  },
  unpaid: "Sin pagar",
  given: "Regalo del estudio",
  paysAtDesk: "Pagas en recepción",
  freeUntil: (when) => `Cancelación gratis hasta el ${when}`,
  freeOver: "Ya no se puede cancelar gratis",
  payCard: "Pagar con tarjeta",
  payDesk: "Pagar en recepción",
  deskChosen: "Guardamos tu plaza. Paga en recepción antes de la clase.",
  cancel: "Cancelar la reserva",
  leave: "Dejar la lista de espera",
  named: (action, title, when) => `${action}: ${title}, ${when}`,
  cancelTitle: "¿Cancelar esta reserva?",
  cancelFree: (title, when) => `Dejas tu plaza en ${title}, ${when}. No te cuesta nada.`,
  cancelRefundCard: "Te devolvemos el pago a la tarjeta.",
  cancelRefundDesk: "Te devolvemos el dinero en recepción.",
  cancelLate: (title, when, fee) =>
    `Dejas tu plaza en ${title}, ${when}. Ya no se puede cancelar gratis: nos quedamos con ${fee} de lo que has pagado.`,
  cancelLateUnpaid: (title, when, fee) =>
    `Dejas tu plaza en ${title}, ${when}. Ya no se puede cancelar gratis: tendrás que pagar ${fee}.`,
  cancelLateFree: (title, when) =>
    `Dejas tu plaza en ${title}, ${when}. Cuenta como cancelación tardía, pero no te cuesta nada.`,
  cancelRest: "Te devolvemos el resto.",
  keep: "Quedarme con la plaza",
  cancelled: "Tu reserva está cancelada.",
  cancelledOwes: (fee) => `Tu reserva está cancelada. Paga ${fee} por la cancelación tardía, por favor.`,
  cancelledRefundCard: "Tu reserva está cancelada. La devolución puede tardar unos días.",
  cancelledRefundDesk: "Tu reserva está cancelada. Recoge la devolución en recepción.",
  returned: {
    done: "Gracias. Estamos esperando la confirmación de tu pago …",
    paid: "Gracias, hemos recibido tu pago.",
    slow: "Tu pago aún no está confirmado. Esta página lo mostrará en cuanto lo esté.",
    open: "Aún no has pagado. Guardamos tu plaza media hora desde que empezaste a pagar.",
  },
  calendar,
  classes,
};

export default texts;
