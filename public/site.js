// What every page does alike: asking the server, saying what came of it, and
// sending a form. What comes from a server is put in as text, never as HTML.

const UNREACHABLE = "The studio cannot be reached. Please check your connection and try again.";
const TOO_SLOW = "The studio is taking too long to answer. Please try again.";
const SIGNED_OUT = ["not_signed_in", "session_gone"];

// Failures that are about one field, though the server only names the failure.
const ABOUT_FIELD = {
  email_taken: ["email", "is taken"],
  wrong_password: ["currentPassword", "is not right"],
  invalid_code: ["code", "is not right, or has been used"],
};

let underWay = false;
let signedOut = null;

export const byId = (id) => document.getElementById(id);

// What goes wrong, as a sentence for whoever reads it.
export class Failure extends Error {
  constructor(sentence, { status = 0, code = "", details = {}, challenge = null } = {}) {
    super(/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);
    Object.assign(this, { status, code, details, challenge });
  }

  // An outage says nothing of the session, nor does a wrong password or code.
  get isSignedOut() {
    return SIGNED_OUT.includes(this.code);
  }
}

export async function call(method, address, body) {
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

export function time(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

export function say(sentence, isBad = false) {
  byId("message").textContent = sentence;
  byId("message").classList.toggle("bad", isBad);
}

// What a page does when it turns out that nobody is signed in any more.
export function whenSignedOut(work) {
  signedOut = work;
}

// Does one thing at a time: no form is sent twice, and no answer about one
// member arrives after another has signed in.
export async function attempt(work) {
  if (underWay) return;
  const focused = document.activeElement;
  setUnderWay(true);
  say("");
  try {
    await work();
  } catch (failure) {
    if (failure.isSignedOut && signedOut) {
      signedOut();
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

export function showOnly(...ids) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = !ids.includes(section.id);
}

export function onClick(id, work) {
  byId(id).addEventListener("click", () => attempt(work));
}

export function onSubmit(id, work) {
  const form = byId(id);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => work(form));
  });
}

// Sends what is in a form, and shows at each field what is wrong with it.
export async function send(form, { method = "POST", ...more } = {}) {
  // Hidden again, that a password manager knows it for what it is.
  tick(form.querySelector(".reveal"), false);
  showProblems(form, {});
  try {
    // Only what is empty is refused here; all other rules are the server's.
    const empty = [...form.elements].filter((input) => input.validity.valueMissing);
    const details = Object.fromEntries(empty.map((input) => [input.name, ["is required"]]));
    if (empty.length > 0) throw new Failure("Please check the highlighted fields", { details });
    return await call(method, form.getAttribute("action"), { ...fieldsOf(form), ...more });
  } catch (failure) {
    const [name, problem] = ABOUT_FIELD[failure.code] ?? [];
    if (name) failure.details[name] = [problem];
    showProblems(form, failure.details ?? {});
    const password = failure.code === "invalid_credentials" && form.elements.password;
    const wrong = form.querySelector("[aria-invalid=true]") ?? password;
    if (wrong) wrong.focus();
    throw failure;
  }
}

function fieldsOf(form) {
  const fields = Object.fromEntries(new FormData(form));
  for (const box of form.querySelectorAll("[type=checkbox][name]")) fields[box.name] = box.checked;
  return fields;
}

function showProblems(form, details) {
  for (const problem of form.querySelectorAll(".problem")) {
    const input = problem.previousElementSibling;
    const what = details[input.name];
    input.setAttribute("aria-invalid", Boolean(what));
    problem.textContent = what ? `${input.labels[0].textContent} ${what.join(", ")}.` : "";
  }
}

// Nothing that was typed stays, and nothing of what was wrong with it.
export function empty(form) {
  form.reset();
  showProblems(form, {});
  for (const box of form.querySelectorAll("[type=checkbox]")) tick(box, box.checked);
}

function tick(box, checked) {
  if (!box) return;
  box.checked = checked;
  box.dispatchEvent(new Event("change"));
}

for (const box of document.querySelectorAll(".reveal")) {
  const passwords = box.form.querySelectorAll("[type=password]");
  box.addEventListener("change", () => {
    for (const input of passwords) input.type = box.checked ? "text" : "password";
  });
}

// The keys that a telephone shows for digits have no letters.
for (const box of document.querySelectorAll(".recovery")) {
  box.addEventListener("change", () => {
    box.form.elements.code.inputMode = box.checked ? "text" : "numeric";
  });
}
