// What a visitor wanted to book before the sign-in or the confirmation of the address. It is not
// in the address, so that no link can make a member book.

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
  /** The member who has to confirm the address first, or null before a sign-in. */
  userId: string | null;
  /** Whether the step is done after which the page continues with the booking. */
  isReady: boolean;
}

/**
 * Stores what is to be booked. A sign-in happens in the same tab. The mailed link opens
 * another tab, and continues only for the same member.
 */
export function storeIntent({ id, title }: { id: string; title: string }, joinWaitlist: boolean, userId: string | null): void {
  forgetIntent();
  const path = location.pathname + location.search;
  write(userId === null ? "tab" : "browser", { id, joinWaitlist, title, path, at: Date.now(), userId, isReady: false });
}

/** Lets the page at `path` continue, because the visitor signs in to go back to it. */
export function continueAfterSignIn(path: string): void {
  const intent = read("tab");
  if (intent?.path === path) write("tab", { ...intent, isReady: true });
  else remove("tab");
}

/** Lets this tab continue, because the member has clicked on the booking after the confirmation. */
export function continueAfterConfirmation(): void {
  const intent = read("browser");
  remove("browser");
  if (intent) write("tab", { ...intent, isReady: true });
}

/** Returns what the page at `path` continues to book for the member, once. */
export function takeIntent(path: string, userId: string | null): Intent | null {
  const intent = read("tab");
  remove("tab");
  if (!intent?.isReady || userId === null || intent.path !== path) return null;
  return intent.userId === null || intent.userId === userId ? intent : null;
}

/** Returns what is to be booked after the address is confirmed. */
export function intentAfterConfirmation(): Intent | null {
  return read("browser");
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
