// Confirming an address, by a link from a mail. Never by the mere look at this
// page: what searches mails for bad links looks at every one, scripts and all.

import { call, Failure, onClick, say } from "/site.js";
import { awaitLink, redeem } from "/link.js";

async function mailAgain() {
  try {
    await call("POST", "/api/auth/verify-email");
  } catch (failure) {
    if (!failure.isSignedOut) throw failure;
    throw new Failure("Only who is signed in is mailed another. Please sign in first");
  }
  say("Another link is on its way. Those before it are good no more.");
}

onClick("yes", () => redeem((token) => call("POST", "/api/auth/verify-email", { token })));
onClick("again", mailAgain);
awaitLink("confirm");
