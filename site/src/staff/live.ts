// Keeps what a page of the console shows up to date while it is visible.

import { useEffect } from "preact/hooks";
import { report } from "../tools/action.ts";
import { useLatest } from "../tools/latest.ts";

/** How often a page asks again. */
const REFRESH_MS = 20_000;

/**
 * Calls `refresh` regularly while the page is visible, and when it becomes visible or gets its
 * connection back. A failure is left to the next time.
 */
export function useRefresh(refresh: () => Promise<void>): void {
  const latest = useLatest(refresh);
  useEffect(() => {
    const run = () => {
      if (!document.hidden && navigator.onLine) latest()().catch(report);
    };
    const timer = setInterval(run, REFRESH_MS);
    document.addEventListener("visibilitychange", run);
    addEventListener("online", run);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", run);
      removeEventListener("online", run);
    };
  }, []);
}
