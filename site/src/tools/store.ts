// A value that components follow.

import { useEffect, useRef, useState } from "preact/hooks";

export class Store<T> {
  readonly #listeners = new Set<() => void>();

  constructor(public value: T) {}

  set(value: T): void {
    this.value = value;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change. Returns a function that stops this. */
  follow(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Renders the component again after each change of the store. */
export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.value);
  useEffect(() => {
    // It may have changed between the first rendering and this effect.
    setValue(() => store.value);
    return store.follow(() => setValue(() => store.value));
  }, [store]);
  return value;
}

/**
 * Renders the component again after a change of a part of the store. Each card of a long list
 * uses this, so that a change of one card does not render all of them.
 */
export function useStorePart<T, Part>(store: Store<T>, select: (value: T) => Part): Part {
  const [, render] = useState(0);
  const part = select(store.value);
  const rendered = useRef({ part, select });
  rendered.current = { part, select };
  useEffect(() => {
    const update = () => {
      const { part, select } = rendered.current;
      if (JSON.stringify(select(store.value)) !== JSON.stringify(part)) render((count) => count + 1);
    };
    update();
    return store.follow(update);
  }, [store]);
  return part;
}
