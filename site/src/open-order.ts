// The order of a course whose spots are held until the member has paid.

import { api, call, type Schema } from "./api/client.ts";

export type Order = Schema<"MemberOrder">;

/** Loads one of the member's orders. */
export function loadOrder(orderId: string): Promise<Order> {
  return call(api.GET("/api/shop/order", { params: { query: { orderId } } }));
}

/** What is left to pay by card, after the credit and the gift card. */
export function dueOf({ total, creditAmount, giftCardAmount }: Order): string {
  const decimals = total.split(".")[1]?.length ?? 0;
  return (Number(total) - Number(creditAmount) - Number(giftCardAmount)).toFixed(decimals);
}

/**
 * Opens the payment page of an order, as long as it can be paid. Returns the order that cannot be paid
 * any more, or that is paid.
 */
export async function goOnPaying(orderId: string): Promise<Order | null> {
  const order = await loadOrder(orderId);
  if (!order.checkoutUrl) return order;
  location.assign(order.checkoutUrl);
  return null;
}
