// What members with passes see, which visitors do not need. It is loaded with the first bookings
// of a member.

import type { Passes } from "./part.tsx";
import { Store } from "../tools/store.ts";

/** The components and sentences about passes in the current language. Null until they are loaded. */
export const passPart = new Store<Passes | null>(null);

/** Loads them, and the passes of the member if they come soon. Without them, a page shows its classes and bookings. */
export async function loadPassPart(): Promise<void> {
  try {
    const { start } = await import("./part.tsx");
    await start();
  } catch {
    // The connection was lost. The next bookings load them again.
  }
}
