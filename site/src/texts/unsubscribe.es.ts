// The page that switches e-mails off, in Spanish.

import type { UnsubscribeTexts } from "./unsubscribe.en.ts";

const texts: UnsubscribeTexts = {
  title: "Tus correos",
  categories: {
    reminders: "recordatorios de tus clases",
    bookings: "confirmaciones de tus reservas",
    waitlist: "correos sobre listas de espera",
    schedule: "correos sobre cambios de clases",
    passes: "correos sobre bonos que terminan pronto",
  },
  otherCategory: "estos correos",
  confirm: {
    title: "¿Menos correos?",
    text: (name) => `Dejaremos de enviarte ${name}.`,
    hint: "Te seguiremos escribiendo sobre pagos y reembolsos, clases canceladas y la seguridad de tu cuenta.",
    button: "No recibir más",
  },
  done: {
    title: "Hecho",
    text: (name) => `Ya no te enviamos ${name}. Puedes cambiarlo en tu cuenta cuando quieras.`,
  },
  ended: {
    title: "Este enlace no funciona",
    text: "No está completo o es muy antiguo. Puedes elegir tus correos en tu cuenta.",
  },
  missing: {
    title: "Falta el enlace",
    text: "Abre otra vez el enlace completo de nuestro correo, o elige tus correos en tu cuenta.",
  },
  account: "Elegir en tu cuenta",
};

export default texts;
