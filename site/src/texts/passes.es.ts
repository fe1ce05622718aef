// Members' passes in Spanish: what they are good for, and what they pay.

import { plural } from "../tools/language.ts";
import type { PassesTexts } from "./passes.en.ts";

const texts: PassesTexts = {
  title: "Mis bonos",
  failed: "No se han podido cargar tus bonos.",
  again: "Intentar de nuevo",
  earlier: (count) => `Bonos anteriores (${count})`,
  see: "Ver todos los bonos",
  comeOften: "¿Vienes a menudo?",
  ofLeft: (left, all) => plural("es", left, `Queda # de ${plural("es", all, "# clase", "# clases")}`, `Quedan # de ${plural("es", all, "# clase", "# clases")}`),
  unlimited: "Todas las clases que quieras",
  goodUntil: (day) => `Válido hasta el ${day}`,
  goodFrom: (from, until) => `Válido del ${from} al ${until}`,
  goodFor: (days) => plural("es", days, "Válido el día de tu primera clase", "Válido # días desde tu primera clase"),
  frozen: (from, to) => `Congelado del ${from} al ${to}`,
  isFrozen: "Congelado",
  forAll: "Para todas las clases",
  forSome: (names) => `Solo para ${names}`,
  usedUp: "Gastado",
  ended: (day) => `Terminó el ${day}`,
  revoked: "Anulado",
  with: (name) => `Con «${name}»`,
  withPass: "Bono",
  paidWith: (name) => `Pagada con «${name}»`,
  left: (count) => (count === 0 ? "no queda ninguna" : plural("es", count, "queda #", "quedan #")),
  until: (day) => `válido hasta el ${day}`,
  choose: "Elegir cómo pagar",
  another: "Pagar de otra forma",
  why: "¿Por qué?",
  pays: (name) => `«${name}» paga esta clase`,
  nonePays: "Ninguno de tus bonos puede pagar esta clase.",
  question: "¿Cómo quieres pagar?",
  bookWith: (name) => `Reservar con «${name}»`,
  bookFor: (price) => `Reservar por ${price}`,
  payLater: "Pagas más tarde, en «Mis reservas» o en recepción",
  refused: "Estos no pueden pagar esta clase:",
  refusal: {
    used_up: () => "No le quedan clases.",
    other_class_type: ({ classes }) => `Solo vale para ${classes}.`,
    ended: ({ last }) => `Termina antes, el ${last}.`,
    not_begun: ({ first }) => `Empieza más tarde, el ${first}.`,
    too_early: () => "Empezaría con esta clase, y terminaría antes de otra que has reservado con él.",
    frozen: ({ from, to }) => `Está congelado del ${from} al ${to}.`,
  },
  coverFailed: "No hemos podido averiguar qué puede pagar esta clase.",
  close: "Ahora no",
  goesBack: (name) => `La clase vuelve a «${name}».`,
  loses: (title, when, name) => `Dejas tu plaza en ${title}, ${when}. Ya no se puede cancelar gratis: pierdes una clase de «${name}».`,
  losesNothing: (title, when, name) =>
    `Dejas tu plaza en ${title}, ${when}. Cuenta como cancelación tardía. No pierdes nada de «${name}», que es ilimitado.`,
  cancelled: "Tu reserva está cancelada.",
  wentBack: (name) => `Tu reserva está cancelada. La clase ha vuelto a «${name}».`,
  lost: (name) => `Tu reserva está cancelada. Has gastado una clase de «${name}».`,
};

export default texts;
