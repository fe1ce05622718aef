// The pages for developers in Spanish.

import type { DocsTexts } from "./docs.en.ts";

const texts: DocsTexts = {
  title: "Referencia de la API",
  developers: "Para desarrolladores",
  pages: [
    { href: "/docs", name: "Referencia de la API" },
    { href: "/docs/sign-in", name: "Iniciar sesión" },
    { href: "/docs/book-a-class", name: "Reservar una clase" },
    { href: "/docs/payments", name: "Pagos" },
    { href: "/docs/partner-applications", name: "Aplicaciones asociadas" },
    { href: "/docs/errors", name: "Códigos de error" },
  ],
  lead: "Todas las operaciones de la API del estudio, con ejemplos para copiar. El botón «Run» envía la petición a este estudio. La referencia está en inglés.",
  signedInAs: (name) => `Las peticiones se envían con tu sesión, como ${name}.`,
  signedOut: "No has iniciado sesión. Las operaciones para miembros responden 401.",
  signIn: "Iniciar sesión",
  download: "Descripción OpenAPI",
  find: "Buscar una operación",
  placeholder: "bookings, PATCH, email_taken …",
  found: (count) => (count === 1 ? "1 operación" : `${count} operaciones`),
  confirmTitle: "¿Enviar esta petición?",
  confirmText: (request) => `${request} borra datos de este estudio. No se puede deshacer.`,
  send: "Enviar la petición",
  failed: "No se ha podido cargar la referencia de la API.",
};

export default texts;
