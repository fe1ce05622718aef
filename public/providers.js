// Signing in by somebody else: which providers there are, and what they said
// when it came to nothing.

import { call, Failure } from "/site.js";

const AGAIN = "Please try again, or sign in another way.";

// By the code after #oauth= in the address that a provider's sign-in ends at.
const SENTENCES = {
  oauth_state: "That sign-in took too long, or was begun in another window. Please begin it once more.",
  access_denied: `You have not allowed the provider to tell us who you are. ${AGAIN}`,
  email_unverified: "The provider has not confirmed your e-mail address. Confirm it there first, or sign in with a password here.",
  account_exists: "There is an account with your e-mail address already. Sign in as you usually do, then link the provider under “Other ways to sign in”.",
  identity_taken: "That sign-in belongs to another account of ours. Unlink it there first, or choose another one.",
  oauth_refused: `The provider has not confirmed who you are. ${AGAIN}`,
  unavailable: "The provider cannot be reached just now. Please try again in a few minutes, or sign in another way.",
  too_many_requests: "Too many tries. Please wait a few minutes, and then try again.",
  not_signed_in: "Your session has ended meanwhile. Please sign in, and then link the provider again.",
  sign_in_again: "To link another way in, please sign out and in once more, and then link it within ten minutes.",
  session_gone: "Your session has ended meanwhile. Please sign in, and then link the provider again.",
};

let known = null;

// Asked for once. Nobody needs one in order to sign in: without the list there
// are no buttons.
export async function providers() {
  try {
    known ??= (await call("GET", "/api/auth/providers")).items;
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
  }
  return known ?? [];
}

// A plain link: the provider's page is a page, and the way back leads here.
export function startLink({ name, label }, words) {
  const link = document.createElement("a");
  link.className = "button plain";
  link.href = `/api/auth/oauth/${encodeURIComponent(name)}?returnTo=/`;
  link.textContent = `${words} ${label}`;
  return link;
}

// What a provider's sign-in ended with, taken out of the address.
export function takeFailure() {
  const [, code] = /^#oauth=([a-z_]*)/.exec(location.hash) ?? [];
  if (code === undefined) return null;
  history.replaceState(null, "", location.pathname);
  return Object.hasOwn(SENTENCES, code) ? SENTENCES[code] : `Signing in by the provider did not work. ${AGAIN}`;
}
