// What the API tells about the studio. It rarely changes, so the pages share one response for an
// hour.

import { api, call, type Schema } from "../api/client.ts";
import { Store } from "./store.ts";

export type Studio = Schema<"Studio">;
export type Address = Schema<"StudioAddress">;

/** The name in the HTML files, which is shown until the API has returned another. */
export const DEFAULT_NAME = "Sabor con Flow";

const STORED = "studio";
const MAX_AGE_MS = 60 * 60 * 1000;

export const studio = new Store<Studio | null>(remembered());

function remembered(): Studio | null {
  try {
    const stored = sessionStorage.getItem(STORED);
    const { at, value } = stored ? (JSON.parse(stored) as { at: number; value: Studio }) : { at: 0, value: null };
    return Date.now() - at < MAX_AGE_MS ? value : null;
  } catch {
    // The browser may forbid storage.
    return null;
  }
}

let loading: Promise<Studio> | null = null;

/** Parts of a page that ask at the same time share a request. */
export async function loadStudio(): Promise<Studio> {
  if (studio.value) return studio.value;
  loading ??= request().finally(() => {
    loading = null;
  });
  return loading;
}

async function request(): Promise<Studio> {
  const value = await call(api.GET("/api/studio"));
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ at: Date.now(), value }));
  } catch {
    // The next page then asks again.
  }
  document.title = document.title.replace(studioName(), value.name);
  studio.set(value);
  return value;
}

export function studioName(): string {
  return studio.value?.name ?? DEFAULT_NAME;
}

/** The lines of an address, in the order that is usual in its country. */
export function addressLines({ street, city, region, postalCode, country }: Address): string[] {
  const isAmerican = country === "US" || country === "CA";
  const town = isAmerican ? [[city, region].filter(Boolean).join(", "), postalCode] : [postalCode, city];
  return [street, town.filter(Boolean).join(" ")];
}

export function mapAddress(address: Address): string {
  const { latitude, longitude } = address;
  if (latitude != null && longitude != null) {
    return `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=18/${latitude}/${longitude}`;
  }
  return `https://www.openstreetmap.org/search?query=${encodeURIComponent([...addressLines(address), address.country].join(", "))}`;
}
