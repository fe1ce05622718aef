// The member's bookings and the free spots of the classes on a page, kept up to date while
// the page is visible.

import { api, call, type Schema } from "../api/client.ts";
import { session } from "../session.ts";
import type { ClassTexts } from "../texts/classes.en.ts";
import { report, say } from "../tools/action.ts";
import { Store } from "../tools/store.ts";
import { loadStudio } from "../tools/studio.ts";

export type Occurrence = Schema<"OccurrenceList">["items"][number];
export type Availability = Schema<"ClassAvailabilityList">["items"][number];
export type Booking = Schema<"Booking">;

/** How often the free spots are asked for. */
const REFRESH_MS = 20_000;

/** After how long a page that has lost its stream of events opens another. */
const RECONNECT_MS = 10_000;

/** At most this many classes are asked for at once. */
const MAX_IDS = 100;

/** Events that change what the page shows. */
const KINDS = [
  "booking_confirmed",
  "booking_waitlisted",
  "booking_promoted",
  "booking_cancelled",
  "booking_moved",
  "class_cancelled",
  "class_moved",
  "instructor_changed",
  "payment_paid",
  "payment_refund_due",
  "payment_refunded",
] as const;

type EventKind = (typeof KINDS)[number];

/** Events after which a page has to load its classes again. */
const CHANGES_OF_CLASSES: readonly EventKind[] = ["class_moved", "instructor_changed"];

/** The member's active bookings by the id of the class. */
export const bookings = new Store<ReadonlyMap<string, Booking>>(new Map());

/** The time zone in which the bookings are shown. */
export const bookingZone = new Store<string | undefined>(undefined);

/** The free spots by the id of the class. */
export const availability = new Store<ReadonlyMap<string, Availability>>(new Map());

/** Keeps a booking that the API has just returned. */
export function keepBooking(booking: Booking): void {
  const known = new Map(bookings.value);
  if (booking.status === "cancelled") known.delete(booking.scheduledClassId);
  else known.set(booking.scheduledClassId, booking);
  bookings.set(known);
}

export async function loadBookings(): Promise<void> {
  if (!session.value) return bookings.set(new Map());
  const [{ timeZone }, found] = await Promise.all([loadStudio(), requestBookings()]);
  bookingZone.set(timeZone);
  bookings.set(found);
}

async function requestBookings(): Promise<Map<string, Booking>> {
  const found = new Map<string, Booking>();
  let cursor: string | null | undefined;
  do {
    const query = { when: "upcoming" as const, limit: 100, ...(cursor ? { cursor } : {}) };
    const page = await call(api.GET("/api/bookings/list", { params: { query } }));
    for (const booking of page.items) {
      if (booking.status !== "cancelled") found.set(booking.scheduledClassId, booking);
    }
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}

export async function loadAvailability(ids: string[]): Promise<void> {
  const known = new Map(availability.value);
  for (let start = 0; start < ids.length; start += MAX_IDS) {
    const query = { ids: ids.slice(start, start + MAX_IDS).join(",") };
    const page = await call(api.GET("/api/classes/availability", { params: { query } }));
    for (const item of page.items) known.set(item.id, item);
  }
  availability.set(known);
}

interface Options {
  t: ClassTexts;
  /** The ids of the classes on the page. */
  ids: () => string[];
  /** Loads the classes again, after one has another time, room or teacher. */
  onClassChange?: () => void;
}

/** Says what the studio has done with the member's bookings. */
function announce(t: ClassTexts, kind: EventKind): void {
  if (kind === "booking_promoted") say(t.promoted);
  if (kind === "booking_moved") say(t.bookingMoved);
  if (kind === "class_cancelled") say(t.classCancelled);
  if (kind === "class_moved") say(t.classMoved);
  if (kind === "instructor_changed") say(t.instructorChanged);
}

/**
 * Keeps both stores up to date, and says what the studio has changed. Nothing is asked for
 * while the page is hidden. Returns what ends it.
 */
export function keepLive({ t, ids, onClassChange }: Options): () => void {
  let stream: EventSource | null = null;
  let reconnect: ReturnType<typeof setTimeout> | undefined;

  const refresh = () => {
    if (!navigator.onLine) return;
    loadAvailability(ids()).catch(() => {
      // The page keeps what it knows, and asks again.
    });
  };
  const refreshBookings = () => {
    if (!navigator.onLine) return;
    loadBookings().catch(report);
  };

  const closeStream = () => {
    clearTimeout(reconnect);
    stream?.close();
    stream = null;
  };
  const openStream = () => {
    closeStream();
    if (!session.value || document.hidden || !navigator.onLine) return;
    stream = new EventSource("/api/events");
    for (const kind of KINDS) {
      stream.addEventListener(kind, () => {
        refreshBookings();
        refresh();
        announce(t, kind);
        if (CHANGES_OF_CLASSES.includes(kind)) onClassChange?.();
      });
    }
    // A browser gives up after a failed request, but not after the end of a stream.
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      closeStream();
      reconnect = setTimeout(openStream, RECONNECT_MS);
    };
  };

  const timer = setInterval(() => {
    if (!document.hidden) refresh();
  }, REFRESH_MS);
  const follow = () => {
    if (document.hidden) return closeStream();
    refresh();
    refreshBookings();
    openStream();
  };
  document.addEventListener("visibilitychange", follow);
  addEventListener("online", follow);
  const unfollow = session.follow(() => {
    refreshBookings();
    openStream();
  });
  refreshBookings();
  openStream();

  return () => {
    clearInterval(timer);
    closeStream();
    document.removeEventListener("visibilitychange", follow);
    removeEventListener("online", follow);
    unfollow();
  };
}
