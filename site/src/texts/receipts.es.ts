// Receipts in Spanish.

import type { ReceiptsTexts } from "./receipts.en.ts";

const texts: ReceiptsTexts = {
  title: "Recibos",
  lead: "Tus recibos de bonos, tarjetas regalo, clases y cargos.",
  none: "Todavía no has pagado nada.",
  failed: "No hemos podido cargar tus recibos.",
  missing: "No hay ningún recibo con este número.",
  signInTitle: "Tus recibos",
  signInText: "Entra para ver tus recibos.",
  signIn: "Entrar",
  more: "Mostrar más",
  all: "Todos los recibos",
  print: "Imprimir",
  receipt: (number) => `Recibo ${number}`,
  issued: "Fecha",
  buyer: "A nombre de",
  taxNumber: (number) => `NIF ${number}`,
  item: "Concepto",
  tax: "Impuesto",
  amount: "Importe",
  total: "Total",
  includedTax: "Impuesto incluido",
  paid: "Pagado",
  refunded: "Reembolsado",
  refundedTax: (tax) => `incluye ${tax} de impuestos`,
  kinds: { product: "", class: "", late_cancellation: "Cancelación tardía", no_show: "No asistencia" },
  tenders: { card: "Con tarjeta", cash: "En efectivo", terminal: "Con tarjeta en el estudio", transfer: "Por transferencia", gift: "Con tarjeta regalo", credit: "Con tu saldo", desk: "En el estudio" },
};

export default texts;
