// Sends the check-ins that wait: when a page of the console opens, when the connection is back,
// and in the background.

import { SYNC_TAG, sendQueue } from "../check-ins/queue.ts";
import { report } from "../tools/action.ts";
import { whenOnline } from "../tools/connection.ts";

/** After how long a queue that could not be sent is sent again. */
const RETRY_MS = 20_000;

let retry: ReturnType<typeof setTimeout> | undefined;

/**
 * Sends what waits of one of the staff, now and each time when the connection is back, and lets
 * the worker copy the pages that work without one. Returns a function that stops this.
 */
export function keepSending(userId: string): () => void {
  const send = () => void sendCheckIns(userId).catch(report);
  send();
  withWorker(({ active }) => active?.postMessage({ keep: "staff" }));
  const unfollow = whenOnline(send);
  return () => {
    unfollow();
    clearTimeout(retry);
  };
}

/** Sends what waits. What cannot be sent is sent later, in some browsers even after the page is closed. */
export async function sendCheckIns(userId: string): Promise<void> {
  clearTimeout(retry);
  if (await sendQueue(userId)) return;
  retry = setTimeout(() => void sendCheckIns(userId).catch(report), RETRY_MS);
  sendInBackground();
}

/** Only some browsers can do this. Others send when a page of the console is open. */
function sendInBackground(): void {
  withWorker(({ sync }) =>
    sync?.register(SYNC_TAG).catch(() => {
      // The person has forbidden it.
    }),
  );
}

/** A registration, with what not all browsers have. */
type Registration = ServiceWorkerRegistration & { sync?: { register: (tag: string) => Promise<void> } };

/** Does the work when there is a worker. */
function withWorker(work: (registration: Registration) => unknown): void {
  if ("serviceWorker" in navigator) void navigator.serviceWorker.ready.then(work);
}
