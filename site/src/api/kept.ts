// The last answers of the API, which pages show while there is no connection. Those about a
// member are in a cache of their own, which is deleted when the member signs out or another
// member signs in.

import { forgetCheckIns } from "../check-ins/forget.ts";

const PUBLIC_CACHE = "answers";
const MEMBER_CACHE = "answers-of-";

/** At most this many answers are kept for everybody, and for the member. */
const MAX_ANSWERS = 60;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Older answers are not shown. */
const MAX_AGE_MS = 7 * DAY_MS;

/** Older answers about other people are deleted when the next one is kept. */
const MAX_STAFF_AGE_MS = DAY_MS;

/** When an answer was kept. */
const KEPT_AT = "x-kept-at";

const SESSION = "/api/auth/session";
const STUDIO = "/api/studio";
const PUBLIC = [STUDIO, "/api/instructors", "/api/instructors/details", "/api/classes/list", "/api/classes/details", "/api/classes/schedule", "/api/classes/occurrence", "/api/shop/products"];

/** The answers about members that staff and instructors can see without a connection. */
const STAFF = ["/api/admin/bookings", "/api/admin/dashboard", "/api/teaching/classes", "/api/teaching/roster"];
const PRIVATE = ["/api/bookings/list", "/api/shop/membership", "/api/shop/passes", ...STAFF];

/** The member who is signed in, null for a visitor, undefined while that is not known. */
let member: string | null | undefined;

/** The member for whom a request is sent now. */
export function currentMember(): string | null | undefined {
  return member;
}

function pathOf({ url }: Request): string {
  return new URL(url).pathname;
}

/** Whether a page shows the answer to a request. The banner says when such an answer was loaded. */
export function isContent(request: Request): boolean {
  return ![SESSION, STUDIO].includes(pathOf(request));
}

/** When a response was kept, or null if the server has just sent it. */
export function keptAt(response: Response): Date | null {
  const text = response.headers.get(KEPT_AT);
  return text ? new Date(text) : null;
}

/** Reads from a response who is signed in. */
export async function noteMember(request: Request, response: Response): Promise<void> {
  if (request.method !== "GET" || pathOf(request) !== SESSION) return;
  const { user } = (await response.json()) as { user: { id: string } | null };
  member = user?.id ?? null;
}

/** Keeps the answer to a request that was sent for `sender`. */
export async function keep(request: Request, response: Response, sender: string | null | undefined): Promise<void> {
  if (request.method !== "GET" || !("caches" in globalThis)) return;
  const path = pathOf(request);
  if (PUBLIC.includes(path)) return put(PUBLIC_CACHE, request, response);
  if (path !== SESSION && (!PRIVATE.includes(path) || sender !== member)) return;
  const owner = member;
  if (owner) await put(MEMBER_CACHE + owner, request, response);
  await forgetOthers();
}

/** Forgets what was kept about members, because the session has ended. */
export function forgetMember(): void {
  member = null;
  forgetOthers().catch(() => {
    // Nothing was kept, because the browser forbids storage.
  });
}

/** Deletes the answers about all members but the current one. */
async function forgetOthers(): Promise<void> {
  if (!("caches" in globalThis)) return;
  const others = (await memberCaches()).filter((name) => name !== `${MEMBER_CACHE}${member}`);
  await Promise.all(others.map((name) => caches.delete(name)));
  if (member) await forgetCheckIns(member);
}

async function memberCaches(): Promise<string[]> {
  return (await caches.keys()).filter((name) => name.startsWith(MEMBER_CACHE));
}

async function put(name: string, request: Request, response: Response): Promise<void> {
  const cache = await caches.open(name);
  const headers = { "content-type": response.headers.get("content-type") ?? "", [KEPT_AT]: new Date().toISOString() };
  await cache.put(request.url, new Response(await response.blob(), { headers }));
  const keys = await cache.keys();
  const old = STAFF.includes(pathOf(request)) ? await findOld(cache, keys) : [];
  await Promise.all([...keys.slice(0, -MAX_ANSWERS), ...old].map((kept) => cache.delete(kept)));
}

/** Finds the answers about other people that are too old. */
async function findOld(cache: Cache, keys: readonly Request[]): Promise<Request[]> {
  const ages = await Promise.all(keys.map(async (key) => ageOf(await cache.match(key))));
  return keys.filter((key, index) => STAFF.includes(pathOf(key)) && (ages[index] ?? 0) > MAX_STAFF_AGE_MS);
}

/** How many milliseconds ago a response was kept. */
function ageOf(response: Response | undefined): number {
  const at = response && keptAt(response);
  return at ? Date.now() - at.getTime() : Number.POSITIVE_INFINITY;
}

/** Returns the kept answer to a request, or null. */
export async function recall(request: Request): Promise<Response | null> {
  if (request.method !== "GET" || !("caches" in globalThis)) return null;
  const path = pathOf(request);
  if (PUBLIC.includes(path)) return find(PUBLIC_CACHE, request);
  if (path !== SESSION && !PRIVATE.includes(path)) return null;
  const [name, another] = await memberCaches();
  // There are two if a member has signed in while an answer about another was on its way.
  const found = name && !another && member !== null ? await find(name, request) : null;
  if (found || path !== SESSION || member) return found;
  // Nobody is known to be signed in.
  return Response.json({ user: null, session: null });
}

async function find(name: string, request: Request): Promise<Response | null> {
  const found = await (await caches.open(name)).match(request.url);
  const maxAge = STAFF.includes(pathOf(request)) ? MAX_STAFF_AGE_MS : MAX_AGE_MS;
  return found && ageOf(found) < maxAge ? found : null;
}
