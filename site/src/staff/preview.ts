// What a change to the schedule would do, before it is made.

import { useEffect, useState } from "preact/hooks";
import type { Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { report } from "../tools/action.ts";
import { useReload } from "../tools/connection.ts";

/** What a change would do: nothing known yet, the answer, or why it is not possible. */
export interface Preview {
  result: Schema<"TimetableResult"> | null;
  failure: Failure | null;
}

/**
 * Asks what a change would do, and asks again when `key` changes or the connection is back. Without a
 * key, there is no change to ask about.
 */
export function usePreview(key: string, ask: () => Promise<Schema<"TimetableResult">>): Preview {
  const [preview, setPreview] = useState<Preview>({ result: null, failure: null });
  const [round, setRound] = useState(0);
  useReload(() => setRound((last) => last + 1));
  useEffect(() => {
    setPreview({ result: null, failure: null });
    if (!key) return;
    let isLatest = true;
    ask().then(
      (result) => isLatest && setPreview({ result, failure: null }),
      (failure) => {
        if (!(failure instanceof Failure)) return report(failure);
        if (isLatest) setPreview({ result: null, failure });
      },
    );
    return () => {
      isLatest = false;
    };
  }, [key, round]);
  return preview;
}
