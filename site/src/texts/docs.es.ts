// The API reference in Spanish.

import type { DocsTexts } from "./docs.en.ts";

const texts: DocsTexts = {
  title: "Referencia de la API",
  find: "Buscar una operación",
  placeholder: "bookings, PATCH, email_taken …",
  found: (count) => (count === 1 ? "1 operación" : `${count} operaciones`),
  operations: "Operaciones",
  skip: "Saltar el índice",
  authentication: "Autenticación",
  parameters: "Parámetros",
  body: (type) => `Cuerpo (${type})`,
  tryIt: "Pruébalo",
  command: "Comando",
  responses: "Respuestas",
  headers: "Cabeceras:",
  example: "Ejemplo",
  fields: "Campos",
  next: "Siguiente:",
  required: "obligatorio",
  copy: "Copiar",
  copied: "El comando está copiado.",
  openToAll: "Abierta a todo el mundo.",
  requires: (ways) => `Necesita ${ways}.`,
  or: " o ",
  ways: {
    session: "una cookie de sesión",
    accessToken: "un token de acceso",
    partner: "el nombre y el secreto de una aplicación asociada",
    cron: "el secreto de cron",
  },
  link: "Enlace a esta operación",
  download: "Descripción OpenAPI:",
  failed: "No se ha podido cargar la referencia de la API.",
};

export default texts;
