// What the pages of the shop, of members, and of staff say about products, in English.

import type { Schema } from "../api/client.ts";
import { plural } from "../tools/language.ts";

const texts = {
  forAll: "For all classes",
  forSome: (names: string) => `Only for ${names}`,
  perPeriod: { week: "per week", month: "per month", year: "per year" },
  classesEachPeriod: (count: number, every: Schema<"BillingPeriod">) => `${plural("en", count, "# class", "# classes")} ${{ week: "each week", month: "each month", year: "each year" }[every]}`,
};

export type ProductTexts = typeof texts;
export default texts;
