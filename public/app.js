// The first page: signing up, in and out, by the addresses that anybody may call.

import { attempt, byId, call, empty, Failure, onClick, onSubmit, say, send, showOnly, time, whenSignedOut } from "/site.js";
import { forgetAccount, showAccount } from "/account.js";
import { providers, startLink, takeFailure } from "/providers.js";
import { forgetSessions, listSessions } from "/sessions.js";

const FORMS = ["sign-in", "register", "forgot", "two-factor"];
// The challenge has ended, or there is none: a page that was reloaded has lost it.
const START_AGAIN = "This sign-in has taken too long, or too many codes. Please start again";

// Who is signed in: null for nobody, and undefined while that is not known.
let current;
// What the first factor has earned, to be sent along with the second. After a
// sign-in by a provider the browser keeps it in a cookie instead.
let challenge = null;

// A member who shows once more who they are may be asked for a code as well.
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

// Nothing of a member stays in the page for the next one at this screen.
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
  byId("lasting").textContent = `If you do not come back, this session ends on ${time(session.expiresAt)}.`;
  show();
}

// Who is signed in is asked each time: no script can read the cookie.
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
  // Before a form is shown: Enter would do nothing while this is under way, and
  // the cookie of a first visit must not arrive after that of a sign-in.
  await Promise.all([count(), offerProviders()]);
  current = answer;
  if (!current) return showForms();
  showMember(current);
  await Promise.all([listSessions(), showAccount(current.user)]);
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

async function offerProviders() {
  const offered = await providers();
  byId("providers").replaceChildren(...offered.map((provider) => startLink(provider, "Sign in by")));
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
    // Without any challenge it is taken for a form without address and password.
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
  // Where addresses have to be confirmed first nobody is signed in yet, nor told
  // whether there was an account.
  if (answer.user) return enter(form);
  showSent(form, `A mail is on its way to ${email}. It says what to do next.`);
}

async function forgot(form) {
  const email = form.elements.email.value;
  await send(form);
  showSent(form, `If ${email} has an account here, a link to a new password is on its way. It is good for an hour, and once.`);
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
  byId("visits").textContent = "In this session: none yet";
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
  // Nobody types their address twice.
  if (wanted() === "forgot") byId("forgot-email").value = byId("in-email").value;
  focusForm();
});

// A page that the browser had put aside may show who was signed in then.
addEventListener("pageshow", (event) => event.persisted && attempt(start));

const refused = takeFailure();
attempt(async () => {
  await start();
  if (refused) throw new Failure(refused);
});
