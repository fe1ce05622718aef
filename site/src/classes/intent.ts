// What a visitor wanted to book before the sign-in or the confirmation of the address. It is not
// in the address, so that no link can make a member book.

const INTENT = "booking-intent";

/** How long it is kept. */
const INTENT_MS = 30 * 60 * 1000;

/** How the class is to be booked. */
export interface Wish {
  joinWaitlist?: boolean;
  payWith?: string;
}

interface Intent extends Wish {
  id: string;
  title: string;
  /** The page on which the class is. */
  path: string;
  at: number;
  /** The member who has to confirm the address first, or null before a sign-in. */
  userId: string | null;
  /** The id of the member who has chosen what pays. Another who signs in has other passes. */
  chosenBy: string | null;
  /** Whether the step is done after which the page continues with the booking. */
  isReady: boolean;
}

/**
 * Stores what is to be booked. A sign-in happens in the same tab. The mailed link opens
 * another tab, and continues only for the same member, or after a sign-in there.
 */
export function storeIntent({ id, title }: { id: string; title: string }, wish: Wish, userId: string | null, chosenBy = userId): void {
  forgetIntent();
  const path = location.pathname + location.search;
  write(userId === null ? "tab" : "browser", { id, ...wish, title, path, at: Date.now(), userId, chosenBy, isReady: false });
}

/**
 * Lets the page at `path` continue, because the visitor signs in to go back to it. Returns whether
 * there is something to be booked.
 */
export function continueAfterSignIn(path: string): boolean {
  const intent = read("tab");
  const isWanted = intent?.path === path;
  if (isWanted) write("tab", { ...intent, isReady: true });
  else remove("tab");
  return isWanted;
}

/** Lets the tab of the mailed link continue too, because nobody can sign in before it is opened. */
export function continueInOtherTab(): void {
  const intent = read("tab");
  if (intent) write("browser", intent);
  else remove("browser");
}

/**
 * Lets this tab continue, because the person has clicked on the booking after the confirmation.
 * Without a member, the sign-in comes first.
 */
export function continueAfterConfirmation(): void {
  const intent = read("browser");
  remove("browser");
  if (intent) write("tab", { ...intent, isReady: intent.userId !== null });
}

/** Returns what the page at `path` continues to book for the member, once. */
export function takeIntent(path: string, userId: string | null): Intent | null {
  const intent = read("tab");
  remove("tab");
  if (!intent?.isReady || userId === null || intent.path !== path) return null;
  // Another tab may have the same booking.
  remove("browser");
  if (intent.chosenBy !== userId) delete intent.payWith;
  return intent.userId === null || intent.userId === userId ? intent : null;
}

/**
 * Returns what is to be booked after the address is confirmed: for the member who is signed in,
 * or for the person who has registered in this browser and is not signed in yet.
 */
export function intentAfterConfirmation(member: { user: { id: string } } | null | undefined): Intent | null {
  const intent = read("browser");
  if (!intent || member === undefined) return null;
  return intent.userId === (member?.user.id ?? null) ? intent : null;
}

/** Forgets what this tab was to book. */
export function giveUpIntent(): void {
  remove("tab");
}

export function forgetIntent(): void {
  remove("tab");
  remove("browser");
}

type Where = "tab" | "browser";

function storageOf(where: Where): Storage {
  return where === "tab" ? sessionStorage : localStorage;
}

function write(where: Where, intent: Intent): void {
  try {
    storageOf(where).setItem(INTENT, JSON.stringify(intent));
  } catch {
    // The member then chooses the class again.
  }
}

function read(where: Where): Intent | null {
  try {
    const stored = storageOf(where).getItem(INTENT);
    const intent = stored ? (JSON.parse(stored) as Intent) : null;
    return intent && Date.now() - intent.at < INTENT_MS ? intent : null;
  } catch {
    return null;
  }
}

function remove(where: Where): void {
  try {
    storageOf(where).removeItem(INTENT);
  } catch {
    // Without storage there is nothing to forget.
  }
}
