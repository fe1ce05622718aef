// The page that sets a new password, in Spanish.

import type { ResetPasswordTexts } from "./reset-password.en.ts";

const texts: ResetPasswordTexts = {
  title: "Contraseña nueva",
  choose: {
    title: "Elige una contraseña nueva",
    label: "Contraseña nueva",
    hint: "Al menos 8 caracteres. Varias palabras son una buena contraseña.",
    unlink: "Quitar el inicio de sesión con otros proveedores, como Google",
    effect: "Esto cierra tu sesión en todos los dispositivos, y tus enlaces de calendario dejan de funcionar.",
    button: "Guardar la contraseña",
    confirmed: "Tu dirección de correo está confirmada. Ahora elige la contraseña de tu cuenta.",
  },
  done: { title: "Tu contraseña nueva está guardada", text: "Se ha cerrado tu sesión en todos los dispositivos.", signIn: "Entrar" },
  ended: {
    title: "Este enlace ya no funciona",
    text: "El enlace se ha usado, tiene más de una hora o hay otro más nuevo.",
  },
  missing: {
    title: "Falta el enlace",
    text: "Abre otra vez el enlace completo de nuestro correo. Al recargar esta página, el enlace se pierde.",
  },
  request: "Pedir otro enlace",
};

export default texts;
