// The member's passes.

import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { bookings, bookingsState } from "../classes/live.ts";
import { session } from "../session.ts";
import { Store } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { dayOf, formatDay } from "../tools/time.ts";

export type Pass = Schema<"Pass">;

/** The passes, newest first. Null while they are not known, and "failed" if they cannot be loaded. */
export const passes = new Store<readonly Pass[] | "failed" | null>(null);

/** Loads of the same passes that follow each other sooner share an answer. */
const FRESH_MS = 30_000;

/** The id of the member whose passes are stored. */
let owner: string | undefined;

/** What the passes were loaded for: the member, and what the bookings use of them. */
let loadedFor = "";
let loadedAt = 0;
let loading: Promise<void> | null = null;

/** What the passes depend on. */
function purpose(): string {
  const isKnown = bookingsState.value === "loaded" || bookings.value.size > 0;
  const used = [...bookings.value.values()].map(({ id, pass }) => pass && [id, pass]);
  return JSON.stringify([session.value?.user.id, isKnown ? used : null]);
}

/** Loads the passes, unless that has just been done. */
export async function loadPasses(isForced = false): Promise<void> {
  const member = session.value?.user.id;
  if (member !== owner) {
    owner = member;
    loadedFor = "";
    passes.set(null);
  }
  if (!member) return;
  const wanted = purpose();
  // A page asks for the first list of the bookings and for the passes at the same time.
  if (loadedFor === JSON.stringify([member, null]) && bookingsState.value === "loaded") loadedFor = wanted;
  if (!isForced && wanted === loadedFor && Date.now() - loadedAt < FRESH_MS) return loading ?? undefined;
  [loadedFor, loadedAt] = [wanted, Date.now()];
  const load: Promise<void> = request().then((found) => {
    if (loading !== load) return loading ?? undefined;
    // The member may have signed out, or another has signed in.
    if (session.value?.user.id === member) passes.set(found);
  });
  loading = load;
  return load;
}

async function request(): Promise<readonly Pass[] | "failed"> {
  try {
    return await readAllPages<Pass>((query) => call(api.GET("/api/shop/passes", { params: { query } })));
  } catch {
    // What is known stays. The next load asks again.
    loadedFor = "";
    return passes.value ?? "failed";
  }
}

/** Keeps the passes up to date when bookings use them, or somebody else signs in. */
export function followPasses(): void {
  session.follow(() => void loadPasses());
  bookings.follow(() => void loadPasses());
}

/** The passes with which a class of today or later can be booked. The one that ends first comes first. */
export function usable(all: readonly Pass[]): Pass[] {
  const ends = ({ lastDay }: Pass) => lastDay ?? "9999";
  return all.filter(({ isUsable }) => isUsable).sort((one, other) => ends(one).localeCompare(ends(other)));
}

/** The studio's current day, or the browser's until the studio's time zone is known. */
export function today(): string {
  return dayOf(new Date(), studio.value?.timeZone);
}

/** Formats a day, such as "March 30". The year is added if it is not the studio's current one. */
export function dayText(day: string): string {
  const isThisYear = day.slice(0, 4) === today().slice(0, 4);
  return formatDay(day, { month: "long", day: "numeric", ...(isThisYear ? {} : { year: "numeric" }) });
}
