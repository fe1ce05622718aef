// Shared by all pages: requests, messages and forms. Text from the server is
// inserted as text, never as HTML.

const UNREACHABLE = "The server cannot be reached. Please check your connection and try again.";
const TOO_SLOW = "The server took too long to respond. Please try again.";
const SIGNED_OUT = ["not_signed_in", "session_gone"];

// Error codes that concern one field, which the response does not name.
const FIELD_PROBLEMS = {
  email_taken: ["email", "is taken"],
  wrong_password: ["currentPassword", "is wrong"],
  invalid_code: ["code", "is wrong or has been used"],
};

let isBusy = false;
let signedOut = null;

export const byId = (id) => document.getElementById(id);

// An error with a message for the user.
export class Failure extends Error {
  constructor(message, { status = 0, code = "", details = {}, challenge = null } = {}) {
    super(/[.!?]$/.test(message) ? message : `${message}.`);
    Object.assign(this, { status, code, details, challenge });
  }

  // An outage or a wrong password does not mean that the session has ended.
  get isSignedOut() {
    return SIGNED_OUT.includes(this.code);
  }
}

export async function call(method, address, body) {
  const content = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response, result;
  try {
    response = await fetch(address, { method, signal: AbortSignal.timeout(30_000), ...content });
    result = await response.json();
  } catch (error) {
    // A proxy may send a response that is not JSON.
    if (!response) throw new Failure(error.name === "TimeoutError" ? TOO_SLOW : UNREACHABLE);
  }
  if (response.ok && result) return result;
  let message = result?.error ?? `The server sent an unexpected response (${response.status}). Please try again`;
  const seconds = Number(response.headers.get("retry-after"));
  if (response.status === 429 && seconds > 0) message += `. You can try again in ${duration(seconds)}`;
  throw new Failure(message, { ...result, status: response.status });
}

function duration(seconds) {
  if (seconds > 90) return `${Math.ceil(seconds / 60)} minutes`;
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

export function time(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

export function say(message, isBad = false) {
  byId("message").textContent = message;
  byId("message").classList.toggle("bad", isBad);
}

// Sets what the page does when the session has ended.
export function whenSignedOut(work) {
  signedOut = work;
}

// Runs one action at a time, so that no form is sent twice and no response about one
// member arrives after another has signed in.
export async function attempt(work) {
  if (isBusy) return;
  const focused = document.activeElement;
  setBusy(true);
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
    setBusy(false);
    // A focused button loses the focus when it is disabled.
    if (document.activeElement === document.body) focused.focus();
  }
}

function setBusy(value) {
  isBusy = value;
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

// Sends a form. Shows problems next to the fields that they concern.
export async function send(form, { method = "POST", ...more } = {}) {
  // Hide the password, so that password managers recognize the field.
  tick(form.querySelector(".reveal"), false);
  showProblems(form, {});
  try {
    // Only empty fields are checked here. The server checks everything else.
    const empty = [...form.elements].filter((input) => input.validity.valueMissing);
    const details = Object.fromEntries(empty.map((input) => [input.name, ["is required"]]));
    if (empty.length > 0) throw new Failure("Please fill in the highlighted fields", { details });
    return await call(method, form.getAttribute("action"), { ...fieldsOf(form), ...more });
  } catch (failure) {
    const [name, problem] = FIELD_PROBLEMS[failure.code] ?? [];
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
    const texts = details[input.name];
    input.setAttribute("aria-invalid", Boolean(texts));
    problem.textContent = texts ? `${input.labels[0].textContent} ${texts.join(", ")}.` : "";
  }
}

// Clears a form and its problems.
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

// Phones show a numeric keyboard for codes, but recovery codes contain letters.
for (const box of document.querySelectorAll(".recovery")) {
  box.addEventListener("change", () => {
    box.form.elements.code.inputMode = box.checked ? "text" : "numeric";
  });
}
