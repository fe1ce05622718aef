// The list of the member's sessions.

import { attempt, byId, call, onClick, say, time } from "/site.js";

let nextCursor = null;

export async function listSessions(cursor) {
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const page = await call("GET", `/api/sessions${query}`);
  if (!cursor) byId("sessions").replaceChildren();
  byId("sessions").append(...page.items.map(row));
  nextCursor = page.nextCursor;
  byId("more").hidden = !nextCursor;
}

export function forgetSessions() {
  byId("sessions").replaceChildren();
}

function row(session) {
  const part = byId("session").content.cloneNode(true);
  const name = `${session.browser}, ${session.device}`;
  const address = session.ipAddress ? ` from ${session.ipAddress}` : "";
  const began = `since ${time(session.createdAt)}${address}`;
  part.querySelector(".device").textContent = name;
  part.querySelector(".current").hidden = !session.current;
  part.querySelector(".hint").textContent = `${began}\nlast active ${time(session.lastActive)}`;
  const button = part.querySelector("button");
  button.hidden = session.current;
  button.setAttribute("aria-label", `End ${name}, ${began}`);
  button.addEventListener("click", () => attempt(() => end(session, name)));
  return part;
}

async function end(session, name) {
  try {
    await call("DELETE", `/api/sessions/${session.id}`);
  } catch (failure) {
    // It has already ended.
    if (failure.status !== 404) throw failure;
  }
  await listSessions();
  byId("sessions-title").focus();
  say(`The session on ${name} has ended.`);
}

onClick("refresh", () => listSessions());
onClick("more", () => listSessions(nextCursor));
