// Long lists, whose parts are rendered one after the other.

import { useEffect, useState } from "preact/hooks";

/**
 * Returns whether it is the turn of a part of a long list, which is rendered `turn` frames
 * after the first part. All parts in one task would block a slow phone. Once rendered, a part
 * stays.
 */
export function useTurn(turn: number): boolean {
  const [left, setLeft] = useState(turn);
  // An effect runs in a task of its own, after the next frame. In a hidden tab, which has no
  // frames, it runs after a while.
  useEffect(() => {
    if (left > 0) setLeft(left - 1);
  }, [left]);
  return left === 0;
}
