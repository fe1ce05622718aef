// The dialog that cancels a booking for a member, in Spanish.

import type { CancelBookingTexts } from "./cancel-booking.en.ts";

const texts: CancelBookingTexts = {
  title: (name) => `¿Cancelar la reserva de ${name}?`,
  leaveTitle: (name) => `¿Quitar a ${name} de la lista de espera?`,
  free: "Todavía se puede cancelar gratis.",
  refunded: "El pago queda por reembolsar.",
  late: "Ya no se puede cancelar gratis.",
  lateFree: "Elige si queda anotada como tardía.",
  lateUnpaid: (fee) => `Si la cancelas como tardía, el miembro debe ${fee}.`,
  latePaid: (fee) => `Si la cancelas como tardía, el estudio se queda con ${fee}.`,
  creditBack: (pass) => `La clase vuelve a «${pass}».`,
  latePass: (pass) => `Si la cancelas como tardía, la clase de «${pass}» se pierde.`,
  action: "Cancelar la reserva",
  lateChoice: { strict: "Cancelar como tardía", lenient: "Cancelar gratis" },
  ofCourse: (name) => `La reserva es parte del curso «${name}». Elige si se devuelve su parte del precio del curso.`,
  ofChangedCourse: (name) => `La reserva es parte del curso «${name}». El estudio ha cambiado la clase, así que se devuelve su parte del precio del curso.`,
  ofUnpaidCourse: (name) => `La reserva es parte del curso «${name}», que está sin pagar. Si el curso se paga después, se devuelve la parte de la clase que canceles gratis.`,
  courseChoice: { strict: "Cancelar sin devolución", lenient: "Cancelar y devolver" },
  leave: "Quitar de la lista de espera",
  reason: "Mensaje para el miembro",
  reasonHint: "Va en el correo.",
  done: (name) => `La reserva de ${name} está cancelada.`,
  left: (name) => `${name} ya no está en la lista de espera.`,
};

export default texts;
