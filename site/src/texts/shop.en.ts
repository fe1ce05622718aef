// The page about passes in English.

import { plural } from "../tools/language.ts";
import passes from "./passes.en.ts";

const texts = {
  title: "Passes",
  lead: "Pay for several classes at once, at the studio. When you book, your pass pays for the class.",
  failed: "The passes could not be loaded.",
  none: "The studio sells no passes at the moment. You pay for each class.",
  timetable: "See the timetable",
  forSale: "What you can buy",
  classes: (count: number) => plural("en", count, "# class", "# classes"),
  unlimited: "As many classes as you like",
  fromPurchase: (classes: string, days: number) => `${classes}, valid ${plural("en", days, "on the day of purchase", "# days from purchase")}`,
  fromFirstClass: (classes: string, days: number) => `${classes}, valid ${plural("en", days, "on the day of your first class", "# days from your first class")}`,
  perClass: (price: string) => `${price} per class`,
  limit: (count: number) => (count === 1 ? "Once for each member" : `At most ${count} for each member`),
  howTitle: "How it works",
  how: [
    { name: "Buy it at the studio", text: "Come before your class, tell us which pass you would like, and pay there. You cannot buy passes on this site yet." },
    { name: "Book as always", text: "Your pass pays for the class by itself. Of several passes, the one that ends first pays, unless you choose another." },
    { name: "Change your plans", text: "If you cancel in time, the class goes back to your pass. If you cancel late, it is used up." },
  ],
  questions: "Which pass is right for you?",
  contact: "Ask us",
  passes,
};

export type ShopTexts = typeof texts;
export default texts;
