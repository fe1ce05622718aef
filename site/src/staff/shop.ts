// What staff sell, and what the passes of a member are good for.

import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { type ClassToPay, refusalOf as findRefusal } from "../passes/refusal.ts";
import type { TillTexts } from "../texts/till.en.ts";
import { type Sentences, sendUntilAnswered } from "../tools/repeat.ts";
import { addDays, formatDay } from "../tools/time.ts";
import { longDay } from "./dates.ts";

/** A product. A course that is offered has its classes. */
export type Product = Schema<"StaffProduct"> & { course?: Schema<"Course"> };
export type Pass = Schema<"Pass">;
export type Order = Schema<"Order">;
export type Tender = Schema<"DeskTender">;
export type PromoCode = Schema<"PromoCode">;

/** A member who buys or has bought something. */
export interface Buyer {
  id: string;
  name: string;
}

/** What can be sold to a member, and what the member has. */
export interface Offer {
  products: Product[];
  passes: Pass[];
  /** The promo codes that can be used today. */
  promoCodes: PromoCode[];
  /** The credit of the member. */
  credit: string;
}

export function loadPasses(memberId: string): Promise<Pass[]> {
  return readAllPages((page) => call(api.GET("/api/admin/passes", { params: { query: { memberId, ...page } } })));
}

/** Loads the courses that are sold, if one of the products is a course. */
async function loadCoursesAmong(products: ReadonlyArray<{ kind: Product["kind"] }>): Promise<Array<Schema<"Course">>> {
  if (!products.some(({ kind }) => kind === "course")) return [];
  return readAllPages((page) => call(api.GET("/api/shop/courses", { params: { query: page } })));
}

/** Loads the products, the cheapest first, the passes and the credit of the member, and the promo codes. */
export async function loadOffer(memberId: string, today: string): Promise<Offer> {
  const active = readAllPages((page) => call(api.GET("/api/admin/products", { params: { query: { active: true, ...page } } })));
  const [all, courses, passes, codes, { balance: credit }] = await Promise.all([
    active,
    active.then(loadCoursesAmong),
    loadPasses(memberId),
    readAllPages((page) => call(api.GET("/api/admin/promo-codes", { params: { query: { active: true, ...page } } }))),
    call(api.GET("/api/admin/credit", { params: { query: { memberId, limit: 1 } } })),
  ]);
  const isUsable = ({ firstDay, lastDay, uses, maxUses }: PromoCode) => (firstDay ?? today) <= today && today <= (lastDay ?? today) && uses < (maxUses ?? Infinity);
  // A course costs less when classes are over, and is not sold when none is left.
  const products = all.flatMap((product): Product[] => {
    if (product.kind !== "course") return [product];
    const course = courses.find(({ id }) => id === product.id);
    return course ? [{ ...product, price: course.priceNow, course }] : [];
  });
  // Members start memberships themselves, because they enter their card.
  const offered = products.filter(({ kind }) => kind !== "membership");
  return { products: offered.sort((one, other) => Number(one.price) - Number(other.price)), passes, promoCodes: codes.filter(isUsable), credit };
}

/** What a promo code takes off the price of a product, as the API computes it. */
export function discountOf({ percent, amount }: PromoCode, { price }: Product): string {
  const decimals = price.split(".")[1]?.length ?? 0;
  // Integers, because fractions of a cent would be rounded.
  const units = (text: string) => Math.round(Number(text) * 10 ** decimals);
  const off = percent === null ? Math.min(units(amount ?? "0"), units(price)) : Math.floor((units(price) * percent + 50) / 100);
  return (off / 10 ** decimals).toFixed(decimals);
}

/** The price of a product with a promo code. */
export function priceWith(code: PromoCode | null, product: Product): string {
  if (!code) return product.price;
  const decimals = product.price.split(".")[1]?.length ?? 0;
  return (Number(product.price) - Number(discountOf(code, product))).toFixed(decimals);
}

/** Loads how many upcoming bookings each pass of a member pays for, by the id of the pass. */
export async function countUpcoming(memberId: string): Promise<Map<string, number>> {
  const bookings = await readAllPages((page) => call(api.GET("/api/admin/member-bookings", { params: { query: { memberId, when: "upcoming", ...page } } })));
  const counts = new Map<string, number>();
  for (const { status, pass, class: { startTime } } of bookings) {
    if (!pass || !["booked", "waitlisted"].includes(status) || Date.parse(startTime) <= Date.now()) continue;
    counts.set(pass.id, (counts.get(pass.id) ?? 0) + 1);
  }
  return counts;
}

const SENT_BEFORE = "idempotency_key_reused";

/**
 * Sends a request until it is answered. A repeated tap sends the same key, even if the response
 * was lost, so that it is recorded once.
 */
