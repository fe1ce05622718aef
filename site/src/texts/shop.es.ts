// The page about passes in Spanish.

import { plural } from "../tools/language.ts";
import passes from "./passes.es.ts";
import type { ShopTexts } from "./shop.en.ts";

const texts: ShopTexts = {
  title: "Bonos",
  lead: "Paga varias clases de una vez. Cuando reservas, tu bono paga la clase.",
  leadAtStudio: "Paga varias clases de una vez, en el estudio. Cuando reservas, tu bono paga la clase.",
  failed: "No se han podido cargar los bonos.",
  none: "Ahora mismo el estudio no vende bonos. Pagas cada clase por separado.",
  timetable: "Ver el horario",
  forSale: "Qué puedes comprar",
  classes: (count) => plural("es", count, "# clase", "# clases"),
  unlimited: "Todas las clases que quieras",
  fromPurchase: (classes, days) => `${classes}, válido ${plural("es", days, "el día de la compra", "# días desde la compra")}`,
  fromFirstClass: (classes, days) => `${classes}, válido ${plural("es", days, "el día de tu primera clase", "# días desde tu primera clase")}`,
  perClass: (price) => `${price} por clase`,
  limit: (count) => (count === 1 ? "Uno por persona" : `Como máximo ${count} por persona`),
  buy: "Comprar",
  get: "Conseguir gratis",
  buyNamed: (name) => `Comprar: ${name}`,
  getNamed: (name) => `Conseguir gratis: ${name}`,
  promo: {
    have: "Tengo un código promocional o una tarjeta regalo",
    title: "Código promocional",
    apply: "Aplicar",
    applied: (code) => `Se ha aplicado «${code}». Abajo ves los nuevos precios.`,
    remove: "Quitar el código",
    before: (price) => `en vez de ${price}`,
    with: (code) => `con ${code}`,
    nothing: "Ninguno de estos bonos cuesta menos con este código.",
    signIn: "¿Tienes un código promocional? Entra para usarlo.",
  },
  gift: {
    title: "Tarjetas regalo",
    about: "Con una tarjeta regalo se pueden pagar bonos. Te enviamos el código por correo para que lo regales.",
    aboutAtStudio: "Con una tarjeta regalo se pueden pagar bonos. Puedes comprarla en el estudio.",
    code: "Tarjeta regalo",
    check: "Comprobar",
    pays: (balance) => `En la tarjeta regalo quedan ${balance}. Se usa primero al comprar un bono.`,
    left: (balance) => `En la tarjeta regalo quedan ${balance}.`,
    signIn: "Entra para pagar con ella.",
    remove: "Quitar la tarjeta regalo",
    rest: (covered, rest) => `La tarjeta regalo paga ${covered}, y tú pagas ${rest} con tarjeta.`,
    all: "La tarjeta regalo lo paga todo.",
    sent: (name) => `Gracias. Te hemos enviado el código de «${name}» por correo.`,
  },
  sending: {
    lost: "Se ha perdido la conexión. Lo intentamos otra vez …",
    unknown: "No sabemos si tu compra ha llegado. Inténtalo otra vez: no pagarás dos veces.",
  },
  returned: {
    done: "Gracias. Estamos esperando la confirmación de tu pago …",
    paid: (name) => `Gracias. «${name}» ya es tuyo y paga las clases que reserves.`,
    slow: "Tu pago aún no está confirmado. Te escribiremos en cuanto lo esté.",
    late: "Tu pago llegó cuando la compra ya estaba cancelada, así que no has comprado nada. Te lo reembolsamos en la tarjeta.",
    open: "No has pagado, así que no has comprado nada. Puedes comprarlo cuando quieras.",
  },
  howTitle: "Cómo funciona",
  howByCard: { name: "Compra un bono aquí o en el estudio", text: "Aquí pagas con tarjeta y puedes usar el bono enseguida. En el estudio también puedes pagar de otras formas." },
  howAtStudio: { name: "Compra un bono en el estudio", text: "Ven antes de tu clase, dinos qué bono quieres y págalo allí. Los bonos de pago solo se venden allí." },
  how: [
    { name: "Reserva como siempre", text: "Tu bono paga la clase automáticamente. Si tienes varios, paga el que termina antes, a no ser que elijas otro." },
    { name: "Cambia de planes", text: "Si cancelas a tiempo, la clase vuelve a tu bono. Si cancelas tarde, la gastas." },
  ],
  questions: "¿Qué bono te conviene?",
  contact: "Pregúntanos",
  passes,
};

export default texts;
