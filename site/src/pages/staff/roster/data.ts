// The roster of a class, with the check-ins that are not sent yet.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../../../api/client.ts";
import type { Failure } from "../../../api/failure.ts";
import { enqueue, followQueue, type QueuedCheckIn, type QueueState, readQueue, type SentCheckIn } from "../../../check-ins/queue.ts";
import type { StaffUser } from "../../../staff/access.ts";
import { sendCheckIns } from "../../../staff/check-ins.ts";
import { asFailure } from "../../../staff/failures.ts";
import { report } from "../../../tools/action.ts";
import { isOffline } from "../../../tools/connection.ts";
import { language } from "../../../tools/language.ts";

/** What only staff see of a booking. */
export type DeskEntry = Schema<"RosterEntry">;

/** A booking on the roster. Instructors see less of it than staff. */
export interface Entry extends Schema<"OwnRosterEntry"> {
  desk: DeskEntry | null;
}
export type Occurrence = Schema<"Occurrence">;

/** An entry as it is shown: as the server has it, with what is not sent yet. */
export interface RosterRow extends Entry {
  /** The last check-in or undo that is not sent yet. */
  queued: QueuedCheckIn | null;
}

export interface Roster {
  occurrence: Occurrence | null;
  /** The members with a spot, by name. */
  rows: RosterRow[] | null;
  /** The members who wait for a spot, in their order. */
  waiting: RosterRow[];
  /** The members whose booking is cancelled: first those who had booked until the last cancellation. */
  cancelled: RosterRow[];
  failure: Failure | null;
  reload: () => Promise<void>;
  /** Checks a member in, or takes that back. It is shown at once and sent as soon as possible. */
  toggle: (row: RosterRow) => void;
}

/** Reads all pages of a list of bookings. */
async function readAll<T extends { bookingId: string }>(load: (query: { limit: number; cursor?: string }) => Promise<{ items: T[]; nextCursor?: string | null }>): Promise<T[]> {
  const found = await readAllPages(async (query) => {
    const { items, nextCursor } = await load(query);
    return { items: items.map((item) => ({ ...item, id: item.bookingId })), nextCursor: nextCursor ?? null };
  });
  return found;
}

async function loadEntries(scheduledClassId: string, isStaff: boolean): Promise<Entry[]> {
  if (!isStaff) {
    const own = await readAll((query) => call(api.GET("/api/teaching/roster", { params: { query: { ...query, scheduledClassId } } })));
    return own.map((entry) => ({ ...entry, desk: null }));
  }
  const all = await readAll((query) => call(api.GET("/api/admin/bookings", { params: { query: { ...query, scheduledClassId, cancelled: true } } })));
  // Staff see the payment, the pass, or the reason itself.
  return all.map((desk) => ({ ...desk, coverage: null, desk }));
}

/** Loads the roster as staff see it, or as the instructor of the class. */
export async function loadRoster(id: string, isStaff = true): Promise<{ occurrence: Occurrence; entries: Entry[] }> {
  const occurrence = call(api.GET("/api/classes/occurrence", { params: { query: { id } } }));
  const [found, entries] = await Promise.all([occurrence, loadEntries(id, isStaff)]);
  return { occurrence: found, entries };
}

/** Shows an entry with another attendance. Its visits include this class. */
function withAttendance(entry: Entry, change: Pick<Entry, "status" | "checkedInAt" | "checkedInBy">): Entry {
  const visits = entry.visits + Number(change.status === "attended") - Number(entry.status === "attended");
  return { ...entry, ...change, visits };
}

/** Shows an entry with the last check-in that is not sent yet. */
function withQueued(entry: Entry, queued: QueuedCheckIn | undefined): RosterRow {
  if (!queued) return { ...entry, queued: null };
  const isHere = queued.action === "checkIn";
  const change = isHere ? ({ status: "attended", checkedInAt: queued.at } as const) : ({ status: "booked", checkedInAt: null } as const);
  return { ...withAttendance(entry, { ...change, checkedInBy: null }), queued };
}

/** Shows an entry with the server's answers to check-ins. */
function withResults(entry: Entry, sent: SentCheckIn[]): Entry {
  const last = sent.findLast(({ bookingId, result }) => bookingId === entry.bookingId && result?.status)?.result;
  if (!last?.status) return entry;
  return withAttendance(entry, { status: last.status, checkedInAt: last.checkedInAt, checkedInBy: last.checkedInBy });
}

