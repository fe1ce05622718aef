// What the worker responds to requests of pages.

import { keptPage } from "./deployment.ts";

/** Where pictures that were seen are kept. */
const PICTURES = "pictures";
const MAX_PICTURES = 100;

/** Functions, and files that are no pages. */
const NOT_PAGES = /^\/(api\/|dev\/|signup$|logout$)|\.\w+$/;

/** Returns the response, or null if the browser should ask the server as it does without a worker. */
export function respond(request: Request): Promise<Response> | null {
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return null;
  if (request.mode === "navigate") return NOT_PAGES.test(pathname) ? null : respondWithPage(request, pathname);
  if (pathname.startsWith("/assets/")) return respondWithAsset(request);
  if (pathname.startsWith("/img/") || pathname === "/icon.svg") return respondWithPicture(request);
  return null;
}

/** With a connection, pages always come from the server. */
async function respondWithPage(request: Request, path: string): Promise<Response> {
  try {
    return await fetch(request);
  } catch {
    return keptPage(path);
  }
}

/** An asset never changes, because its name contains a hash. */
async function respondWithAsset(request: Request): Promise<Response> {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

async function respondWithPicture(request: Request): Promise<Response> {
  const cache = await caches.open(PICTURES);
  try {
    const response = await fetch(request);
    if (response.ok) await keepPicture(cache, request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

async function keepPicture(cache: Cache, request: Request, response: Response): Promise<void> {
  await cache.put(request, response);
  const oldest = (await cache.keys()).slice(0, -MAX_PICTURES);
  await Promise.all(oldest.map((old) => cache.delete(old)));
}
