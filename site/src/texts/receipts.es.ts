// Receipts in Spanish.

import type { ReceiptsTexts } from "./receipts.en.ts";

const texts: ReceiptsTexts = {
  title: "Recibos",
  lead: "De lo que has pagado: bonos, clases y cargos.",
  none: "Todavía no has pagado nada.",
  failed: "No hemos podido cargar tus recibos.",
  missing: "No hay ningún recibo con este número.",
  signInTitle: "Tus recibos",
  signInText: "Inicia sesión para ver tus recibos.",
  signIn: "Iniciar sesión",
  more: "Mostrar más",
  all: "Todos los recibos",
  print: "Imprimir",
  receipt: (number) => `Recibo ${number}`,
  issued: "Fecha",
  buyer: "Para",
  taxNumber: (number) => `NIF ${number}`,
  item: "Concepto",
  tax: "Impuesto",
  amount: "Importe",
  total: "Total",
  includedTax: "Impuesto incluido",
  paid: "Pagado",
  refunded: "Devuelto",
  refundedTax: (tax) => `con ${tax} de impuesto`,
  kinds: { product: "", class: "", late_cancellation: "Cancelación tardía", no_show: "Ausencia" },
  tenders: { card: "Con tarjeta", cash: "En efectivo", terminal: "Con tarjeta en el estudio", transfer: "Por transferencia", gift: "Con tarjeta regalo", desk: "En el estudio" },
};

export default texts;
