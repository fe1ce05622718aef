// Check-ins that wait to be sent, in the order in which staff have made them. Pages and the
// service worker send them, one at a time, so nothing here uses the document.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { components } from "../api/schema.d.ts";
import { checkInDatabases, DATABASE_PREFIX } from "./forget.ts";

/** What the API returns about one check-in. */
type Result = components["schemas"]["CheckInResult"];

/** Staff check all members in, and instructors those of their own classes. */
export type CheckInPath = "/api/admin/check-ins" | "/api/teaching/check-ins";

export interface QueuedCheckIn {
  /** Its number in the queue, which the database chooses. */
  key?: number;
  /** The key with which it is sent, however often. */
  id: string;
  path: CheckInPath;
  scheduledClassId: string;
  bookingId: string;
  /** The name of the member. */
  name: string;
  action: "checkIn" | "undo";
  at: string;
  /** For an undo: the check-in that the page saw, or the queued check-in that it takes back. */
  seenAt: string | null;
  undoes: string | null;
}

export interface SentCheckIn extends Omit<QueuedCheckIn, "key"> {
  /** Null if the server has refused the request as a whole. */
  result: Result | null;
  /** Why it was refused: a `code` of the API, or `not_own` for an undo of a colleague's check-in. */
  refusal: string | null;
  sentAt: string;
}

interface Tables extends DBSchema {
  queue: { key: number; value: QueuedCheckIn };
  sent: { key: string; value: SentCheckIn };
}

/** The tag of the background synchronization. */
export const SYNC_TAG = "check-ins";

const LOCK = "check-ins";
const TIMEOUT_MS = 15_000;

/** How long the results of check-ins are kept. */
const RESULTS_MS = 24 * 60 * 60 * 1000;

/** Reaches the other pages and the worker, but not the page that sends. */
const channel = new BroadcastChannel("check-ins");

const listeners = new Set<() => void>();

channel.onmessage = () => {
  for (const listener of listeners) listener();
};

/** Tells all pages that the queue or the results have changed. */
function announce(): void {
  channel.postMessage("changed");
  for (const listener of listeners) listener();
}

/** Calls `listener` after each change of the queue or the results. Returns a function that stops this. */
export function followQueue(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function open(name: string): Promise<IDBPDatabase<Tables>> {
  return openDB<Tables>(name, 1, {
    upgrade(db) {
      db.createObjectStore("queue", { keyPath: "key", autoIncrement: true });
      db.createObjectStore("sent", { keyPath: "id" });
    },
    // A sign-out deletes the database.
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
    },
  });
}

/** Runs `work` on the database of a member. */
async function withDatabase<T>(name: string, work: (db: IDBPDatabase<Tables>) => Promise<T>): Promise<T> {
  const db = await open(name);
  try {
    return await work(db);
  } finally {
    db.close();
  }
}

/** Adds a check-in to the queue of a member of the staff. */
export async function enqueue(userId: string, checkIn: QueuedCheckIn): Promise<void> {
  await withDatabase(DATABASE_PREFIX + userId, (db) => db.add("queue", checkIn));
  announce();
}

export interface QueueState {
  queued: QueuedCheckIn[];
  sent: SentCheckIn[];
}

/** Returns what waits, and what was sent lately. */
export function readQueue(userId: string): Promise<QueueState> {
  return withDatabase(DATABASE_PREFIX + userId, async (db) => {
    const transaction = db.transaction(["queue", "sent"]);
    const [queued, sent] = await Promise.all([transaction.objectStore("queue").getAll(), transaction.objectStore("sent").getAll()]);
    return { queued, sent: sent.sort((one, other) => one.sentAt.localeCompare(other.sentAt)) };
  });
}

/** Forgets results that the person has read. */
export async function forgetResults(userId: string, ids: string[]): Promise<void> {
  await withDatabase(DATABASE_PREFIX + userId, async (db) => {
    const transaction = db.transaction("sent", "readwrite");
    await Promise.all([...ids.map((id) => transaction.store.delete(id)), transaction.done]);
  });
  announce();
}

/** Sends what waits of one member, in order. Returns whether everything was sent. */
export function sendQueue(userId: string): Promise<boolean> {
  return sendQueueIn(DATABASE_PREFIX + userId);
}

/** Sends what waits in this browser. The worker does not know who is signed in. */
export async function sendAllQueues(): Promise<boolean> {
  const results = await Promise.all((await checkInDatabases()).map(sendQueueIn));
  return results.every((isDone) => isDone);
}

/** One page or the worker sends at a time, so that nothing is sent twice or out of order. */
async function sendQueueIn(name: string): Promise<boolean> {
  return await navigator.locks.request(LOCK, () =>
    withDatabase(name, async (db) => {
      await dropOldResults(db);
      for (;;) {
        const [next] = await db.getAll("queue", null, 1);
        if (next?.key === undefined) return true;
        const { key, ...checkIn } = next;
        const sent = await send(db, checkIn);
        if (!sent) return false;
        const transaction = db.transaction(["queue", "sent"], "readwrite");
        await Promise.all([transaction.objectStore("queue").delete(key), transaction.objectStore("sent").put(sent), transaction.done]);
        announce();
      }
    }),
  );
}

/** Results to which a waiting undo refers stay, because the queue is emptied first. */
async function dropOldResults(db: IDBPDatabase<Tables>): Promise<void> {
  if ((await db.count("queue")) > 0) return;
  const oldest = new Date(Date.now() - RESULTS_MS).toISOString();
  const old = (await db.getAll("sent")).filter(({ sentAt }) => sentAt < oldest);
  await Promise.all(old.map(({ id }) => db.delete("sent", id)));
}

/** Sends one check-in. Returns null if it has to be sent again later. */
async function send(db: IDBPDatabase<Tables>, checkIn: Omit<QueuedCheckIn, "key">): Promise<SentCheckIn | null> {
  const finish = (result: Result | null, refusal: string | null) => ({ ...checkIn, result, refusal, sentAt: new Date().toISOString() });
  let { seenAt } = checkIn;
  if (checkIn.undoes) {
    const undone = await db.get("sent", checkIn.undoes);
    // Somebody else had checked the member in, or the check-in was refused.
    if (undone?.result?.outcome !== "checkedIn") return finish(undone?.result ?? null, "not_own");
    seenAt = undone.result.checkedInAt;
  }
  const { id, path, scheduledClassId, bookingId, action } = checkIn;
  const body = action === "checkIn" ? { scheduledClassId, bookingIds: [bookingId] } : { scheduledClassId, undo: [{ bookingId, checkedInAt: seenAt }] };
  let response: Response;
  let answer: { results?: Result[]; code?: string } | null;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": id },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = (await response.json().catch(() => null)) as typeof answer;
  } catch {
    // There is no connection.
    return null;
  }
  if (response.ok) {
    // Without its result, the answer was cut off.
    const [result] = answer?.results ?? [];
    return result ? finish(result, null) : null;
  }
  return mustWait(response.status) ? null : finish(null, answer?.code ?? "");
}

/** The session has ended, the server is busy, or it has failed: the request is sent again later. */
function mustWait(status: number): boolean {
  return [401, 408, 429].includes(status) || status >= 500;
}
