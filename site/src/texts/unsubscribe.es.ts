// The page that switches e-mails off, in Spanish.

import type { UnsubscribeTexts } from "./unsubscribe.en.ts";

const texts: UnsubscribeTexts = {
  title: "Preferencias de correo",
  categories: {
    reminders: "recordatorios de tus clases",
    bookings: "confirmaciones de tus reservas",
    waitlist: "correos sobre listas de espera",
    schedule: "avisos de cambios en tus clases",
    passes: "avisos de bonos que caducan pronto",
  },
  otherCategory: "estos correos",
  confirm: {
    title: "¿Dejar de recibir estos correos?",
    text: (name) => `Ya no recibirás ${name}.`,
    waitlist: "Puede que tengas una plaza sin recibir un correo. Consulta «Mis reservas».",
    hint: "Te seguiremos escribiendo sobre pagos y reembolsos, clases canceladas y la seguridad de tu cuenta.",
    button: "Dejar de recibirlos",
  },
  done: {
    title: "Ya no recibirás estos correos",
    text: (name) => `Ya no te enviaremos ${name}. Puedes volver a activarlos en tu cuenta.`,
  },
  ended: {
    title: "Este enlace no funciona",
    text: "El enlace está incompleto o es demasiado antiguo. Puedes cambiar tus preferencias de correo en tu cuenta.",
  },
  missing: {
    title: "Falta el enlace",
    text: "Abre otra vez el enlace completo de nuestro correo, o cambia tus preferencias de correo en tu cuenta.",
  },
  account: "Preferencias de correo",
};

export default texts;
