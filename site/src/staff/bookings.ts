// Bookings that staff make and change.

import { api, call, type Schema } from "../api/client.ts";

/** Changes a booking once, even if the request is repeated. */
export function updateBooking(body: Schema<"UpdateBooking">, key: string = crypto.randomUUID()): Promise<Schema<"Booking">> {
  return call(api.PATCH("/api/admin/bookings", { params: { header: { "Idempotency-Key": key } }, body }));
}

/** Books a class for a member once, even if the request is repeated. */
export function createBookingFor(body: Schema<"CreateBookingForMember">, key: string = crypto.randomUUID()): Promise<Schema<"Booking">> {
  return call(api.POST("/api/admin/bookings", { params: { header: { "Idempotency-Key": key } }, body }));
}
