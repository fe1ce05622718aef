// Who is signed in. Scripts cannot read the cookie, so the server is asked.

import { api, call, type Schema } from "./api/client.ts";
import { forgetMember } from "./api/kept.ts";
import { forgetCheckIns } from "./check-ins/forget.ts";
import { forgetIntent } from "./classes/intent.ts";
import { report, reportSessionEnd, whenSessionEnds } from "./tools/action.ts";
import { chooseLanguage, chosenLanguage, followMember, hasUnsavedChoice, type Language } from "./tools/language.ts";
import { Store } from "./tools/store.ts";

type Answer = Schema<"CurrentSession">;

/** A member with their session. */
export interface Session {
  user: NonNullable<Answer["user"]>;
  session: NonNullable<Answer["session"]>;
}

/** The session: null if nobody is signed in, undefined while that is not known. */
export const session = new Store<Session | null | undefined>(undefined);

const MEMBER_EXPECTED = "member-expected";

/**
 * Returns whether a member was signed in in this browser when the server was last asked. The
 * session itself is known only after a request. Until then, a page leaves room for what
 * members see.
 */
export function isMemberExpected(): boolean {
  try {
    return localStorage.getItem(MEMBER_EXPECTED) !== null;
  } catch {
    // The browser may forbid storage.
    return false;
  }
}

function expectMember(isExpected: boolean): void {
  try {
    if (isExpected) localStorage.setItem(MEMBER_EXPECTED, "yes");
    else localStorage.removeItem(MEMBER_EXPECTED);
  } catch {
    // Pages then leave no room.
  }
}

/** Tells the other windows of this browser that someone has signed in or out. */
const channel = new BroadcastChannel("session");
channel.onmessage = () => {
  isOtherWindow = true;
  checkSession().catch(() => session.set(undefined));
};

/** Whether another window has signed in or out since a member was seen here. */
let isOtherWindow = false;

/** Whether the page has said that the session has ended. */
let isEndKnown = false;

/** How many sessions the person has ended on this page. */
let signOuts = 0;

/** Asks whether the session has ended elsewhere, and then says so. */
export async function checkSession(): Promise<Session | null> {
  const wasSignedIn = Boolean(session.value) || isEndKnown;
  const signOutsBefore = signOuts;
  const current = await loadSession();
  if (current) {
    isOtherWindow = isEndKnown = false;
  } else if (wasSignedIn && signOuts === signOutsBefore) {
    isEndKnown = true;
    if (isOtherWindow) onSignOutElsewhere();
    else reportSessionEnd();
  }
  return current;
}

let onSignOutElsewhere = () => {};

/** Sets what the page does when the member has signed out in another window. */
export function whenSignedOutElsewhere(work: () => void): void {
  onSignOutElsewhere = work;
}

let loading: Promise<Session | null> | null = null;

/** The session as the server has it. Parts of a page that ask at the same time share a request. */
export function loadSession(): Promise<Session | null> {
  loading ??= requestSession().finally(() => {
    loading = null;
  });
  return loading;
}

async function requestSession(): Promise<Session | null> {
  const savesBefore = saves;
  const { user, session: details } = await call(api.GET("/api/auth/session", { params: { query: { optional: true } } }));
  if (session.value && !user) forgetIntent();
  session.set(user && details ? { user, session: details } : null);
  expectMember(Boolean(user));
  if (user && saves === savesBefore) agreeOnLanguage(user.locale);
  return session.value ?? null;
}

/** Loads the session that a sign-in has just made, and tells the other windows. */
export async function enterSession(): Promise<Session | null> {
  const entered = await loadSession();
  channel.postMessage("changed");
  return entered;
}

/** Forgets the session, which has ended. */
export function forgetSession(): void {
  // Another person may use the device next. What was to be booked since the session has ended
  // waits for the sign-in: answers to earlier requests may still say that the session has ended.
  if (session.value !== null) forgetIntent();
  forgetMember();
  expectMember(false);
  session.set(null);
}

// What every page does, unless it sets something else.
whenSessionEnds(() => {
  // Requests that were on their way when the person signed out fail afterwards.
  const hasSignedOut = signOuts > 0 && session.value === null;
  forgetSession();
  return !hasSignedOut;
});

/**
 * Shows the language that the member has chosen. A choice that was made in this browser since
 * then is stored instead.
 */
function agreeOnLanguage(ofMember: Language | null | undefined): void {
  if (hasUnsavedChoice()) {
    // The previous version of the API has no languages.
    if (ofMember !== undefined) void saveLanguage();
  } else if (ofMember === "en" || ofMember === "es") {
    followMember(ofMember);
  }
}

/** Shows another language. A member then also gets e-mails in it. */
export function switchLanguage(code: Language): void {
  chooseLanguage(code);
  if (session.value) void saveLanguage();
}

let isSaving = false;

/** How often the language was stored. An answer about the time before is out of date. */
let saves = 0;

/** Stores the chosen language for the member. Choices are sent one after the other. */
async function saveLanguage(): Promise<void> {
  if (isSaving) return;
  isSaving = true;
  try {
    while (hasUnsavedChoice()) {
      const code = chosenLanguage();
      await call(api.PATCH("/api/auth/me", { body: { locale: code } }));
      saves += 1;
      if (chosenLanguage() === code) followMember(code);
    }
  } catch (failure) {
    report(failure);
  } finally {
    isSaving = false;
  }
}

export async function signOut(options: { all?: boolean } = {}): Promise<void> {
  await call(api.POST("/api/auth/logout", { body: options }));
  endSession();
}

/** Forgets a session that the server has ended, and tells the other windows. */
export function endSession(): void {
  signOuts += 1;
  forgetSession();
  // A session that has only expired leaves them for the next sign-in of the same person.
  forgetCheckIns(null).catch(() => {
    // The browser forbids storage, so there are none.
  });
  channel.postMessage("changed");
}

/** The page that signs in and then leads back to `path`. */
export function signInAddress(path = location.pathname + location.search): string {
  return path.startsWith("/account") ? "/account" : `/account?next=${encodeURIComponent(path)}`;
}

/** The path of this site that `text` names, or null. `//host` and `/\host` lead to other sites. */
export function ownPath(text: string | null): string | null {
  return text !== null && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text) ? text : null;
}
