// What all pages have in common, in Spanish.

import type { CommonTexts } from "./common.en.ts";
import failures from "./failures.es.ts";

const texts: CommonTexts = {
  skip: "Ir al contenido",
  main: "Principal",
  language: "Idioma",
  timetable: "Horario",
  classes: "Clases",
  instructors: "Profes",
  passes: "Bonos",
  contact: "Contacto",
  bookings: "Mis reservas",
  account: "Cuenta",
  staff: "Panel del equipo",
  accountOf: (name) => `Cuenta de ${name}`,
  signIn: "Entrar",
  signOut: "Salir",
  signedOutElsewhere: "Has cerrado la sesión en otra ventana.",
  signedOut: "Has cerrado la sesión.",
  home: "Página de inicio",
  tryAgain: "Intentar de nuevo",
  close: "Cerrar",
  copy: "Copiar",
  copied: "Copiado.",
  cancel: "Cancelar",
  showPassword: "Mostrar",
  hidePassword: "Ocultar",
  request: (id) => `Petición ${id}`,
  sessionEnded: "Tu sesión ha terminado. Vuelve a entrar.",
  pageFailed: "Algo ha fallado en esta página. Recárgala.",
  offline: "No tienes conexión. No puedes reservar hasta que vuelva.",
  offlineSince: (time) => `No tienes conexión. Ves lo que se cargó a esta hora: ${time}.`,
  online: "Vuelves a tener conexión.",
  footer: "Salsa, bachata y más, para todos los niveles.",
  map: "Ver en el mapa",
  forDevelopers: "API para desarrolladores",
  loading: "Cargando …",
  sendLink: "Enviar otro enlace",
  sendingLink: "Enviando otro enlace …",
  linkSent: "Hemos enviado otro enlace a tu correo. Los anteriores ya no funcionan.",
  addressConfirmed: "Tu dirección de correo está confirmada. Inténtalo de nuevo.",
  slow: "Está tardando más de lo normal. No cierres esta página.",
  failures,
};

export default texts;
