// The guides for developers in Spanish.

import type { AllGuideTexts } from "../pages/docs/guides.ts";

const texts: AllGuideTexts = {
  signIn: {
    title: "Iniciar sesión",
    lead: "Los navegadores inician sesión con una cookie. Los demás programas usan tokens. Los ejemplos usan las cuentas de demostración de `cargo dev`; pégalos uno tras otro.",
    sections: {
      token: {
        heading: "Pide un token",
        text: "Con `mode: \"token\"` la respuesta tiene un token de acceso y un token de renovación. El token de acceso vale durante 15 minutos.",
      },
      use: {
        heading: "Envíalo con cada petición",
        text: "Pon el token de acceso en la cabecera `authorization`. Sin un token válido la respuesta es 401 con [`not_signed_in`](/docs/errors#not_signed_in).",
      },
      refresh: {
        heading: "Pide el token siguiente",
        text: "Antes de que termine el token de acceso, cambia el token de renovación por otro par. Cada token de renovación sirve una vez. Si la respuesta se pierde, el mismo cliente puede repetir la petición y recibe el mismo token nuevo hasta que este se usa. Cualquier otro uso del token anterior termina la sesión, porque alguien puede haberlo robado. La respuesta es entonces 401 con [`refresh_token_refused`](/docs/errors#refresh_token_refused).",
      },
      cookie: {
        heading: "Usa una cookie en un navegador",
        text: "Sin `mode` la respuesta crea una cookie que los scripts no pueden leer. Las peticiones que cambian algo deben venir de una página del estudio. Si no, la respuesta es 403 con [`foreign_origin`](/docs/errors#foreign_origin). Con `remember`, la sesión dura como máximo treinta días, o siete sin uso.",
      },
      secondFactor: {
        heading: "Pide el segundo factor",
        text: "Si la cuenta tiene un segundo factor, la respuesta es 401 con [`two_factor_required`](/docs/errors#two_factor_required) y un `challenge`. Pide el código de la aplicación de autenticación y envía `challenge` y `code` a la misma dirección. `code` también puede ser un código de recuperación.",
      },
      signOut: {
        heading: "Cierra la sesión",
        text: "La sesión termina al instante en todas partes. Con `all` terminan todas las sesiones del miembro.",
      },
    },
  },
  bookAClass: {
    title: "Reservar una clase",
    lead: "Busca una clase en el horario, reserva una plaza y cancélala a tiempo. Los ejemplos usan una cuenta de demostración de `cargo dev`; pégalos uno tras otro.",
    sections: {
      signIn: { heading: "Inicia sesión", text: "El horario está abierto a todo el mundo. Las reservas son de un miembro, así que inicia sesión primero. Mira [Iniciar sesión](/docs/sign-in)." },
      find: {
        heading: "Busca una clase",
        text: "El horario ordena las clases por su comienzo. `placesLeft` es el número de plazas libres. Los días y `localTime` están en la zona horaria del estudio.",
      },
      book: {
        heading: "Reserva una plaza",
        text: "La respuesta es la reserva. Con una `Idempotency-Key` puedes repetir la petición si se corta la conexión, sin reservar dos veces. Si la clase está llena, la respuesta es 409 con [`class_full`](/docs/errors#class_full); envía `joinWaitlist: true` para apuntarte a la lista de espera. Si un bono del miembro puede pagar la clase, la paga, y `pass` dice cuál. En [`createBooking`](/docs#createBooking) están todos los códigos.",
      },
      list: { heading: "Consulta las reservas", text: "Cada reserva tiene su clase, el estado de su pago y `freeCancellationUntil`." },
      follow: {
        heading: "Sigue los cambios",
        text: "Los eventos dicen cuándo un miembro sube de la lista de espera y cuándo el estudio mueve o cancela una clase. Con `Accept: text/event-stream` la misma dirección los envía en el momento.",
      },
      cancel: {
        heading: "Cancela",
        text: "Hasta `freeCancellationUntil` cancelar no cuesta nada, el pago se devuelve y el crédito vuelve al bono. Después, `lateCancellation` es true y `fee` dice cuánto cuesta: se descuenta del pago o queda por pagar. Si paga un bono con créditos, en vez del cargo se gasta el crédito.",
      },
    },
  },
  payments: {
    title: "Pagos",
    lead: "Los miembros pagan una reserva en recepción o con tarjeta. Los ejemplos usan una cuenta de demostración de `cargo dev`; pégalos uno tras otro.",
    sections: {
      methods: { heading: "Mira qué acepta el estudio", text: "`paymentMethods` contiene `desk` y, si el estudio ha configurado Stripe, `card`." },
      signIn: { heading: "Inicia sesión", text: "Los pagos son del miembro que ha reservado." },
      book: { heading: "Reserva una clase", text: "Mira [Reservar una clase](/docs/book-a-class)." },
      start: {
        heading: "Elige cómo pagar",
        text: "Con `desk` la plaza queda guardada y el personal registra el pago. Repetir la petición devuelve el mismo pago, y otro método lo sustituye. El número de reservas sin pagar tiene un límite. Por encima de él, la respuesta es 409 con [`too_many_unpaid_bookings`](/docs/errors#too_many_unpaid_bookings).",
      },
      card: {
        heading: "Paga con tarjeta",
        text: "Con `method: \"card\"` la respuesta tiene `checkoutUrl`. Lleva el navegador allí antes de media hora, mientras la plaza está guardada. Stripe devuelve al miembro al sitio del estudio. Un estudio sin Stripe, como un `cargo dev` recién instalado, responde 409 con [`card_not_available`](/docs/errors#card_not_available).",
      },
      follow: {
        heading: "Espera el pago",
        text: "Volver de Stripe no demuestra nada. Consulta el pago cada pocos segundos hasta que su `status` sea `paid`, `failed` o `cancelled`.",
      },
      refund: {
        heading: "Cancela y devuelve",
        text: "Después de una cancelación a tiempo, un pago con tarjeta se devuelve solo, diez minutos después como pronto. Lo pagado en recepción queda como `refund_due` hasta que el personal lo devuelve.",
      },
    },
  },
  partnerApplications: {
    title: "Aplicaciones asociadas",
    lead: "Un miembro que ha iniciado sesión aquí puede abrir otra aplicación, como una tienda de entradas, sin iniciar sesión otra vez. Los ejemplos usan la tienda de entradas de `cargo dev`; pégalos uno tras otro.",
    sections: {
      register: {
        heading: "Registra la aplicación",
        text: "Un administrador la registra con [`createPartnerApp`](/docs#createPartnerApp) y recibe su secreto una sola vez. Solo el servidor de la aplicación debe conocer el secreto.",
      },
      request: {
        heading: "Pide un token",
        text: "El sitio del estudio pide un token para la aplicación con la sesión del miembro. El token sirve una vez, para esta aplicación, durante 15 minutos. El miembro debe haber confirmado su correo. Si no, la respuesta es 403 con [`email_not_verified`](/docs/errors#email_not_verified).",
      },
      validate: {
        heading: "Valídalo",
        text: "El servidor de la aplicación envía el token con su nombre y su secreto y sabe así quién es el miembro. Guarda `user.id`, porque un correo puede pasar a otra persona. Un segundo intento responde 401 con [`token_ended`](/docs/errors#token_ended).",
      },
      browser: {
        heading: "Hazlo en un navegador",
        text: "Lleva a los visitantes a `/continue?app=ticket-shop&returnTo=…`. La página pregunta al miembro y vuelve a `returnTo` con `token` en la dirección. `returnTo` debe tener un origen con el que esté registrada la aplicación. Pon en ella un valor tuyo, ligado al navegador, y compáralo después. Si no, un atacante puede hacer que un visitante entre con la cuenta de otra persona.",
      },
      revoke: { heading: "Revócalo", text: "El miembro o la aplicación revocan un token que ya no hace falta. Revocarlo otra vez no hace daño." },
    },
  },
};

export default texts;
