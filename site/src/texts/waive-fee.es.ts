// The dialog that waives a fee, in Spanish.

import type { WaiveFeeTexts } from "./waive-fee.en.ts";

const texts: WaiveFeeTexts = {
  title: "¿Perdonar este cargo?",
  text: (name, amount) => `${name} ya no deberá ${amount}.`,
  action: "Perdonar el cargo",
  reason: "Motivo",
  reasonHint: "Para el registro de seguridad. El miembro no lo ve.",
  done: (name) => `Se ha perdonado el cargo de ${name}.`,
};

export default texts;