export async function sendOnce<T>(purpose: string, sentences: Sentences & { sentBefore: string }, send: (key: string) => Promise<T>): Promise<T> {
  try {
    return await sendUntilAnswered(purpose, sentences, send);
  } catch (failure) {
    const isOther = failure instanceof Failure && failure.code === SENT_BEFORE;
    throw isOther ? new Failure(sentences.sentBefore, { code: SENT_BEFORE }) : failure;
  }
}

/** Whether it is not known what is recorded, so that staff have to look at it. */
export function isUncertain(failure: unknown): failure is Failure {
  return failure instanceof Failure && (failure.isUnanswered || failure.code === SENT_BEFORE);
}

/** The newest order of each member that the page has shown. */
const newestOrders = new Map<string, string>();

/** Notes which orders the page shows, the newest first. */
export function noteOrders(orders: readonly Order[]): void {
  for (const { userId, id } of [...orders].reverse()) newestOrders.set(userId, id);
}

/** The promo code, the gift card, and the credit of a sale. */
export type SaleCodes = Pick<Schema<"CreateOrder">, "promoCode" | "giftCard" | "credit">;

/**
 * Sells a product to a member. The money was taken. If the outcome of a sale stays unknown, the
 * same sale is recorded once while the page shows no newer order of the member. After that it is
 * another sale.
 */
export function sell(t: TillTexts, userId: string, productId: string, tender: Tender, codes: SaleCodes): Promise<Order> {
  const body = { userId, productIds: [productId], tender, ...codes };
  return sendOnce(`sell ${userId} ${productId} ${newestOrders.get(userId)}`, t, (key) => call(api.POST("/api/admin/orders", { params: { header: { "Idempotency-Key": key } }, body })));
}

/** Records that money of an order was given back. */
export function refund(t: TillTexts, { id, refunded }: Order, details: Omit<Schema<"UpdateOrder">, "orderId" | "internalReason">): Promise<Order> {
  const body = { orderId: id, ...details };
  // An order that is shown as it became after a lost response gets a new key.
  return sendOnce(`refund ${id} ${refunded}`, t, (key) => call(api.PATCH("/api/admin/orders", { params: { header: { "Idempotency-Key": key } }, body })));
}

/** Records that the refund of an order at the desk was paid out, or adds it to the credit of the member. */
export function payOut(t: TillTexts, { id, dueAtDesk }: Order, isCredit: boolean): Promise<Order> {
  const body = { orderId: id, action: "payOut" as const, ...(isCredit ? { method: "credit" as const } : {}) };
  return sendOnce(`pay out ${id} ${dueAtDesk} ${isCredit}`, t, (key) => call(api.PATCH("/api/admin/orders", { params: { header: { "Idempotency-Key": key } }, body })));
}

/** Cancels an open order. The reason is for the security log. */
export function cancelOrder(t: TillTexts, { id }: Order, internalReason?: string): Promise<Order> {
  const body = { orderId: id, action: "cancel" as const, ...(internalReason ? { internalReason } : {}) };
  return sendOnce(`cancel ${id}`, t, (key) => call(api.PATCH("/api/admin/orders", { params: { header: { "Idempotency-Key": key } }, body })));
}

/** Whether a product or a pass is good for a class type. */
function isGoodFor({ classTypes }: Pick<Product, "classTypes">, classTypeId: string): boolean {
  return classTypes.length === 0 || classTypes.some(({ id }) => id === classTypeId);
}

/** Whether a pass of a product that is sold today can pay for a class. */
export function canPayFor(product: Product, { classTypeId, localDate }: ClassToPay, today: string): boolean {
  const isInTime = product.starts === "first_class" || (today <= localDate && localDate < addDays(today, product.days ?? 0));
  return isInTime && isGoodFor(product, classTypeId);
}

/** A day, with its year if that is not the current one. */
function format(day: string): string {
  const isThisYear = day.startsWith(String(new Date().getFullYear()));
  return isThisYear ? formatDay(day, { weekday: "short", month: "short", day: "numeric" }) : longDay(day);
}

/** After how many days staff are not told any more that a pass has ended. */
const FORGOTTEN_DAYS = 30;

/**
 * Returns why a pass cannot pay for a class, or null if it can. Undefined is for a pass that nobody
 * thinks of: it is revoked, or ended long ago. The API has the last word.
 */
