// Booking a class, joining and leaving its waitlist.

import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { loadPassPart, passPart } from "../passes/pass-part.ts";
import { forgetSession, loadSession, type Session, session, signInAddress } from "../session.ts";
import type { ClassTexts } from "../texts/classes.en.ts";
import { attempt, reportOffline, say } from "../tools/action.ts";
import { isOffline } from "../tools/connection.ts";
import { sendUntilAnswered } from "../tools/repeat.ts";
import { formatMomentIn, formatPrice } from "../tools/time.ts";
import { calendarLink } from "./calendar.ts";
import { giveUpIntent, storeIntent, takeIntent, type Wish } from "./intent.ts";
import { type Booking, loadAvailability, loadBookings, type Occurrence, storeBooking } from "./live.ts";

export function whenOf({ startTime, timeZone }: Occurrence): string {
  return formatMomentIn(startTime, timeZone);
}

/**
 * Stores what is to be booked, and asks to sign in. Settles only if the person comes back to
 * this page, so that the button shows progress until the next one is there.
 */
function signInToBook(occurrence: Occurrence, wish: Wish, member?: Session | null): Promise<unknown> {
  storeIntent(occurrence, wish, null, member?.user.id);
  location.assign(signInAddress());
  return new Promise((resolve) => addEventListener("pageshow", resolve, { once: true }));
}

/**
 * Books the class. Without a session, the sign-in comes first. `payWith` is `money` or the id of
 * a pass. By default, the pass that ends first pays.
 */
export async function book(t: ClassTexts, occurrence: Occurrence, joinWaitlist: boolean, payWith?: string): Promise<void> {
  const wish: Wish = { ...(joinWaitlist ? { joinWaitlist } : {}), ...(payWith ? { payWith } : {}) };
  // A sign-in needs the server. The member's requests find out whether it can be reached.
  if (session.value === null ? isOffline.value : !navigator.onLine) return reportOffline();
  if (session.value === null) {
    await signInToBook(occurrence, wish);
    return;
  }
  const { id, title } = occurrence;
  const sender = session.value;
  await attempt(async () => {
    try {
      const body = { scheduledClassId: id, ...wish };
      const purpose = `book ${JSON.stringify(body)} ${sender?.user.id}`;
      const booking = await sendUntilAnswered(purpose, { lost: t.lostBooking(title), unknown: t.unknownBooking(title) }, (key) =>
        call(api.POST("/api/bookings/create", { params: { header: { "Idempotency-Key": key } }, body })),
      );
      storeBooking(booking);
      if (booking.pass && !passPart.value) await loadPassPart();
      announceBooking(t, occurrence, booking);
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      const member = sender ?? session.value;
      if (failure.isSignedOut) {
        // The session has ended since the page was loaded.
        forgetSession();
        void signInToBook(occurrence, wish, member);
        return;
      }
      if (failure.code === "already_booked") await loadBookings();
      // The mailed link opens a page that continues with the booking.
      if (failure.code === "email_not_verified" && member) storeIntent(occurrence, wish, member.user.id);
      if (failure.code !== "class_full") throw failure;
      say(t.becameFull, true);
    } finally {
      void loadAvailability([id]).catch(() => {
        // The next refresh asks again.
      });
    }
  }, joinWaitlist ? t.joining(title) : t.booking(title));
}

function announceBooking(t: ClassTexts, occurrence: Occurrence, booking: Booking): void {
  const see = { href: "/bookings", text: t.seeBookings };
  if (booking.status === "waitlisted") return say(t.isWaiting(occurrence.title, booking.waitlistPosition ?? null), false, [see]);
  const keep = { ...calendarLink({ ...booking.class, id: booking.id }), text: t.addToCalendar };
  const until = booking.freeCancellationUntil;
  const free = until && new Date(until) > new Date() ? ` ${t.freeUntil(formatMomentIn(until, occurrence.timeZone))}` : "";
  const pay = Number(booking.price) > 0 && !booking.payment ? ` ${t.payLater(formatPrice(booking.price, booking.currency))}` : "";
  const paid = booking.pass && passPart.value ? ` ${passPart.value.paid(booking.pass)}.` : "";
  say(t.isBooked(occurrence.title, whenOf(occurrence)) + pay + paid + free, false, [keep, see]);
}

// A visitor who comes back without a sign-in has given up the booking.
addEventListener("pageshow", (event) => {
  if (event.persisted) giveUpIntent();
});

/**
 * Books what the visitor wanted before the sign-in or the confirmation of the address, if it is
 * one of the classes.
 */
export async function resumeBooking(t: ClassTexts, classes: Occurrence[]): Promise<void> {
  const path = location.pathname + location.search;
  const member = await loadSession();
  const intent = takeIntent(path, member?.user.id ?? null);
  const wanted = classes.find(({ id }) => id === intent?.id);
  if (wanted && intent) await book(t, wanted, intent.joinWaitlist ?? false, intent.payWith);
}

/** Gives up a place on the waitlist. */
export async function leaveWaitlist(t: ClassTexts, booking: Booking): Promise<void> {
  await attempt(async () => {
    await cancelBooking(t, booking);
    await loadAvailability([booking.scheduledClassId]);
    say(t.left);
  });
}

/** Cancels a booking, or leaves the waitlist. Returns the cancelled booking. */
export async function cancelBooking(t: ClassTexts, { id }: Booking): Promise<Booking> {
  const cancelled = await sendUntilAnswered(`cancel ${id}`, t, (key) =>
    call(api.POST("/api/bookings/cancel", { params: { header: { "Idempotency-Key": key } }, body: { bookingId: id } })),
  );
  storeBooking(cancelled);
  return cancelled;
}
