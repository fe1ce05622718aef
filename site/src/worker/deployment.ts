// Copies of the site, one for each deployment.

import files from "virtual:site-files";
import type { KeptFiles } from "../../sw.config.ts";

const PREFIX = "site-";

/** The copy of the deployment to which this worker belongs. */
const CURRENT = PREFIX + files.version;

/** Copies the pages and their assets. If one cannot be copied, the worker is not installed. */
export async function keepSite(): Promise<void> {
  const isStaffKept = await hasStaff();
  await keep(files);
  if (isStaffKept) await keep(files.staff);
}

/** Copies the pages that staff need, unless they are there. Members do not load them. */
export async function keepStaff(): Promise<void> {
  const [first] = Object.keys(files.staff.pages);
  if (first && (await (await caches.open(CURRENT)).match(first))) return;
  try {
    await keep(files.staff);
  } catch {
    // The connection was lost, or a newer worker is about to take over. The next page asks again.
  }
}

/** Whether this browser has copied the pages for staff. */
async function hasStaff(): Promise<boolean> {
  const found = await Promise.all(Object.keys(files.staff.pages).map((address) => caches.match(address)));
  return found.some((page) => page !== undefined);
}

async function keep({ pages, assets }: KeptFiles): Promise<void> {
  const cache = await caches.open(CURRENT);
  const copies = Object.entries(pages).map(([address, hash]) => keepPage(cache, address, hash));
  await Promise.all([...copies, ...assets.map((address) => keepAsset(cache, address))]);
}

/** Copies a page. It must belong to this deployment, because its scripts do. */
async function keepPage(cache: Cache, address: string, hash: string): Promise<void> {
  const response = await load(address, "no-cache");
  const digest = await crypto.subtle.digest("SHA-256", await response.clone().arrayBuffer());
  const found = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== hash) throw new Error(`${address} belongs to another deployment`);
  await cache.put(address, response);
}

/** Copies an asset. If an older deployment has it too, nothing is loaded. */
async function keepAsset(cache: Cache, address: string): Promise<void> {
  const known = await caches.match(address);
  await cache.put(address, known ?? (await load(address, "default")));
}

async function load(address: string, cache: RequestCache): Promise<Response> {
  const response = await fetch(address, { cache });
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response;
}

/**
 * Deletes the copies of older deployments, except for the latest. A page that was open before
 * may still load scripts from that one.
 */
export async function dropOldSites(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CURRENT);
  await Promise.all(old.slice(0, -1).map((name) => caches.delete(name)));
}

/** Returns the copy of the page for a path, or of the page that says that there is no connection. */
export async function keptPage(path: string): Promise<Response> {
  const cache = await caches.open(CURRENT);
  const detail = files.details.find(({ prefix }) => path.startsWith(prefix) && path.length > prefix.length);
  return (await cache.match(detail?.page ?? path)) ?? (await cache.match("/offline")) ?? Response.error();
}
