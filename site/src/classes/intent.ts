// What a visitor wanted to book before the sign-in or the confirmation of the address.

import type { Occurrence } from "./live.ts";

/** Where it is kept. It is not in the address, so that no link can make a member book. */
const INTENT = "booking-intent";

/** How long it is kept. */
const INTENT_MS = 30 * 60 * 1000;

interface Intent {
  id: string;
  joinWaitlist: boolean;
  title: string;
  /** The page on which the class is. */
  path: string;
  at: number;
}

export function keepIntent({ id, title }: Occurrence, joinWaitlist: boolean): void {
  const path = location.pathname + location.search;
  const intent: Intent = { id, joinWaitlist, title, path, at: Date.now() };
  try {
    localStorage.setItem(INTENT, JSON.stringify(intent));
  } catch {
    // The member then chooses the class again.
  }
}

/** Returns what the visitor wanted, once. */
export function takeIntent(): Intent | null {
  const intent = readIntent();
  forgetIntent();
  return intent;
}

export function forgetIntent(): void {
  try {
    localStorage.removeItem(INTENT);
  } catch {
    // Without storage there is nothing to forget.
  }
}

/** Returns what the visitor wanted. */
export function readIntent(): Intent | null {
  try {
    const stored = localStorage.getItem(INTENT);
    const intent = stored ? (JSON.parse(stored) as Intent) : null;
    return intent && Date.now() - intent.at < INTENT_MS ? intent : null;
  } catch {
    return null;
  }
}
