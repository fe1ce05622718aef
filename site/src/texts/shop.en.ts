// The page about passes in English.

import { plural } from "../tools/language.ts";
import passes from "./passes.en.ts";

const texts = {
  title: "Passes",
  lead: "Pay for several classes at once. When you book, your pass pays for the class.",
  leadAtStudio: "Pay for several classes at once, at the studio. When you book, your pass pays for the class.",
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
  buy: "Buy",
  get: "Get it for free",
  buyNamed: (name: string) => `Buy: ${name}`,
  getNamed: (name: string) => `Get it for free: ${name}`,
  promo: {
    have: "I have a promo code or a gift card",
    title: "Promo code",
    apply: "Apply",
    applied: (code: string) => `“${code}” is applied. You see the new prices below.`,
    remove: "Remove the code",
    before: (price: string) => `instead of ${price}`,
    with: (code: string) => `with ${code}`,
    nothing: "None of these passes costs less with this code.",
    signIn: "Do you have a promo code? Sign in to use it.",
  },
  gift: {
    title: "Gift cards",
    about: "A gift card pays for passes. We e-mail you the code, which you give away.",
    aboutAtStudio: "A gift card pays for passes. You can buy one at the studio.",
    code: "Gift card",
    check: "Check",
    pays: (balance: string) => `${balance} is left on the gift card. It is used first when you buy a pass.`,
    left: (balance: string) => `${balance} is left on the gift card.`,
    signIn: "Sign in to pay with it.",
    remove: "Remove the gift card",
    rest: (covered: string, rest: string) => `The gift card pays ${covered}, and you pay ${rest} by card.`,
    all: "The gift card pays all of it.",
    sent: (name: string) => `Thank you. We have sent you the code of “${name}” by e-mail.`,
  },
  sending: {
    lost: "The connection was lost. We are trying again …",
    unknown: "We do not know whether your order has arrived. Try again: you will not pay twice.",
  },
  returned: {
    done: "Thank you. We are waiting for the confirmation of your payment …",
    paid: (name: string) => `Thank you. “${name}” is yours, and pays for the classes that you book.`,
    slow: "Your payment is not confirmed yet. We will e-mail you as soon as it is.",
    late: "Your payment arrived after the order was cancelled, so you have not bought anything. We refund it to your card.",
    open: "You have not paid, so you have not bought anything. You can buy it at any time.",
  },
  howTitle: "How it works",
  howByCard: { name: "Buy a pass here or at the studio", text: "Here you pay by card, and you can use the pass at once. At the studio you can pay in other ways too." },
  howAtStudio: { name: "Buy a pass at the studio", text: "Come before your class, tell us which pass you would like, and pay there. Passes that cost money are sold only there." },
  how: [
    { name: "Book as always", text: "Your pass pays for the class by itself. Of several passes, the one that ends first pays, unless you choose another." },
    { name: "Change your plans", text: "If you cancel in time, the class goes back to your pass. If you cancel late, it is used up." },
  ],
  questions: "Which pass is right for you?",
  contact: "Ask us",
  passes,
};

export type ShopTexts = typeof texts;
export default texts;
