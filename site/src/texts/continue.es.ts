// The page that continues to a partner application, in Spanish.

import type { ContinueTexts } from "./continue.en.ts";

const texts: ContinueTexts = {
  title: "Continuar",
  to: (app) => `Continuar en ${app}`,
  signedInAs: "Has entrado como",
  receives: (host) =>
    `${host} recibirá tu perfil: nombre, correo, teléfono, nivel, idioma, función en el estudio, fecha de registro y la organización por la que actúas.`,
  onBehalfOf: "En nombre de",
  myself: "mí",
  button: "Continuar",
  signInTitle: "Entra primero",
  signInText: "Después volverás a esta página.",
  signIn: "Entrar",
  missingTitle: "El enlace está incompleto",
  missingText: "Debe indicar una aplicación y una dirección a la que volver. Empieza de nuevo desde la aplicación.",
  account: "Ir a tu cuenta",
  failedTitle: "Ahora mismo no podemos continuar",
  unknownApp: (app) => `No conocemos la aplicación ${app}.`,
  wrongAddress: (app) => `${app} no acepta esta dirección de vuelta. Empieza de nuevo desde la aplicación.`,
};

export default texts;
