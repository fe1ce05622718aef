// What became of check-ins, in Spanish.

import type { CheckInTexts } from "./check-ins.en.ts";

const texts: CheckInTexts = {
  notices: "Conviene que lo sepas",
  dismiss: "Entendido",
  noticeAlready: (name, who, time) => `La entrada de ${name} ya la había registrado ${who} a las ${time}.`,
  noticeNotUndone: (name, who, time) => `La entrada de ${name} no se ha deshecho: la registró ${who} a las ${time}.`,
  noticeChanged: (name) => `La entrada de ${name} no se ha deshecho, porque alguien del equipo la ha cambiado después.`,
  noticeNoPlace: (name) => `No se ha registrado la entrada de ${name}, porque la reserva ya no tiene plaza.`,
  noticeNotOpen: (name) => `No se ha registrado la entrada de ${name}, porque el registro aún no estaba abierto.`,
  noticeClassCancelled: (name) => `No se ha registrado la entrada de ${name}, porque la clase está cancelada.`,
  noticeRefused: (name) => `La entrada de ${name} fue rechazada. Inténtalo de nuevo.`,
  someone: "alguien del equipo",
};

export default texts;