function cancelledAt({ desk }: RosterRow): string {
  return desk?.cancelledAt ?? "";
}

const NOTHING: QueueState = { queued: [], sent: [] };

export function useRoster(id: string, { id: userId, isStaff }: StaffUser): Roster {
  const [occurrence, setOccurrence] = useState<Occurrence | null>(null);
  const [entries, setEntries] = useState<Entry[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [queue, setQueue] = useState(NOTHING);
  /** Check-ins that are not in the database yet. */
  const unsaved = useRef(new Map<string, QueuedCheckIn>());
  /** The results that `entries` contains. */
  const applied = useRef(new Set<string>());
  /** How often a check-in was made or sent. A roster that was requested earlier may not contain it. */
  const changes = useRef(0);

  const readAgain = async () => {
    const { queued, sent } = await readQueue(userId);
    const known = new Set([...queued, ...sent].map((item) => item.id));
    const missing = [...unsaved.current.values()].filter((item) => !known.has(item.id));
    const fresh = sent.filter((item) => item.scheduledClassId === id && !applied.current.has(item.id));
    for (const item of fresh) applied.current.add(item.id);
    if (fresh.length > 0) {
      changes.current += 1;
      setEntries((shown) => shown && shown.map((entry) => withResults(entry, fresh)));
    }
    setQueue({ queued: [...queued, ...missing], sent });
  };

  const reload = async () => {
    try {
      for (;;) {
        const before = changes.current;
        const loaded = await loadRoster(id, isStaff);
        // What was kept of the roster may be older than the last check-ins.
        const { sent } = isOffline.value ? await readQueue(userId) : NOTHING;
        if (before !== changes.current) continue;
        setOccurrence(loaded.occurrence);
        setEntries(loaded.entries.map((entry) => withResults(entry, sent)));
        setFailure(null);
        return;
      }
    } catch (failed) {
      setFailure(asFailure(failed));
    }
  };

  useEffect(() => {
    const start = async () => {
      const { sent } = await readQueue(userId);
      // What was sent before is in the roster that is loaded now.
      for (const item of sent) applied.current.add(item.id);
      await Promise.all([reload(), readAgain()]);
    };
    start().catch(report);
    return followQueue(() => void readAgain().catch(report));
  }, [id, userId]);

  const toggle = (row: RosterRow) => {
    const isHere = row.status === "attended";
    const item: QueuedCheckIn = {
      id: crypto.randomUUID(),
      path: isStaff ? "/api/admin/check-ins" : "/api/teaching/check-ins",
      scheduledClassId: id,
      bookingId: row.bookingId,
      name: row.name,
      action: isHere ? "undo" : "checkIn",
      at: new Date().toISOString(),
      seenAt: isHere && !row.queued ? row.checkedInAt : null,
      undoes: isHere && row.queued ? row.queued.id : null,
    };
    changes.current += 1;
    unsaved.current.set(item.id, item);
    setQueue(({ queued, sent }) => ({ queued: [...queued, item], sent }));
    const save = async () => {
      try {
        await enqueue(userId, item);
      } finally {
        unsaved.current.delete(item.id);
        await readAgain();
      }
      await sendCheckIns(userId);
    };
    save().catch(report);
  };

  const [rows, waiting, cancelled] = useMemo(() => {
    if (!entries) return [null, [], []];
    const last = new Map(queue.queued.map((item) => [item.bookingId, item]));
    const all = entries.map((entry) => withQueued(entry, last.get(entry.bookingId)));
    const order = new Intl.Collator(language.value);
    const waiting = all.filter(({ status }) => status === "waitlisted").sort((one, other) => (one.waitlistPosition ?? 0) - (other.waitlistPosition ?? 0));
    const placed = all.filter(({ status }) => status !== "waitlisted" && status !== "cancelled").sort((one, other) => order.compare(one.name, other.name));
    const cancelled = all.filter(({ status }) => status === "cancelled").sort((one, other) => cancelledAt(other).localeCompare(cancelledAt(one)) || order.compare(one.name, other.name));
    return [placed, waiting, cancelled];
  }, [entries, queue]);

  return { occurrence, rows, waiting, cancelled, failure, reload, toggle };
}
