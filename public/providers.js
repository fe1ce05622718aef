// Sign-in providers: their buttons, and messages about failed sign-ins.

import { call, Failure } from "/site.js";

const AGAIN = "Please try again, or sign in another way.";

// Messages by the code after #oauth= in the address.
const MESSAGES = {
  oauth_state: "The sign-in took too long or was started in another window. Please start again.",
  access_denied: `The sign-in was cancelled at the provider. ${AGAIN}`,
  email_unverified: "The provider has not verified your e-mail address. Verify it there first, or sign in with a password here.",
  account_exists: "An account with your e-mail address already exists. Sign in as usual, and then link the provider under “Other sign-in methods”.",
  identity_taken: "This provider account is linked to another member. Unlink it there first, or choose another one.",
  oauth_refused: `The provider did not confirm your identity. ${AGAIN}`,
  duplicate_cookie: "Your browser sent two cookies with the same name. Please delete the cookies of this site, and sign in again.",
  unavailable: "The provider is currently unavailable. Please try again in a few minutes, or sign in another way.",
  too_many_requests: "Too many attempts. Please wait a few minutes and try again.",
  not_signed_in: "Your session has ended. Please sign in, and then link the provider again.",
  sign_in_again: "To link a provider, please sign out and sign in again, and then link it within ten minutes.",
  session_gone: "Your session has ended. Please sign in, and then link the provider again.",
};

let known = null;

// Loads the providers once. If that fails, their buttons are missing, and members
// can still sign in with a password.
export async function providers() {
  try {
    known ??= (await call("GET", "/api/auth/providers")).items;
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
  }
  return known ?? [];
}

// Makes a link to the provider's page, which leads back here.
export function startLink({ name, label }, words) {
  const link = document.createElement("a");
  link.className = "button plain";
  link.href = `/api/auth/oauth/${encodeURIComponent(name)}?returnTo=/`;
  link.textContent = `${words} ${label}`;
  return link;
}

// Returns the message about a failed sign-in and removes its code from the address.
export function takeFailure() {
  const [, code] = /^#oauth=([a-z_]*)/.exec(location.hash) ?? [];
  if (code === undefined) return null;
  history.replaceState(null, "", location.pathname);
  return Object.hasOwn(MESSAGES, code) ? MESSAGES[code] : `The sign-in with the provider failed. ${AGAIN}`;
}
