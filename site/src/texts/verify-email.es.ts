// The page that confirms an e-mail address, in Spanish.

import type { VerifyEmailTexts } from "./verify-email.en.ts";

const texts: VerifyEmailTexts = {
  title: "Tu dirección de correo",
  confirm: {
    title: "¿Es esta tu dirección de correo?",
    text: "Confirma que has recibido nuestro correo. Si no lo pediste, cierra esta página y no cambiará nada.",
    button: "Confirmar mi dirección",
  },
  done: {
    title: "Tu dirección está confirmada",
    text: "Gracias. Ya puedes reservar clases.",
    timetable: "Ver el horario",
    book: (title) => `Reservar ${title}`,
    signIn: "Gracias. Entra para reservar clases.",
    signInButton: "Entrar",
    signInToBook: (title) => `Entrar y reservar ${title}`,
  },
  ended: {
    title: "Este enlace ya no funciona",
    text: "Se ha usado, ha caducado o hay otro más nuevo. Si el estudio te invitó, usa «¿Has olvidado tu contraseña?» en la página para iniciar sesión. Si era para una dirección nueva, vuelve a pedir el cambio en tu cuenta.",
    signInFirst: "Entra primero para pedir otro enlace.",
  },
  missing: {
    title: "Falta el enlace",
    text: "Abre otra vez el enlace completo de nuestro correo. Al recargar esta página, el enlace se pierde.",
  },
  account: "Ir a tu cuenta",
};

export default texts;