export function refusalOf(t: TillTexts, pass: Pass, { classTypeId, localDate }: ClassToPay, today: string): string | null | undefined {
  const { isRevoked, firstDay, lastDay, frozenTo } = pass;
  if (isRevoked || (lastDay && addDays(lastDay, FORGOTTEN_DAYS) < localDate)) return undefined;
  switch (findRefusal(pass, { classTypeId, localDate })) {
    case "used_up":
      return t.refusals.used_up();
    case "other_class_type":
      return t.refusals.other_class_type();
    case "ended":
      return lastDay && lastDay < today ? t.refusals.ended(format(lastDay)) : t.refusals.endsBefore(format(lastDay ?? localDate));
    case "not_begun":
      return t.refusals.not_begun(format(firstDay ?? localDate));
    case "frozen":
      return t.refusals.frozen(format(frozenTo ?? localDate));
    default:
      return null;
  }
}

/** What a product is, such as "10 classes · 120 days", or "6 classes left, from Mon, Mar 3". */
export function describeProduct(t: TillTexts, { kind, credits, days, course }: Product): string {
  if (kind === "gift_card") return t.giftCard;
  const next = course?.classes.find(({ isCancelled, startTime }) => !isCancelled && Date.parse(startTime) > Date.now());
  if (course && next) return t.courseLeft(course.classesLeft, format(next.localDate));
  return `${credits === null ? t.unlimited : t.classes(credits)} · ${t.days(days ?? 0)}`;
}

/** What is left of a pass, such as "7 classes left, until Fri, Apr 3". */
export function describePass(t: TillTexts, { creditsLeft, lastDay, days }: Pass): string {
  return [creditsLeft === null ? t.unlimited : t.leftFacts(creditsLeft), lastDay ? t.until(format(lastDay)) : t.fromFirstClass(days)].join(", ");
}

/** The sentence about the pass that pays for a booking. */
export function describePayment(t: TillTexts, { name, creditsLeft }: Pick<Schema<"BookingPass">, "name" | "creditsLeft">): string {
  return creditsLeft === null ? t.pays(name) : t.paysLeft(name, creditsLeft);
}

/** The number of days from the first to the last one, both included. */
function daysBetween(first: string, last: string): number {
  return Math.max(0, (Date.parse(last) - Date.parse(first)) / 86_400_000 + 1);
}

/**
 * How much of a pass is left, from 0 to all of it: its classes, with those that are given back, or
 * its days if it is unlimited.
 */
function shareLeft({ isRevoked, credits, creditsLeft, days, addedDays, firstDay, lastDay, frozenFrom, frozenTo }: Pass, givenBack: number, today: string): [left: number, all: number] {
  if (isRevoked || (lastDay && lastDay < today)) return [0, 1];
  if (credits !== null) return [(creditsLeft ?? 0) + givenBack, credits];
  if (!firstDay || !lastDay) return [1, 1];
  const from = today > firstDay ? today : firstDay;
  // Days that were added, and those of freezes, were not bought.
  const bought = Math.max(1, days - addedDays);
  const frozenLeft = frozenFrom && frozenTo ? daysBetween(frozenFrom > from ? frozenFrom : from, frozenTo) : 0;
  return [Math.min(daysBetween(from, lastDay) - frozenLeft, bought), bought];
}

/**
 * Suggests how much of an order to give back: for each pass, its part that is left, rounded down
 * to the unit of the currency, without what was given back before, and for each course whose spots
 * are released the shares of the classes that are left. `givenBack` counts the booked classes of each
 * pass that it no longer pays for.
 */
export function suggestRefund({ lines, total, refunded, soldGiftCardBalance }: Order, passes: readonly Pass[], givenBack: ReadonlyMap<string, number>, released: readonly string[], today: string): string {
  // As many as the API writes. The browser knows other numbers for some currencies.
  const decimals = total.split(".")[1]?.length ?? 0;
  // Integers, because fractions of a cent would be rounded.
  const units = (amount: string) => Math.round(Number(amount) * 10 ** decimals);
  if (soldGiftCardBalance !== null) return (Math.min(units(soldGiftCardBalance), units(total) - units(refunded)) / 10 ** decimals).toFixed(decimals);
  const worth = lines.map(({ id, passId, amount, course }) => {
    if (course) return released.includes(id) ? units(course.valueLeft) : 0;
    const pass = passes.find(({ id }) => id === passId);
    if (!pass) return 0;
    const [left, all] = shareLeft(pass, givenBack.get(pass.id) ?? 0, today);
    return Math.min(units(amount), Math.floor((units(amount) * left) / all));
  });
  const sum = worth.reduce((total, one) => total + one, 0);
  // The shares of a course that were refunded or released are not among those that are left.
  const gone = lines.reduce((total, { course }) => total + (course ? units(course.refundedShares) + units(course.releasedShares) : 0), 0);
  const isCourse = lines.every(({ course }) => course !== null);
  const fair = Math.min(units(total) - units(refunded), isCourse ? sum : sum - Math.max(0, units(refunded) - gone));
  return (Math.max(0, fair) / 10 ** decimals).toFixed(decimals);
}
