// A value that components follow.

import { useEffect, useState } from "preact/hooks";

export class Store<T> {
  readonly #listeners = new Set<() => void>();

  constructor(public value: T) {}

  set(value: T): void {
    this.value = value;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change. Returns what ends that. */
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
