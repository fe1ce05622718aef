// Dialogs that change a class, in Spanish.

import type { ClassChangesTexts } from "./class-changes.en.ts";

const texts: ClassChangesTexts = {
  cancelTitle: (title) => `¿Cancelar ${title}?`,
  cancelText: (when) => `La clase del ${when} no se dará. No se puede deshacer.`,
  told: (members) =>
    members === 0 ? "No hay reservas, así que no se envía ningún correo." : members === 1 ? "1 miembro recibe un correo." : `${members} miembros reciben un correo.`,
  refunded: "Los pagos quedan por reembolsar.",
  reason: "Mensaje para los miembros",
  reasonHint: "Va en el correo.",
  cancelAction: "Cancelar la clase",
  cancelled: (title) => `${title} está cancelada.`,
  substituteTitle: (title) => `¿Quién da ${title}?`,
  substituteText: (when) => `Elige quién sustituye el ${when}. Las demás fechas no cambian.`,
  substitute: "Elige quién da la clase",
  substitutesFailed: "No hemos podido cargar a los profesores.",
  busy: (title, time) => `Da ${title} a las ${time}`,
  substituted: (name, title) => `${name} da ${title}.`,
  counting: "Comprobando a quién avisar …",
  noSubstitute: "No hay más profesores. Añade antes uno en Profesores.",
};

export default texts;
