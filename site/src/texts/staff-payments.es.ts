// Payments for staff, in Spanish.

import type { StaffPaymentsTexts } from "./staff-payments.en.ts";
import staff from "./staff.es.ts";
import till from "./till.es.ts";
import waive from "./waive-fee.es.ts";

const texts: StaffPaymentsTexts = {
  title: "Pagos",
  hint: "De clases, primero los más recientes. Lo que se ha vendido está en «Ventas».",
  status: "Mostrar",
  all: "Todos los pagos",
  failed: "No hemos podido cargar los pagos.",
  none: "No hay pagos.",
  noneDue: "No hay nada por reembolsar.",
  columns: { member: "Miembro", class: "Clase", date: "Creado", amount: "Importe", status: "Estado" },
  actionsOf: (member, title) => `Más para el pago de ${member}, ${title}`,
  markPaid: "Anotar pago en recepción",
  markPaidTitle: "¿Ha pagado?",
  markPaidText: (member, amount, title) => `${member} paga ${amount} por ${title} en recepción, en efectivo o con el datáfono.`,
  isPaid: (member) => `El pago de ${member} está anotado.`,
  refund: "Reembolsar",
  refundOf: (member, title) => `Reembolsar a ${member}, ${title}`,
  refundTitle: "¿Reembolsar este pago?",
  refundCard: (member, amount, title) => `Reembolsamos ${amount} a la tarjeta de ${member}, por ${title}. Stripe tarda unos días.`,
  refundDesk: (member, amount, title) => `Devuelve ${amount} a ${member} en recepción por ${title}. Sabor solo lo anota.`,
  bookingStays: "La reserva se mantiene. Para dejar libre la plaza, cancélala en la lista.",
  sentByItself: "El reembolso se envía automáticamente a la tarjeta.",
  cardsOff: "El reembolso no se puede enviar a la tarjeta hasta que se configuren los pagos con tarjeta.",
  isRefunded: (member, amount) => `El reembolso de ${amount} a ${member} está anotado.`,
  owedFees: "Cargos por pagar",
  noFees: "Nadie tiene cargos pendientes.",
  feesFailed: "No hemos podido cargar la lista.",
  feeReason: "Motivo",
  feeReasons: { late_cancellation: "Canceló tarde", no_show: "No vino" },
  payWithPass: "Pagar con un bono",
  passes: "Bonos del miembro",
  roster: "Abrir la lista",
  staff,
  till,
  waive,
};

export default texts;
