// A member's settings in Spanish.

import calendar from "./calendar.es.ts";
import type { SettingsTexts } from "./settings.en.ts";

const texts: SettingsTexts = {
  parts: "Partes de esta página",
  saved: "Tus cambios están guardados.",
  save: "Guardar",
  failed: "No se han podido cargar tus datos.",
  profile: {
    title: "Tus datos",
    firstName: "Nombre",
    lastName: "Apellidos",
    phone: "Teléfono",
    phoneHint: "Con el prefijo del país, como +34 612 345 678.",
    dateOfBirth: "Fecha de nacimiento",
    level: "¿Cuánto tiempo llevas bailando?",
    levels: {
      beginner: "Estoy empezando",
      intermediate: "Bailo una canción entera",
      advanced: "Bailo todas las semanas",
    },
  },
  emergency: {
    title: "Emergencias y salud",
    lead: "Para poder ayudarte si pasa algo en clase. Todo es opcional.",
    name: "¿A quién llamamos?",
    phone: "Su número de teléfono",
    conditions: "¿Hay algo que debamos saber para darte clase?",
    conditionsHint: "Por ejemplo, una lesión o un embarazo. Se guarda cifrado. El estudio solo puede leerlo para una clase que hayas reservado, y cada vez queda registrada.",
    unreadable: "Lo que escribiste sobre tu salud ya no se puede leer. Escríbelo otra vez.",
  },
  mails: {
    title: "Preferencias de correo",
    categories: {
      reminders: "Recordatorios de clase, un día antes",
      bookings: "Confirmaciones de reserva",
      waitlist: "Listas de espera y plazas libres",
      schedule: "Cambios de hora, sala o profe",
      passes: "Bonos que caducan en una semana",
    },
    marketing: "Novedades, fiestas y ofertas",
    waitlist: "Si desactivas los correos sobre listas de espera, mira en «Mis reservas» si tienes una plaza.",
    always: "Siempre te escribimos sobre pagos y reembolsos, clases canceladas y la seguridad de tu cuenta.",
    categoryIsOn: (name) => `Activado: ${name}.`,
    categoryIsOff: (name) => `Desactivado: ${name}.`,
    isOn: "Recibirás nuestras novedades.",
    isOff: "No recibirás novedades.",
  },
  language: {
    title: "Idioma",
    lead: "El idioma de este sitio y de los correos que te enviamos.",
  },
  data: {
    title: "Lo que guardamos de ti",
    lead: "Descarga lo que guardamos sobre ti: tus datos, tus reservas y lo que pasó con ellas, las sesiones y las formas de entrar. El archivo es JSON, que pueden leer personas y programas.",
    button: "Descargar mis datos",
    progress: "Reuniendo tus datos",
    done: "Tus datos están en tus descargas.",
    steps: {
      profile: "Tus datos",
      upcomingBookings: "Próximas reservas",
      pastBookings: "Reservas pasadas",
      membership: "Membresía",
      passes: "Bonos",
      credit: "Saldo",
      mailPreferences: "Preferencias de correo",
      events: "Avisos de tus reservas",
      sessions: "Sesiones",
      signInMethods: "Formas de entrar",
      twoFactor: "Verificación en dos pasos",
    },
  },
  close: {
    title: "Cerrar la cuenta",
    lead: "Esto no se puede deshacer.",
    losses: [
      "Se cancelan tus próximas reservas y pierdes tu turno en las listas de espera. Solo te devolvemos el dinero de las clases que aún se puedan cancelar gratis.",
      "Pierdes tus plazas en los cursos, y no se devuelve nada por ellas.",
      "Tus bonos y tu membresía terminan de inmediato. No se harán más cobros por la membresía.",
      "Pierdes tu saldo. Úsalo antes o pide al estudio que te lo pague.",
      "Se borran tu nombre, tu teléfono y todos tus demás datos personales.",
      "Se cierra tu sesión en todos los dispositivos, y tus enlaces de calendario dejan de funcionar.",
      "Puedes volver a registrarte con la misma dirección, pero empiezas desde cero.",
    ],
    word: "cerrar",
    confirmation: "Confirmación",
    typeWord: (word) => `Escribe la palabra «${word}».`,
    button: "Cerrar mi cuenta",
    done: "Tu cuenta está cerrada. Te hemos enviado un correo.",
    noPassword: "Tu cuenta no tiene contraseña. Entra otra vez con tu proveedor. Después tienes diez minutos para cerrar la cuenta.",
  },
  calendar,
};

export default texts;
