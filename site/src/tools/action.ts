// Actions of the person, one at a time, and the message about the last one.

import { Failure } from "../api/failure.ts";
import { Store } from "./store.ts";

export interface Message {
  text: string;
  isProblem: boolean;
  requestId: string | null;
  links: MessageLink[];
  /** What the person can do then: take the action back, remove what hinders it, or go on. */
  next: NextAction | null;
}

interface NextAction {
  text: string;
  run: () => unknown;
}

interface MessageLink {
  href: string;
  text: string;
  /** The name of the file, if the link is to one. */
  download?: string;
}

const NO_MESSAGE: Message = { text: "", isProblem: false, requestId: null, links: [], next: null };

/** The content of the live region. */
export const message = new Store<Message>(NO_MESSAGE);

/** Whether an action is running. */
export const busy = new Store(false);

/** What the running action does, for screen readers. */
export const progress = new Store("");

/** After how long the page says that an action takes long. */
const SLOW_MS = 4_000;

let sentences = { sessionEnded: "", pageFailed: "", offline: "", slow: "" };
let onSessionEnd: (() => boolean) | null = null;

/** Sets the sentences of this module in the current language. */
export function setActionTexts(texts: typeof sentences): void {
  sentences = texts;
}

/** Sets what the page does when the session has ended. It returns whether the person must be told. */
export function whenSessionEnds(work: () => boolean): void {
  onSessionEnd = work;
}

export function say(text: string, isProblem = false, links: MessageLink[] = []): void {
  message.set({ ...NO_MESSAGE, text, isProblem, links });
}

/** Says what an action has done, with a button for what may come next, such as to take it back. */
export function sayWithNext(text: string, next: NextAction): void {
  message.set({ ...NO_MESSAGE, text, next });
}

const remedies = new Map<string, NextAction>();

/** Sets what the message about a failure with this code offers. */
export function offerRemedy(code: string, remedy: NextAction): void {
  remedies.set(code, remedy);
}

export function clearMessage(): void {
  message.set(NO_MESSAGE);
}

/**
 * Runs one action at a time, so that nothing is sent twice and no response about one
 * member arrives after another has signed in. `doing` says what it does. Returns whether it
 * succeeded.
 */
export async function attempt(work: () => Promise<void>, doing = ""): Promise<boolean> {
  if (busy.value) return false;
  busy.set(true);
  clearMessage();
  progress.set(doing);
  const { slow } = sentences;
  // A message of the action itself is more exact.
  const timer = setTimeout(() => message.value === NO_MESSAGE && say(slow), SLOW_MS);
  try {
    await work();
    return true;
  } catch (failure) {
    report(failure);
    return false;
  } finally {
    clearTimeout(timer);
    if (message.value.text === slow) clearMessage();
    progress.set("");
    busy.set(false);
  }
}

/** Says that the session has ended, unless the person has ended it. */
export function reportSessionEnd(): void {
  if (onSessionEnd?.() ?? true) say(sentences.sessionEnded, true);
}

/** Says that nothing can be done without a connection. */
export function reportOffline(): void {
  say(sentences.offline, true);
}

/** Shows a failure in the live region. */
export function report(failure: unknown): void {
  if (failure instanceof Failure && failure.isSignedOut && onSessionEnd) {
    reportSessionEnd();
  } else if (failure instanceof Failure) {
    message.set({ ...NO_MESSAGE, text: failure.message, isProblem: true, requestId: failure.requestId, next: remedies.get(failure.code) ?? null });
  } else {
    say(sentences.pageFailed, true);
    console.error(failure);
  }
}
