// The home page: registration, sign-in and sign-out.

import { attempt, byId, call, empty, Failure, onClick, onSubmit, say, send, showOnly, time, whenSignedOut } from "/site.js";
import { forgetAccount, showAccount } from "/account.js";
import { providers, startLink, takeFailure } from "/providers.js";
import { forgetSessions, listSessions } from "/sessions.js";

const FORMS = ["sign-in", "register", "forgot", "two-factor"];
// The challenge has ended, or was lost when the page was reloaded.
const START_AGAIN = "This sign-in took too long or had too many wrong codes. Please start again";

// The current session: null if nobody is signed in, undefined while that is unknown.
let current;
// The challenge to send with the second-factor code. After a sign-in through a
// provider it is in a cookie instead.
let challenge = null;

// A signed-in member may also have to enter a code, to confirm a sign-in.
const wanted = () => {
  const form = FORMS.find((name) => location.hash.split("=")[0] === `#${name}`) ?? FORMS[0];
  return current && form !== "two-factor" ? "member" : form;
};

function show() {
  if (wanted() === "member") showOnly("member", "account", "counter");
  else showOnly(wanted(), "counter");
}

function focusForm() {
  byId(wanted()).querySelector("input").focus();
}

function goTo(form) {
  history.pushState(null, "", `#${form}`);
  show();
  focusForm();
}

// Removes all of a member's data from the page, for the next user of the device.
function showForms() {
  current = null;
  for (const id of ["welcome", "email", "lasting"]) byId(id).textContent = "";
  forgetSessions();
  forgetAccount();
  show();
}

function showMember({ user, session }) {
  byId("welcome").textContent = `Welcome, ${user.firstName}`;
  byId("email").textContent = user.email;
  byId("lasting").textContent = `Without further use, this session ends on ${time(session.expiresAt)}.`;
  show();
}

// Asks the server who is signed in, because scripts cannot read the cookie.
async function start() {
  current = undefined;
  let answer = null;
  try {
    answer = await call("GET", "/api/auth/session");
  } catch (failure) {
    if (!failure.isSignedOut) {
      showOnly("unknown");
      throw failure;
    }
  }
  // Before a form is shown, because forms do nothing while this runs.
  await Promise.all([count(), offerProviders()]);
  current = answer;
  if (!current) return showForms();
  showMember(current);
  await Promise.all([listSessions(), showAccount(current.user)]);
}

// The counter shows its own failures, because nothing else depends on it.
async function count() {
  try {
    const { visits } = await call("GET", "/api/session/test-session");
    byId("visits").textContent = `Visits in this session: ${visits.toLocaleString()}`;
  } catch (failure) {
    byId("visits").textContent = failure.message;
  }
}

async function offerProviders() {
  const offered = await providers();
  byId("providers").replaceChildren(...offered.map((provider) => startLink(provider, "Sign in with")));
  byId("providers").hidden = offered.length === 0;
}

async function signIn(form) {
  try {
    await send(form);
  } catch (failure) {
    if (failure.code !== "two_factor_required") throw failure;
    challenge = failure.challenge;
    empty(form);
    return goTo("two-factor");
  }
  await enter(form);
}

async function sendCode(form) {
  try {
    await send(form, { challenge: challenge ?? undefined });
  } catch (failure) {
    // Without a challenge the server reports a missing e-mail address.
    const isOver = failure.code === "challenge_ended" || failure.details?.email;
    if (!isOver) throw failure;
    challenge = null;
    empty(form);
    goTo("sign-in");
    throw new Failure(START_AGAIN);
  }
  challenge = null;
  await enter(form);
}

async function register(form) {
  const email = form.elements.email.value;
  const answer = await send(form);
  // If addresses have to be confirmed first, the response has no user and does not
  // tell whether an account existed.
  if (answer.user) return enter(form);
  showSent(form, `An e-mail with the next step was sent to ${email}.`);
}

async function forgot(form) {
  const email = form.elements.email.value;
  await send(form);
  showSent(form, `If ${email} has an account, we have sent a link for a new password to it. The link works once, for an hour.`);
}

function showSent(form, sentence) {
  empty(form);
  history.replaceState(null, "", location.pathname);
  byId("sent-text").textContent = sentence;
  showOnly("sent", "counter");
  byId("sent-title").focus();
}

async function enter(form) {
  empty(form);
  history.replaceState(null, "", location.pathname);
  await start();
  byId("welcome").focus();
}

async function signOut(body, sentence) {
  await call("POST", "/api/auth/logout", body);
  showForms();
  byId("visits").textContent = "Visits in this session: 0";
  focusForm();
  say(sentence);
}

onClick("retry", start);
onClick("count", count);
onClick("sign-out", () => signOut({}, "You are signed out."));
onClick("sign-out-all", () => signOut({ all: true }, "You are signed out on all devices."));
onSubmit("sign-in-form", signIn);
onSubmit("code-form", sendCode);
onSubmit("register-form", register);
onSubmit("forgot-form", forgot);
whenSignedOut(() => {
  showForms();
  focusForm();
});

addEventListener("hashchange", () => {
  if (current === undefined) return;
  say("");
  show();
  if (wanted() === "member") return;
  // Copies the address, so that it need not be entered again.
  if (wanted() === "forgot") byId("forgot-email").value = byId("in-email").value;
  focusForm();
});

// A page from the back-forward cache may show an ended session.
addEventListener("pageshow", (event) => event.persisted && attempt(start));

const refused = takeFailure();
attempt(async () => {
  await start();
  if (refused) throw new Failure(refused);
});
