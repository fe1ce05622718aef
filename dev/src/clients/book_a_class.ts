// Books a class with a client that openapi-fetch derives from the API description.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./description.js";

type ErrorCode = components["schemas"]["ErrorCode"];

// The compiler knows all codes. This line fails if `code` is described as any string.
// @ts-expect-error
const unknownCode: ErrorCode = "no_such_code";
assert(unknownCode);

const { SABOR_URL: baseUrl = "", SABOR_EMAIL: email = "", SABOR_PASSWORD: password = "" } = process.env;
const sabor = createClient<paths, "application/json">({ baseUrl });

/** Returns the body of a successful response. */
function expectData<T>({ data, error }: { data?: T; error?: components["schemas"]["ErrorResponse"] }): T {
  if (data === undefined) throw new Error(`${error?.code}: ${error?.error}`);
  return data;
}

const rejected = await sabor.POST("/api/auth/login", { body: { email, password: "wrong", mode: "token" } });
const expectedCode: ErrorCode = "invalid_credentials";
assert.equal(rejected.error?.code, expectedCode);

const signedIn = expectData(await sabor.POST("/api/auth/login", { body: { email, password, mode: "token" } }));
assert.equal(signedIn.user.email, email);
sabor.use({
  onRequest({ request }) {
    request.headers.set("authorization", `Bearer ${signedIn.accessToken}`);
  },
});

const schedule = expectData(await sabor.GET("/api/classes/schedule", { params: { query: { limit: 100 } } }));
// The schedule begins with classes that go on now.
const free = schedule.items.find((item) => item.placesLeft > 0 && !item.isCancelled && new Date(item.startTime) > new Date());
assert(free, "the schedule has no class with a free spot");

const booking = expectData(
  await sabor.POST("/api/bookings/create", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { scheduledClassId: free.id },
  }),
);
assert.equal(booking.status, "booked");
assert.equal(booking.class.title, free.title);
const paymentStatus: components["schemas"]["PaymentStatus"] | null = booking.paymentStatus;
assert.equal(paymentStatus, null);

const again = await sabor.POST("/api/bookings/create", { body: { scheduledClassId: free.id } });
assert.equal(again.error?.code, "already_booked" satisfies ErrorCode);

const upcoming = expectData(await sabor.GET("/api/bookings/list", { params: { query: { when: "upcoming" } } }));
const nextCursor: string | null = upcoming.nextCursor;
assert.equal(nextCursor, null);
assert(upcoming.items.some((item) => item.id === booking.id));

const cancelled = expectData(await sabor.POST("/api/bookings/cancel", { body: { bookingId: booking.id } }));
assert.equal(cancelled.status, "cancelled");
