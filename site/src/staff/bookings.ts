// What staff do with bookings. Each request has a key, so that it is done once.

import { api, call, type Schema } from "../api/client.ts";
import { type Sentences, sendUntilAnswered } from "../tools/repeat.ts";

type Change = Omit<Schema<"UpdateBooking">, "bookingId" | "action">;

const newKey = () => ({ header: { "Idempotency-Key": crypto.randomUUID() } });

/** Changes a booking. */
export function changeBooking(bookingId: string, action: Schema<"BookingAction">, more: Change = {}): Promise<Schema<"Booking">> {
  return call(api.PATCH("/api/admin/bookings", { params: newKey(), body: { bookingId, action, ...more } }));
}

/**
 * Takes the payment of a booking, and repeats the request until it is answered. A repeated tap
 * sends the same key.
 */
export function payBooking(sentences: Sentences, bookingId: string, action: "markPaid" | "usePass", passId?: string): Promise<Schema<"Booking">> {
  const body = { bookingId, action, ...(passId ? { passId } : {}) };
  return sendUntilAnswered(JSON.stringify(body), sentences, (key) => call(api.PATCH("/api/admin/bookings", { params: { header: { "Idempotency-Key": key } }, body })));
}

/** How staff book for a member. */
export type BookingOptions = Omit<Schema<"CreateBookingForMember">, "userId" | "scheduledClassId">;

/** Books the class for a member. A member on the waitlist gets a spot that is free. */
export function bookFor(userId: string, scheduledClassId: string, options: BookingOptions = {}): Promise<Schema<"Booking">> {
  return call(api.POST("/api/admin/bookings", { params: newKey(), body: { userId, scheduledClassId, ...options } }));
}
