// Failures in Spanish.

import type { FailureTexts } from "./failures.en.ts";

function duration(seconds: number): string {
  if (seconds > 90) return `${Math.ceil(seconds / 60)} minutos`;
  return seconds === 1 ? "1 segundo" : `${seconds} segundos`;
}

/** What the API says about fields that people fill in. */
const PROBLEMS: Readonly<Record<string, string>> = {
  "is required": "es obligatorio",
  "must be a number": "debe ser un número",
  "must not be empty": "es obligatorio",
  "must contain a visible character": "es obligatorio",
  "is already your address": "ya es tu dirección",
  "must look like ana@example.com": "debe tener la forma ana@example.com",
  "is not the same as the password": "no coincide con la contraseña",
  "must not be your e-mail address, your name, or the studio's name, even with digits or punctuation added":
    "no puede ser tu correo, tu nombre o el nombre del estudio, ni siquiera con cifras o signos añadidos",
};

function problemInSpanish(problem: string): string {
  const known = PROBLEMS[problem];
  if (known) return known;
  const [, bound, count] = /^must (?:have|not be longer than).*?(at least|at most|longer than) (\d+)/.exec(problem) ?? [];
  if (count) return bound === "at least" ? `debe tener al menos ${count} caracteres` : `debe tener ${count} caracteres como máximo`;
  if (problem.includes("common")) return "es demasiado fácil de adivinar";
  return "no es válido";
}

const texts: FailureTexts = {
  unreachable: "No podemos conectar con el servidor. Comprueba tu conexión e inténtalo de nuevo.",
  tooSlow: "El servidor ha tardado demasiado en responder. Inténtalo de nuevo.",
  missingFields: "Rellena los campos marcados.",
  invalidFields: "Revisa los campos marcados.",
  unexpected: (status) => `El servidor ha enviado una respuesta inesperada (${status}). Inténtalo de nuevo.`,
  retryAfter: (seconds) => `Puedes intentarlo otra vez dentro de ${duration(seconds)}.`,
  byCode: async () => (await import("./failure-codes.es.ts")).default,
  field: (label, problems) => `${label}: ${problems.map(problemInSpanish).join(", ")}.`,
};

export default texts;
