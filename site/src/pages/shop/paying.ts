// What the member's credit and a gift card pay of a price.

import { api, call } from "../../api/client.ts";
import type { ShopTexts } from "../../texts/shop.en.ts";
import { Store } from "../../tools/store.ts";
import { formatPrice } from "../../tools/time.ts";

/** A gift card whose code the person knows. */
export interface EnteredCard {
  code: string;
  balance: string;
  currency: string;
}

/** The credit of the member, and whether it pays. */
export interface OwnCredit {
  balance: string;
  currency: string;
  isUsed: boolean;
}

/** Null: there is none, or nobody is signed in. */
export const credit = new Store<OwnCredit | null>(null);

/** Loads the credit of the member. */
export async function loadCredit(): Promise<void> {
  const { balance, currency } = await call(api.GET("/api/shop/credit", { params: { query: { limit: 1 } } }));
  credit.set(Number(balance) > 0 ? { balance, currency, isUsed: credit.value?.isUsed ?? true } : null);
}

/** What is paid of a price in each way. */
export interface Split {
  byCredit: string;
  covered: string;
  rest: string;
}

/** What the credit and a gift card pay of a price, and what is left to pay by card. */
export function split(card: EnteredCard | null, total: string): Split {
  const decimals = total.split(".")[1]?.length ?? 0;
  const byCredit = Math.min(credit.value?.isUsed ? Number(credit.value.balance) : 0, Number(total));
  const covered = Math.min(Number(card?.balance ?? 0), Number(total) - byCredit);
  return { byCredit: byCredit.toFixed(decimals), covered: covered.toFixed(decimals), rest: (Number(total) - byCredit - covered).toFixed(decimals) };
}

/** Says who pays how much. Null: all is paid by card, or nothing is. */
export function describeSplit(t: ShopTexts, card: EnteredCard | null, total: string, currency: string): string | null {
  const { byCredit, covered, rest } = split(card, total);
  const money = (amount: string) => formatPrice(amount, currency);
  if (Number(byCredit) === 0) return !card ? null : Number(rest) === 0 ? t.gift.all : t.gift.rest(money(covered), money(rest));
  if (byCredit === total) return t.credit.all;
  // The credit pays less if the rest would be too small for a card.
  if (Number(rest) > 0 && Number(rest) < 1) return t.credit.small;
  return [t.credit.pays(money(byCredit)), Number(covered) > 0 && t.credit.card(money(covered)), Number(rest) > 0 && t.credit.rest(money(rest))].filter(Boolean).join(" ");
}
