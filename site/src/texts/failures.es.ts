// Failures in Spanish.

import type { FailureTexts } from "./failures.en.ts";

function duration(seconds: number): string {
  if (seconds > 90) return `${Math.ceil(seconds / 60)} minutos`;
  return seconds === 1 ? "1 segundo" : `${seconds} segundos`;
}

/** What the API says about fields that people fill in. */
const PROBLEMS: Readonly<Record<string, string>> = {
  "is required": "es obligatorio",
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
  unexpected: (status) => `El servidor ha enviado una respuesta inesperada (${status}). Inténtalo de nuevo.`,
  retryAfter: (seconds) => `Puedes intentarlo otra vez dentro de ${duration(seconds)}.`,
  byCode: {
    account_closed: "Esta cuenta está cerrada.",
    account_full: "La organización ya tiene el máximo de miembros.",
    already_booked: "Ya has reservado esta clase.",
    already_paid: "Esta reserva ya está pagada.",
    body_too_large: "Has enviado demasiados datos.",
    card_not_available: "Ahora no se puede pagar con tarjeta. Puedes pagar en recepción.",
    card_not_possible: "Esta reserva no se puede pagar con tarjeta. Puedes pagar en recepción.",
    challenge_ended: "El inicio de sesión ha tardado demasiado o ha tenido demasiados códigos erróneos. Empieza de nuevo.",
    class_cancelled: "Esta clase se ha cancelado.",
    class_full: "La clase está llena. Puedes apuntarte a la lista de espera.",
    class_over: "Esta clase ya ha terminado.",
    class_started: "Esta clase ya ha empezado.",
    demo_account: "La cuenta de demostración no se puede cambiar.",
    duplicate_cookie: "Tu navegador ha enviado dos cookies con el mismo nombre. Borra las cookies de este sitio y vuelve a entrar.",
    email_not_verified: "Confirma primero tu dirección de correo. Abre el enlace que te enviamos.",
    email_taken: "Ya hay una cuenta con esta dirección de correo.",
    email_verified: "Tu dirección de correo ya está confirmada.",
    forbidden: "No tienes permiso para hacer esto.",
    foreign_origin: "La petición viene de otro sitio.",
    idempotency_key_reused: "Esta petición ya se había enviado con otros datos. Recarga la página.",
    internal: "Algo ha fallado por nuestra parte. Inténtalo de nuevo.",
    invalid_code: "El código no es correcto o ya se usó.",
    invalid_credentials: "El correo o la contraseña no son correctos.",
    last_way_in: "Es tu única forma de entrar. Crea antes una contraseña.",
    link_ended: "Este enlace ya se ha usado o ha caducado. Pide uno nuevo.",
    malformed_request: "No hemos entendido la petición. Recarga la página.",
    not_cancellable: "Esta reserva no se puede cancelar.",
    not_found: "No lo hemos encontrado.",
    not_payable: "Esta reserva no tiene una plaza que se pueda pagar.",
    not_signed_in: "Inicia sesión.",
    nothing_to_pay: "Esta clase es gratuita.",
    overlapping_booking: "Ya tienes otra clase a esa hora.",
    payment_under_way: "El pago está en curso.",
    request_timeout: "La petición ha tardado demasiado. Inténtalo de nuevo.",
    session_gone: "Tu sesión ha terminado. Vuelve a entrar.",
    sign_in_again: "Para hacer este cambio, vuelve a entrar primero.",
    sign_in_to_confirm: "Vuelve a entrar para confirmar el cambio.",
    studio_closed: "El estudio está cerrado ese día.",
    too_many_requests: "Demasiados intentos.",
    too_many_unpaid_bookings: "Tienes demasiadas reservas sin pagar. Paga alguna antes de reservar más.",
    two_factor_enabled: "La verificación en dos pasos ya está activada.",
    two_factor_not_begun: "Empieza de nuevo la configuración de la verificación en dos pasos.",
    two_factor_setup_required: "El personal del estudio debe activar antes la verificación en dos pasos.",
    unavailable: "El servicio no responde ahora mismo. Inténtalo de nuevo en unos minutos.",
    validation_failed: "Algunos campos no son válidos.",
    waitlist_closed: "La lista de espera de esta clase está cerrada.",
    wrong_password: "La contraseña no es correcta.",
  },
  field: (label, problems) => `${label}: ${problems.map(problemInSpanish).join(", ")}.`,
};

export default texts;
