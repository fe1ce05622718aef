// The token of a mailed link. It is in the fragment, which browsers do not send. It is
// removed from the address at once, so that it is not kept in the history, and is held
// only in memory.

import { Store } from "./store.ts";

/** What the page shows: the form, or that the link is missing, has ended, or has worked. */
type LinkStep = "form" | "missing" | "ended" | "done";

let token: string | null = null;

export const linkStep = new Store<LinkStep>("missing");

function take(): void {
  token = /^#token=([0-9a-z.-]{64,200})$/.exec(location.hash)?.[1] ?? token;
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  linkStep.set(token ? "form" : "missing");
}

take();
// Opening another link in the same window only changes the fragment.
addEventListener("hashchange", take);

/** The token, for the request that uses it. */
export function linkToken(): string {
  return token ?? "";
}

/** Forgets the token and shows the result. */
export function finishLink(step: "ended" | "done"): void {
  token = null;
  linkStep.set(step);
}
