// Requests to the API. Paths, parameters and responses are typed from openapi.json.

import createClient from "openapi-fetch";
import { setOffline } from "../tools/connection.ts";
import { Store } from "../tools/store.ts";
import { Failure } from "./failure.ts";
import { currentMember, isContent, keep, keptAt, noteMember, recall } from "./kept.ts";
import type { components, paths } from "./schema.d.ts";

export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

const TIMEOUT_MS = 30_000;

export const api = createClient<paths, "application/json">({ fetch: send });

/** The time from which the content of the page dates. */
export const loadedAt = new Store<Date | null>(null);

/** Sends a request. Without a connection, the last answer to the same request is returned. */
async function send(request: Request): Promise<Response> {
  const sender = currentMember();
  let response;
  try {
    // Without `no-cache`, Chromium would show free spots of up to thirty seconds ago, because the
    // responses allow caches to be stale for that long while they ask again.
    response = await fetch(request, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const kept = await recall(request).catch(() => null);
    if (!kept) throw error;
    setOffline(true);
    const at = keptAt(kept);
    if (at && isContent(request) && !(loadedAt.value && loadedAt.value < at)) loadedAt.set(at);
    return kept;
  }
  setOffline(false);
  if (response.ok) {
    loadedAt.set(new Date());
    await noteMember(request, response.clone());
    keep(request, response.clone(), sender).catch(() => {
      // The browser may forbid storage, or the storage is full. The page then needs a connection.
    });
  }
  return response;
}

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
  if (response.ok && data !== undefined) return data;
  throw await Failure.of(response, error);
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
