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

onClick("yes", () => redeem((token) => call("POST", "/api/auth/verify-email", { token })));
onClick("again", resendVerification);
awaitLink("confirm");
