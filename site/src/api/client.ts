// Requests to the API. Paths, parameters and responses are typed from openapi.json.

import createClient from "openapi-fetch";
import { Store } from "../tools/store.ts";
import { Failure } from "./failure.ts";
import type { components, paths } from "./schema.d.ts";

export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

const TIMEOUT_MS = 30_000;

export const api = createClient<paths, "application/json">({
  // Without `no-cache`, Chromium would show free spots of up to thirty seconds ago, because the
  // responses allow caches to be stale for that long while they ask again.
  fetch: (request: Request) => fetch(request, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_MS) }),
});

/** When the API last answered successfully. */
export const loadedAt = new Store<Date | null>(null);

/** Returns the content of a successful response. Any other throws a `Failure`. */
export async function call<T>(
  request: Promise<{ data?: T | undefined; error?: unknown; response: Response }>,
): Promise<T> {
  let result;
  try {
    result = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") throw Failure.tooSlow();
    throw Failure.unreachable();
  }
  const { data, error, response } = result;
  if (response.ok && data !== undefined) {
    loadedAt.set(new Date());
    return data;
  }
  throw Failure.of(response, error);
}

/** How many items the API returns at most in one page of a list. */
const PAGE_SIZE = 100;

/** Reads all pages of a list. An item that was returned twice is kept as it was returned last. */
export async function readAllPages<T extends { id: string | number }>(
  load: (query: { limit: number; cursor?: string }) => Promise<{ items: T[]; nextCursor?: string | null }>,
): Promise<T[]> {
  const found = new Map<string | number, T>();
  let cursor: string | null | undefined;
  do {
    const page = await load({ limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) });
    for (const item of page.items) found.set(item.id, item);
    cursor = page.nextCursor;
  } while (cursor);
  return [...found.values()];
}
