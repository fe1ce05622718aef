// Requests that are repeated while they get no response, under one `Idempotency-Key`, so that
// nothing is done twice.

import { Failure } from "../api/failure.ts";
import { say } from "./action.ts";

/** How long to wait before each repetition. The connection may come back earlier. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

/** After this time a request is not repeated any more. */
const GIVE_UP_MS = 60_000;

/** What to say while the outcome of a request is not known, and when it stays unknown. */
export interface Sentences {
  lost: string;
  unknown: string;
}

/** The keys of requests whose outcome is not known, by what they do. */
const openKeys = new Map<string, string>();

/**
 * Sends a request, and repeats it while it gets no response. `purpose` names what it does. If
 * the outcome stays unknown, or the server fails, the next request with this purpose has the same
 * key while the page is open. Once another state is known, a purpose that names it has a new one.
 */
export async function sendUntilAnswered<T>(purpose: string, { lost, unknown }: Sentences, send: (key: string) => Promise<T>): Promise<T> {
  const key = openKeys.get(purpose) ?? crypto.randomUUID();
  openKeys.set(purpose, key);
  const start = Date.now();
  for (let repetition = 0; ; repetition++) {
    try {
      const answer = await send(key);
      openKeys.delete(purpose);
      return answer;
    } catch (failure) {
      if (!(failure instanceof Failure && failure.isUnanswered)) {
        // A server that fails may have done it all the same.
        if (!(failure instanceof Failure && failure.status >= 500)) openKeys.delete(purpose);
        throw failure;
      }
      const pause = PAUSES_MS[repetition];
      if (pause === undefined || Date.now() - start > GIVE_UP_MS) throw Failure.unknown(unknown);
      say(lost, true);
      await waitForConnection(pause);
    }
  }
}

/** Waits for a time, or until the browser is online again. */
function waitForConnection(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      resolve();
    };
    const timer = setTimeout(go, milliseconds);
    addEventListener("online", go);
  });
}
