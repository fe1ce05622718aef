// Lists that the API returns in pages.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Failure } from "../api/failure.ts";
import { report } from "../tools/action.ts";
import { useLatest } from "../tools/latest.ts";
import { asFailure } from "./failures.ts";

interface Page<Item> {
  items: Item[];
  nextCursor?: string | null | undefined;
}

/** A list that is loaded page by page. */
export interface List<Item> {
  /** The items, or null while the first page is loading. */
  items: Item[] | null;
  /** Why the first page could not be loaded. */
  failure: Failure | null;
  hasMore: boolean;
  isLoadingMore: boolean;
  loadMore: () => void;
  /** Loads the first page again. What is shown stays until it is there. */
  reload: () => Promise<void>;
  /** Changes the items that are shown, after one was changed or created. */
  change: (work: (items: Item[]) => Item[]) => void;
}

/**
 * Loads a list. `load` gets the cursor of the next page, or undefined for the first one. The list
 * is loaded again when `key`, such as a search, changes.
 */
export function useList<Item>(key: string, load: (cursor: string | undefined) => Promise<Page<Item>>): List<Item> {
  const [items, setItems] = useState<Item[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [isLoadingMore, setLoadingMore] = useState(false);
  const latest = useLatest({ key, load });
  /** The number of the latest load. The answers to others are out of date. */
  const loads = useRef(0);

  const reload = async () => {
    loads.current += 1;
    const number = loads.current;
    setFailure(null);
    setLoadingMore(false);
    try {
      const page = await latest().load(undefined);
      if (number !== loads.current) return;
      setItems(page.items);
      setCursor(page.nextCursor ?? null);
    } catch (failed) {
      if (number !== loads.current) return;
      setFailure(asFailure(failed));
      setItems(null);
    }
  };

  useEffect(() => {
    setItems(null);
    void reload().catch(report);
  }, [key]);

  const loadMore = () => {
    if (cursor === null || isLoadingMore) return;
    const number = loads.current;
    setLoadingMore(true);
    load(cursor)
      .then((page) => {
        if (number !== loads.current) return;
        setItems((known) => [...(known ?? []), ...page.items]);
        setCursor(page.nextCursor ?? null);
      })
      .catch(report)
      .finally(() => number === loads.current && setLoadingMore(false));
  };

  const change = (work: (items: Item[]) => Item[]) => setItems((known) => known && work(known));

  return { items, failure, hasMore: cursor !== null, isLoadingMore, loadMore, reload, change };
}
