// The token of a mailed link. It is in the fragment, which browsers do not send.
// It is removed from the address at once, so that it is not kept in the history,
// and is held only in memory.

import { byId, showOnly } from "/site.js";

let token = null;

function take(section) {
  token = /^#token=([0-9a-f]{64})$/.exec(location.hash)?.[1] ?? token;
  if (location.hash) history.replaceState(null, "", location.pathname);
  showOnly(token ? section : "no-link");
}

// Shows `section` if the address has a token. Opening another link in the same
// window only changes the fragment.
export function awaitLink(section) {
  take(section);
  addEventListener("hashchange", () => take(section));
}

// Sends the token with `work` and shows the result.
export async function redeem(work) {
  try {
    await work(token);
  } catch (failure) {
    if (failure.code !== "link_ended") throw failure;
    return finish("ended");
  }
  finish("done");
}

function finish(section) {
  token = null;
  showOnly(section);
  byId(`${section}-title`).focus();
}
