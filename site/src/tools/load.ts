// What a page loads, and what happens if it cannot be loaded.

import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "../api/failure.ts";
import { report } from "./action.ts";
import { useReload } from "./connection.ts";
import { useLatest } from "./latest.ts";

interface Load<T> {
  /** What was loaded last, or null. */
  loaded: T | null;
  /** Why there is nothing to show, or null. */
  failure: Failure | null;
  reload: () => void;
}

/**
 * Loads what a page shows, and loads again when `key` changes or the connection is back. If loading the same again
 * fails, what is shown stays, even if it is not the latest.
 */
export function useLoad<T>(load: () => Promise<T>, key = ""): Load<T> {
  const [loaded, setLoaded] = useState<T | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const shownKey = useRef<string | null>(null);
  const latest = useLatest({ load, key });

  const request = async () => {
    const requested = latest();
    setFailure(null);
    try {
      const value = await requested.load();
      // Another key was chosen meanwhile.
      if (latest().key !== requested.key) return;
      shownKey.current = requested.key;
      setLoaded(() => value);
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      if (latest().key !== requested.key) return;
      if (shownKey.current === requested.key) report(failed);
      else setFailure(failed);
    }
  };
  const reload = () => void request().catch(report);
  useEffect(reload, [key]);
  useReload(reload);
  return { loaded, failure, reload };
}
