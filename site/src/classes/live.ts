// The member's bookings and the free spots of the classes on a page, kept up to date while
// the page is visible.

import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { loadPassPart } from "../passes/pass-part.ts";
import { checkSession, session } from "../session.ts";
import type { ClassTexts } from "../texts/classes.en.ts";
import { report, say } from "../tools/action.ts";
import { whenOnline } from "../tools/connection.ts";
import { Store } from "../tools/store.ts";
import { loadStudio } from "../tools/studio.ts";

export type Occurrence = Schema<"OccurrenceList">["items"][number];
type Availability = Schema<"ClassAvailabilityList">["items"][number];
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

/** The ids of the classes that the member has given up, and can take again because a course has paid for them. */
export const givenUpClasses = new Store<ReadonlySet<string>>(new Set());

/** Whether the member's bookings are loaded. */
export const bookingsState = new Store<"loading" | "loaded" | "failed">("loading");

/** The time zone in which the bookings are shown. */
export const bookingZone = new Store<string | undefined>(undefined);

/** The free spots by the id of the class. */
export const availability = new Store<ReadonlyMap<string, Availability>>(new Map());

/** The id of the member whose bookings are stored. */
let owner: string | undefined;

/** The bookings of upcoming classes that the studio has cancelled, sorted by start. */
export const cancelledClasses = new Store<readonly Booking[]>([]);

/** How many bookings the page has stored. A list that was requested earlier does not contain them. */
let stored = 0;

let latestLoad: Promise<void> | null = null;

/** Stores a booking that the API has just returned. */
export function storeBooking(booking: Booking): void {
  stored += 1;
  const known = new Map(bookings.value);
  if (booking.status === "cancelled") known.delete(booking.scheduledClassId);
  else known.set(booking.scheduledClassId, booking);
  bookings.set(known);
  const others = [...givenUpClasses.value].filter((id) => id !== booking.scheduledClassId);
  givenUpClasses.set(new Set(booking.course?.canBeTakenAgain ? [...others, booking.scheduledClassId] : others));
}

/** Loads the bookings. Of several loads only the latest one counts. */
export function loadBookings(): Promise<void> {
  const member = session.value?.user.id;
  if (member !== owner || !member) {
    bookingsState.set("loading");
    cancelledClasses.set([]);
    givenUpClasses.set(new Set());
    bookings.set(new Map());
  }
  owner = member;
  const load: Promise<void> = loadBookingsOf(member, () => latestLoad === load);
  latestLoad = load;
  load.catch(() => {
    if (latestLoad === load && bookingsState.value === "loading") bookingsState.set("failed");
  });
  return load;
}

async function loadBookingsOf(member: string | undefined, isLatest: () => boolean): Promise<void> {
  while (member) {
    const storedBefore = stored;
    const [{ timeZone }, found] = await Promise.all([loadStudio(), requestBookings()]);
    // The member may have signed out, or another has signed in.
    if (session.value?.user.id !== member) return;
    if (!isLatest()) return latestLoad ?? undefined;
    if (stored !== storedBefore) continue;
    bookingZone.set(timeZone);
    bookingsState.set("loaded");
    const [active, cancelled, givenUp] = found;
    cancelledClasses.set(cancelled);
    givenUpClasses.set(givenUp);
    bookings.set(active);
    return void loadPassPart();
  }
}

/** Loads the active bookings by their classes, those of classes that the studio has cancelled, and the ids of the classes that the member can take again. */
async function requestBookings(): Promise<[active: Map<string, Booking>, cancelled: Booking[], givenUp: Set<string>]> {
  const found = await readAllPages<Booking>((query) => call(api.GET("/api/bookings/list", { params: { query: { ...query, when: "upcoming" } } })));
  const byClass = (all: Booking[]) => new Map(all.map((booking) => [booking.scheduledClassId, booking]));
  const cancelled = byClass(found.filter((booking) => booking.class.isCancelled));
  const givenUp = found.filter(({ course }) => course?.canBeTakenAgain).map(({ scheduledClassId }) => scheduledClassId);
  return [byClass(found.filter(({ status }) => status !== "cancelled")), [...cancelled.values()], new Set(givenUp)];
}

export async function loadAvailability(ids: string[]): Promise<void> {
  const found: Availability[] = [];
  for (let start = 0; start < ids.length; start += MAX_IDS) {
    const query = { ids: ids.slice(start, start + MAX_IDS).join(",") };
    const page = await call(api.GET("/api/classes/availability", { params: { query } }));
    found.push(...page.items);
  }
  storeAvailability(found);
}

/** Stores free spots that the API has just returned. */
export function storeAvailability(found: Availability[]): void {
  // Those of other classes may have arrived meanwhile.
  availability.set(new Map([...availability.value, ...found.map((item) => [item.id, item] as const)]));
}

interface Options {
  /** The texts in the current language. */
  texts: () => ClassTexts;
  /** The ids of the classes on the page. */
  ids: () => string[];
  /** Loads the classes again, after one has another time, room or teacher. */
  onClassChange?: () => void;
}

/** Says what the studio has done with the member's bookings. */
function announceEvent(t: ClassTexts, kind: EventKind): void {
  if (kind === "booking_promoted") say(t.promoted);
  if (kind === "booking_moved") say(t.bookingMoved);
  if (kind === "class_cancelled") say(t.classCancelled);
  if (kind === "class_moved") say(t.classMoved);
  if (kind === "instructor_changed") say(t.instructorChanged);
}

/**
 * Keeps both stores up to date, and says what the studio has changed. Nothing is asked for
 * while the page is hidden. Returns a function that stops this.
 */
export function followChanges({ texts, ids, onClassChange }: Options): () => void {
  let stream: EventSource | null = null;
  let reconnect: ReturnType<typeof setTimeout> | undefined;

  const refresh = () => {
    if (!navigator.onLine) return;
    loadAvailability(ids()).catch(() => {
      // The page keeps what it knows, and asks again.
    });
  };
  const refreshBookings = () => {
    loadBookings().catch((failure: unknown) => {
      // Without a connection, the page keeps what it knows.
      if (navigator.onLine) report(failure);
    });
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
    // What has happened before the first event of this stream is only in the list.
    stream.addEventListener("open", refreshBookings, { once: true });
    stream.addEventListener("session_ended", (event) => {
      const { current } = JSON.parse((event as MessageEvent<string>).data) as { current?: boolean };
      if (current) checkSession().catch(report);
    });
    for (const kind of KINDS) {
      stream.addEventListener(kind, () => {
        refreshBookings();
        refresh();
        announceEvent(texts(), kind);
        if (CHANGES_OF_CLASSES.includes(kind)) onClassChange?.();
      });
    }
    // A browser gives up after a failed request, but not after the end of a stream.
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      closeStream();
      const retry = () => {
        reconnect = setTimeout(follow, RECONNECT_MS);
      };
      // The request also fails when the session has ended.
      checkSession().then((member) => member && retry(), retry);
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
  const endOnline = whenOnline(follow);
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
    endOnline();
    unfollow();
  };
}
