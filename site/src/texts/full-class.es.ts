// The dialog that adds a member to a full class, in Spanish.

import type { FullClassTexts } from "./full-class.en.ts";

const texts: FullClassTexts = {
  title: (name) => `¿Añadir a ${name} a la clase llena?`,
  text: (places) => (places === 1 ? "La única plaza está ocupada." : `Las ${places} plazas están ocupadas.`),
  othersWait: (count) => (count === 1 ? "Hay 1 miembro en la lista de espera." : `Hay ${count} miembros en la lista de espera.`),
  alsoWait: (count) => (count === 1 ? "Hay otro miembro en la lista de espera." : `Hay otros ${count} miembros en la lista de espera.`),
  toWaitlist: "Añadir a la lista de espera",
  action: "Añadir aunque esté llena",
  reason: "Motivo",
  reasonHint: "Para el registro de seguridad. El miembro no lo ve.",
};

export default texts;
