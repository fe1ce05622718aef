// Whether the server can be reached.

import { useEffect } from "preact/hooks";
import { Store } from "./store.ts";
import { useLatest } from "./latest.ts";

/** A small answer of the API, which the platform's caches have. */
const PROBE = "/api/studio";
const PROBE_TIMEOUT_MS = 10_000;

/** How long to wait before each of the first probes, and before the others. */
const FIRST_PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000];
const PAUSE_MS = 30_000;

export const isOffline = new Store(false);

let timer: ReturnType<typeof setTimeout> | undefined;

addEventListener("online", () => setOffline(false));
addEventListener("offline", () => setOffline(true));
if (!navigator.onLine) setOffline(true);

/** Notes whether the last request has reached the server. */
export function setOffline(value: boolean): void {
  if (value === isOffline.value) return;
  isOffline.set(value);
  clearTimeout(timer);
  if (value) probeLater(0);
}

/**
 * Asks the server until it responds. The browser is online as soon as it has a network, and that
 * may be earlier than the server can be reached.
 */
function probeLater(attempt: number): void {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const isReached = navigator.onLine && !document.hidden && (await reachesServer());
    if (isReached) setOffline(false);
    else if (isOffline.value) probeLater(attempt + 1);
  }, FIRST_PAUSES_MS[attempt] ?? PAUSE_MS);
}

async function reachesServer(): Promise<boolean> {
  try {
    await fetch(PROBE, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return true;
  } catch {
    return false;
  }
}

/** Does the work each time when the connection is back. Returns a function that stops this. */
export function whenOnline(work: () => unknown): () => void {
  return isOffline.follow(() => {
    if (!isOffline.value) work();
  });
}

/** Loads the content of a page again when the connection is back. */
export function useReload(load: () => unknown): void {
  const latest = useLatest(load);
  useEffect(() => whenOnline(() => void latest()()), [latest]);
}
