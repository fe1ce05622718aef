// Messages from the contact form, in Spanish.

import type { StaffMessagesTexts } from "./staff-messages.en.ts";
import staff from "./staff.es.ts";

const texts: StaffMessagesTexts = {
  title: "Mensajes",
  hint: "Del formulario de contacto, primero los más recientes",
  which: "Qué mensajes",
  open: "Por contestar",
  processed: "Contestados",
  all: "Todos",
  failed: "No hemos podido cargar los mensajes.",
  noneOpen: "No queda ningún mensaje por contestar.",
  none: "Todavía no ha escrito nadie.",
  reply: "Responder por correo",
  replySubject: (subject) => `Re: ${subject}`,
  wrote: (name, when) => `${name} escribió el ${when}:`,
  call: (phone) => `Llamar al ${phone}`,
  markProcessed: "Marcar como contestado",
  markOpen: "Volver a «Por contestar»",
  isProcessed: (name) => `El mensaje de ${name} está marcado como contestado.`,
  isOpen: (name) => `El mensaje de ${name} está por contestar.`,
  answeredOn: (when) => `Contestado el ${when}`,
  staff,
};

export default texts;
