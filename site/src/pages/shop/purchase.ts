// Purchases by card: passes, courses, gift cards, and memberships. After the payment, Stripe redirects to the
// shop.

import { api, call, type Schema } from "../../api/client.ts";
import { loadOrder, type Order } from "../../open-order.ts";
import { loadMembership, membership } from "../../passes/membership.ts";
import { loadPassPart } from "../../passes/pass-part.ts";
import { loadPasses } from "../../passes/passes.ts";
import { loadSession, signInAddress } from "../../session.ts";
import type { ShopTexts } from "../../texts/shop.en.ts";
import { say } from "../../tools/action.ts";
import { sendUntilAnswered } from "../../tools/repeat.ts";
import { credit } from "./paying.ts";

/** The codes with which a product is bought. */
interface Codes {
  promoCode: string | undefined;
  giftCard: string | undefined;
}

/** Buys a product, and opens its payment page. What costs nothing is bought at once. */
export async function buy(t: ShopTexts, product: Schema<"Product">, { promoCode, giftCard }: Codes, onBought?: () => void): Promise<void> {
  if (!(await loadSession())) {
    location.assign(signInAddress(`/shop?product=${product.id}`));
    return;
  }
  const useCredit = credit.value?.isUsed ?? false;
  const body = { productId: product.id, useCredit, ...(promoCode ? { promoCode } : {}), ...(giftCard ? { giftCard } : {}) };
  const order = await sendUntilAnswered(`buy ${product.id} ${promoCode ?? ""} ${giftCard ?? ""} ${useCredit}`, t.sending, (key) =>
    call(api.POST("/api/shop/order", { params: { header: { "Idempotency-Key": key } }, body })),
  );
  if (order.checkoutUrl) location.assign(order.checkoutUrl);
  else if (order.state === "paid") {
    onBought?.();
    await showBought(t, order);
  } else say(t.returned.slow);
}

/** Starts a membership, and opens its payment page. */
export async function startMembership({ id }: Schema<"Product">): Promise<void> {
  if (!(await loadSession())) {
    location.assign(signInAddress(`/shop?product=${id}`));
    return;
  }
  const { checkoutUrl } = await call(api.POST("/api/shop/membership", { body: { productId: id } }));
  if (checkoutUrl) location.assign(checkoutUrl);
  // The page then shows what has become of the membership.
  else await loadMembership(true);
}

/** Says what has become of the order or the membership with which Stripe has redirected here. */
export async function followReturn(t: ShopTexts, onCourse: () => void): Promise<void> {
  const { followCheckout } = await import("../../checkout-return.ts");
  await followCheckout("order", t.returned, (orderId) => showOrder(t, orderId, onCourse));
  await followCheckout("membership", { ...t.returned, open: t.returned.notStarted }, () => showMembership(t));
}

/** Says how the order has ended. Returns false while it is open. */
async function showOrder(t: ShopTexts, orderId: string, onCourse: () => void): Promise<boolean> {
  const order = await loadOrder(orderId);
  if (order.state === "paid") await showBought(t, order, onCourse);
  if (order.state === "cancelled") say(t.returned.late, true);
  return order.state !== "open";
}

/** Says how an order has ended that the member wanted to go on paying. */
export async function showEnd(t: ShopTexts, order: Order): Promise<void> {
  if (order.state === "paid") await showBought(t, order);
  else say(t.returned.over, true);
}

/** Says that the membership has begun. Returns false while it has not. */
async function showMembership(t: ShopTexts): Promise<boolean> {
  await loadMembership(true);
  const current = membership.value;
  if (!current || current === "failed" || current.status === "starting") return false;
  await Promise.all([loadPassPart(), loadPasses(true)]);
  say(t.returned.begun(current.name), false, [{ href: "/timetable", text: t.timetable }]);
  return true;
}

async function showBought(t: ShopTexts, { lines }: Order, onCourse?: () => void): Promise<void> {
  if (lines.some(({ course }) => course !== null)) {
    onCourse?.();
    say(t.returned.course(lines.map(({ description }) => description).join(", ")), false, [{ href: "/bookings", text: t.bookings }]);
    return;
  }
  const isGiftCard = lines.every(({ passId }) => passId === null);
  if (isGiftCard) {
    say(t.gift.sent(lines.map(({ description }) => description).join(", ")));
    return;
  }
  await Promise.all([loadPassPart(), loadPasses(true)]);
  say(t.returned.paid(lines.map(({ description }) => description).join(", ")), false, [{ href: "/timetable", text: t.timetable }]);
}
