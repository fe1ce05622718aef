// The token that a link in a mail carries after the # of its address, which no
// browser sends to anybody. It is taken out of the address at once, so that it
// stays in no history, and kept in memory alone.

import { byId, showOnly } from "/site.js";

let token = null;

function take(section) {
  token = /^#token=([0-9a-f]{64})$/.exec(location.hash)?.[1] ?? token;
  if (location.hash) history.replaceState(null, "", location.pathname);
  showOnly(token ? section : "no-link");
}

// Shows `section` to whoever comes by a link; another link in the same window
// only changes the address.
export function awaitLink(section) {
  take(section);
  addEventListener("hashchange", () => take(section));
}

// Sends the token by `work`, and shows what has come of it.
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
