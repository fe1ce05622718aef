// The list of the member's sessions.

import { attempt, byId, call, onClick, say, time } from "/site.js";

let nextCursor = null;

export async function listSessions(cursor) {
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const page = await call("GET", `/api/sessions${query}`);
  if (!cursor) byId("sessions").replaceChildren();
  byId("sessions").append(...page.items.map(createItem));
  nextCursor = page.nextCursor;
  byId("more").hidden = !nextCursor;
}

export function forgetSessions() {
  byId("sessions").replaceChildren();
}

function createItem(session) {
  const item = byId("session").content.cloneNode(true);
  const name = `${session.browser}, ${session.device}`;
  const address = session.ipAddress ? ` from ${session.ipAddress}` : "";
  const started = `since ${time(session.createdAt)}${address}`;
  item.querySelector(".device").textContent = name;
  item.querySelector(".current").hidden = !session.current;
  item.querySelector(".hint").textContent = `${started}\nlast active ${time(session.lastActive)}`;
  const button = item.querySelector("button");
  button.hidden = session.current;
  button.setAttribute("aria-label", `End ${name}, ${started}`);
  button.addEventListener("click", () => attempt(() => endSession(session, name)));
  return item;
}

async function endSession(session, name) {
  try {
    await call("DELETE", `/api/sessions/${session.id}`);
  } catch (failure) {
    // The session has already ended.
    if (failure.status !== 404) throw failure;
  }
  await listSessions();
  byId("sessions-title").focus();
  say(`The session on ${name} has ended.`);
}

onClick("refresh", () => listSessions());
onClick("more", () => listSessions(nextCursor));
