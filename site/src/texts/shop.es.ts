// The page about passes in Spanish.

import { plural } from "../tools/language.ts";
import passes from "./passes.es.ts";
import type { ShopTexts } from "./shop.en.ts";

const texts: ShopTexts = {
  title: "Bonos",
  lead: "Paga varias clases de una vez, en el estudio. Cuando reservas, tu bono paga la clase.",
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
  howTitle: "Cómo funciona",
  how: [
    { name: "Cómpralo en el estudio", text: "Ven antes de tu clase, dinos qué bono quieres y págalo allí. En esta página todavía no se pueden comprar bonos." },
    { name: "Reserva como siempre", text: "Tu bono paga la clase automáticamente. Si tienes varios, paga el que termina antes, a no ser que elijas otro." },
    { name: "Cambia de planes", text: "Si cancelas a tiempo, la clase vuelve a tu bono. Si cancelas tarde, la gastas." },
  ],
  questions: "¿Qué bono te conviene?",
  contact: "Pregúntanos",
  passes,
};

export default texts;
