// What the pages of the shop, of members, and of staff say about products, in Spanish.

import { plural } from "../tools/language.ts";
import type { ProductTexts } from "./products.en.ts";

const texts: ProductTexts = {
  forAll: "Para todas las clases",
  forSome: (names) => `Solo para ${names}`,
  perPeriod: { week: "a la semana", month: "al mes", year: "al año" },
  classesEachPeriod: (count, every) => `${plural("es", count, "# clase", "# clases")} ${{ week: "cada semana", month: "cada mes", year: "cada año" }[every]}`,
};

export default texts;
