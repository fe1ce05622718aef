// Confirms an e-mail address with a mailed link. The member has to click, because
// mail scanners open every link and run its scripts.

import { call, Failure, onClick, say } from "/site.js";
import { awaitLink, redeem } from "/link.js";

async function resendVerification() {
  try {
    await call("POST", "/api/auth/verify-email");
  } catch (failure) {
    if (!failure.isSignedOut) throw failure;
    throw new Failure("Please sign in first to request a new link");
  }
  say("A new link was sent. Earlier links no longer work.");
}

// If another browser registered, the account has no password now. The response then has a
// token for the page that sets one.
async function confirm(token) {
  const { resetToken } = await call("POST", "/api/auth/verify-email", { token });
  if (resetToken) location.replace(`/reset-password.html?confirmed#token=${resetToken}`);
}

onClick("yes", () => redeem(confirm));
onClick("again", resendVerification);
awaitLink("confirm");
