// Keeps what a page of the console shows up to date while it is visible.

import { useEffect } from "preact/hooks";
import type { Schema } from "../api/client.ts";
import { checkSession } from "../session.ts";
import { report } from "../tools/action.ts";
import { isOffline, whenOnline } from "../tools/connection.ts";
import { useLatest } from "../tools/latest.ts";

/** How often a page asks again, also without an event. */
const REFRESH_MS = 20_000;

/** After how long a page that has lost its stream of events opens another. */
const RECONNECT_MS = 10_000;

/** Several events at once, such as those of a cancelled class, load the page once. */
const PAUSE_MS = 200;

const KINDS: ReadonlyArray<Schema<"StaffEvent">["kind"]> = [
  "booking_created",
  "booking_waitlisted",
  "booking_promoted",
  "booking_cancelled",
  "booking_moved",
  "attendance_changed",
  "payment_changed",
  "class_created",
  "class_changed",
  "class_cancelled",
];

/**
 * Calls `refresh` regularly while the page is visible, and when it becomes visible or gets its
 * connection back. With a day, also as soon as something happens to its classes. What cannot be
 * loaded is left to the next time.
 */
export function useRefresh(refresh: () => Promise<void>, day?: string | null): void {
  const latest = useLatest(refresh);
  useEffect(() => {
    const run = () => {
      if (!document.hidden && !isOffline.value) latest()().catch(report);
    };
    const timer = setInterval(run, REFRESH_MS);
    const endEvents = day ? followEvents(day, run) : () => {};
    document.addEventListener("visibilitychange", run);
    const unfollow = whenOnline(run);
    return () => {
      clearInterval(timer);
      endEvents();
      document.removeEventListener("visibilitychange", run);
      unfollow();
    };
  }, [day]);
}

/** Follows what happens to the classes of a day while the page is visible. Returns a function that stops this. */
function followEvents(day: string, onEvent: () => void): () => void {
  let stream: EventSource | null = null;
  let reconnect: ReturnType<typeof setTimeout> | undefined;
  let pause: ReturnType<typeof setTimeout> | undefined;

  const close = () => {
    clearTimeout(reconnect);
    stream?.close();
    stream = null;
  };
  const open = () => {
    close();
    if (document.hidden || isOffline.value) return;
    stream = new EventSource(`/api/admin/events?date=${day}`);
    // What has happened before the stream began is only in the answer to a request.
    stream.addEventListener("open", onEvent, { once: true });
    for (const kind of KINDS) {
      stream.addEventListener(kind, () => {
        clearTimeout(pause);
        pause = setTimeout(onEvent, PAUSE_MS);
      });
    }
    stream.addEventListener("access_ended", () => {
      close();
      checkSession().catch(report);
    });
    // A browser gives up after a failed request, but not after the end of a stream.
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      close();
      const retry = () => {
        reconnect = setTimeout(open, RECONNECT_MS);
      };
      // The request also fails when the session has ended.
      checkSession().then((member) => member && retry(), retry);
    };
  };
  document.addEventListener("visibilitychange", open);
  const unfollow = whenOnline(open);
  open();
  return () => {
    clearTimeout(pause);
    close();
    document.removeEventListener("visibilitychange", open);
    unfollow();
  };
}
