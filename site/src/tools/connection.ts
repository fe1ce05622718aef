// Whether the server can be reached.

import { useEffect } from "preact/hooks";
import { Store } from "./store.ts";
import { useLatest } from "./latest.ts";

/** A short response, which the platform usually has in its cache. */
const PROBE = "/api/studio";
const PROBE_TIMEOUT_MS = 10_000;

/** How long to wait before each of the first probes, and before the others. */
const FIRST_PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000];
const PAUSE_MS = 30_000;

export const isOffline = new Store(false);

let timer: ReturnType<typeof setTimeout> | undefined;

addEventListener("online", probeAtOnce);
addEventListener("offline", () => setOffline(true));
document.addEventListener("visibilitychange", probeAtOnce);
if (!navigator.onLine) setOffline(true);

/** Notes whether the server can be reached. */
export function setOffline(value: boolean): void {
  if (value === isOffline.value) return;
  isOffline.set(value);
  clearTimeout(timer);
  if (value) probeLater(0);
}

function probeAtOnce(): void {
  if (isOffline.value) void probe(0);
}

function probeLater(attempt: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void probe(attempt), FIRST_PAUSES_MS[attempt] ?? PAUSE_MS);
}

/**
 * Asks the server until it responds. The browser is online as soon as it has a network, and that
 * may be earlier than the server can be reached.
 */
async function probe(attempt: number): Promise<void> {
  clearTimeout(timer);
  // It goes on when the browser has a network, and the page is visible.
  if (!navigator.onLine || document.hidden) return;
  const isReached = await canReach(PROBE);
  if (!isOffline.value) return;
  if (isReached) setOffline(false);
  else probeLater(attempt + 1);
}

/** Whether the server responds to a request for an address. */
export async function canReach(address: string): Promise<boolean> {
  try {
    await fetch(address, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
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
