// The first face of Sabor: signing up, in and out, by the addresses that
// anybody may call. What comes from a server is put in as text, never as HTML.

const byId = (id) => document.getElementById(id);
const wanted = () => (location.hash === "#register" ? "register" : "sign-in");
const UNREACHABLE = "The studio cannot be reached. Please check your connection and try again.";
const TOO_SLOW = "The studio is taking too long to answer. Please try again.";
let underWay = false;
let nextCursor = null;

// What goes wrong, as a sentence for whoever reads it.
class Failure extends Error {
  constructor(sentence, { status = 0, code = "", details = {} } = {}) {
    super(/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);
    Object.assign(this, { status, code, details });
  }

  // An outage says nothing of the session, and a wrong password neither.
  get isSignedOut() {
    return this.status === 401 && this.code !== "invalid_credentials";
  }
}

async function call(method, address, body) {
  const sent = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response, answer;
  try {
    response = await fetch(address, { method, signal: AbortSignal.timeout(30_000), ...sent });
    answer = await response.json();
  } catch (error) {
    // With a response it is only that what stands before the functions may
    // answer something else than JSON.
    if (!response) throw new Failure(error.name === "TimeoutError" ? TOO_SLOW : UNREACHABLE);
  }
  if (response.ok && answer) return answer;
  let sentence = answer?.error ?? `The studio did not answer as it should (${response.status}). Please try again`;
  const seconds = Number(response.headers.get("retry-after"));
  if (response.status === 429 && seconds > 0) sentence += `. You can try again in ${duration(seconds)}`;
  throw new Failure(sentence, { ...answer, status: response.status });
}

function duration(seconds) {
  if (seconds > 90) return `${Math.ceil(seconds / 60)} minutes`;
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

function time(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function say(sentence, isBad = false) {
  byId("message").textContent = sentence;
  byId("message").classList.toggle("bad", isBad);
}

// Does one thing at a time: no form is sent twice, and no answer about one
// member arrives after another has signed in.
async function attempt(work) {
  if (underWay) return;
  const focused = document.activeElement;
  setUnderWay(true);
  say("");
  try {
    await work();
  } catch (failure) {
    if (failure.isSignedOut) {
      showForms();
      focusForm();
      say("Your session has ended. Please sign in again.", true);
    } else if (failure instanceof Failure) {
      say(failure.message, true);
    } else {
      say("Something went wrong on this page. Please reload it.", true);
      console.error(failure);
    }
  } finally {
    setUnderWay(false);
    // A button that is disabled loses the focus.
    if (document.activeElement === document.body) focused.focus();
  }
}

function setUnderWay(value) {
  underWay = value;
  for (const button of document.querySelectorAll("button")) button.disabled = value;
}

function showOnly(...ids) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = !ids.includes(section.id);
}

// Nothing of a member stays in the page for the next one at this screen.
function showForms() {
  showOnly(wanted(), "counter");
  byId("sessions").replaceChildren();
  for (const id of ["welcome", "email", "lasting"]) byId(id).textContent = "";
}

function focusForm() {
  byId(wanted()).querySelector("input").focus();
}

function showMember({ user, session }) {
  byId("welcome").textContent = `Welcome, ${user.firstName}`;
  byId("email").textContent = user.email;
  byId("lasting").textContent = `If you do not come back, this session ends on ${time(session.expiresAt)}.`;
  showOnly("member", "counter");
}

// Who is signed in is asked each time: no script can read the cookie.
async function start() {
  let current = null;
  try {
    current = await call("GET", "/api/auth/session");
  } catch (failure) {
    if (!failure.isSignedOut) {
      showOnly("unknown");
      throw failure;
    }
  }
  // Before a form is shown: Enter would do nothing while this is under way, and
  // the cookie of a first visit must not arrive after that of a sign-in.
  await count();
  if (!current) return showForms();
  showMember(current);
  await listSessions();
}

// The counter tells its own failures, for no other part depends on it.
async function count() {
  try {
    const { visits } = await call("GET", "/api/session/test-session");
    byId("visits").textContent = `In this session: ${visits.toLocaleString()}`;
  } catch (failure) {
    byId("visits").textContent = failure.message;
  }
}

async function listSessions(cursor) {
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const page = await call("GET", `/api/sessions${query}`);
  if (!cursor) byId("sessions").replaceChildren();
  byId("sessions").append(...page.items.map(row));
  nextCursor = page.nextCursor;
  byId("more").hidden = !nextCursor;
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
    // It has ended by itself since the list was made.
    if (failure.status !== 404) throw failure;
  }
  await listSessions();
  byId("sessions-title").focus();
  say(`The session on ${name} has ended.`);
}

async function signOut(body, sentence) {
  await call("POST", "/api/auth/logout", body);
  showForms();
  byId("visits").textContent = "In this session: none yet";
  focusForm();
  say(sentence);
}

async function submit(form) {
  const fields = Object.fromEntries(new FormData(form));
  const password = form.elements.password;
  // Hidden again, that a password manager knows it for what it is.
  form.querySelector(".reveal").checked = false;
  password.type = "password";
  showProblems(form, {});
  try {
    // Only what is empty is refused here; all other rules are the server's.
    const empty = [...form.elements].filter((input) => input.validity.valueMissing);
    const details = Object.fromEntries(empty.map((input) => [input.name, ["is required"]]));
    if (empty.length > 0) throw new Failure("Please check the highlighted fields", { details });
    await call("POST", form.getAttribute("action"), { ...fields, remember: form.elements.remember.checked });
  } catch (failure) {
    if (failure.code === "email_taken") failure.details.email = ["is taken"];
    showProblems(form, failure.details ?? {});
    const wrong = form.querySelector("[aria-invalid=true]") ?? (failure.status === 401 && password);
    if (wrong) wrong.focus();
    throw failure;
  }
  form.reset();
  history.replaceState(null, "", location.pathname);
  await start();
  byId("welcome").focus();
}

function showProblems(form, details) {
  for (const problem of form.querySelectorAll(".problem")) {
    const input = problem.previousElementSibling;
    const what = details[input.name];
    input.setAttribute("aria-invalid", Boolean(what));
    problem.textContent = what ? `${input.labels[0].textContent} ${what.join(", ")}.` : "";
  }
}

const onClick = (id, work) => byId(id).addEventListener("click", () => attempt(work));
onClick("retry", start);
onClick("count", count);
onClick("refresh", () => listSessions());
onClick("more", () => listSessions(nextCursor));
onClick("sign-out", () => signOut({}, "You are signed out."));
onClick("sign-out-all", () => signOut({ all: true }, "You are signed out on all devices."));

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => submit(form));
  });
  form.querySelector(".reveal").addEventListener("change", (event) => {
    form.elements.password.type = event.target.checked ? "text" : "password";
  });
}

addEventListener("hashchange", () => {
  if (byId("sign-in").hidden && byId("register").hidden) return;
  say("");
  showForms();
  focusForm();
});

// A page that the browser had put aside may show who was signed in then.
addEventListener("pageshow", (event) => event.persisted && attempt(start));
attempt(start);
