// Whether the server can be reached.

import { useEffect } from "preact/hooks";
import { Store } from "./store.ts";
import { useLatest } from "./latest.ts";

export const isOffline = new Store(!navigator.onLine);

addEventListener("online", () => setOffline(false));
addEventListener("offline", () => setOffline(true));

/** Notes whether the last request has reached the server. */
export function setOffline(value: boolean): void {
  if (value !== isOffline.value) isOffline.set(value);
}

/** Does the work each time when the connection is back. Returns what ends that. */
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
