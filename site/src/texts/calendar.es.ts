// The subscription to a member's calendar in Spanish.

import type { CalendarTexts } from "./calendar.en.ts";

const texts: CalendarTexts = {
  title: "En tu calendario",
  text: "Suscríbete una vez y tu calendario mostrará siempre tus reservas. Un enlace nuevo sustituye al anterior.",
  subscribe: "Crear un enlace de calendario",
  link: "Tu enlace de calendario",
  secret: "Quien tenga este enlace puede ver tus reservas. Solo se muestra ahora.",
  copy: "Copiar el enlace",
  copied: "El enlace está copiado.",
  open: "Abrir en mi calendario",
  withdraw: "Anular todos los enlaces",
  withdrawn: "Tus enlaces de calendario ya no funcionan.",
  how: "Cómo suscribirte",
  programs: [
    { name: "Calendario de Apple", text: "En un iPhone, iPad o Mac, elige «Abrir en mi calendario» y confirma la suscripción." },
    {
      name: "Google Calendar",
      text: "Copia el enlace. En una computadora, abre Google Calendar, elige + junto a «Otros calendarios», después «Desde URL», y pega el enlace.",
    },
    { name: "Outlook", text: "Copia el enlace. En Outlook, elige «Agregar calendario», después «Suscribirse desde la web», y pega el enlace." },
  ],
};

export default texts;
