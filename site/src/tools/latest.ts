// What long-lived listeners read.

import { useRef } from "preact/hooks";

/** Returns a function that always returns the value of the latest rendering. */
export function useLatest<T>(value: T): () => T {
  const latest = useRef(value);
  latest.current = value;
  return useRef(() => latest.current).current;
}
