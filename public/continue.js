// Continues to a partner application, which sends the browser to
// /continue.html?app=<name>&returnTo=<address>. The member has to click: opening
// the page must not sign anybody in elsewhere.

import { attempt, byId, call, Failure, onClick, showOnly, whenSignedOut } from "/site.js";

const query = new URLSearchParams(location.search);
const [app, returnTo] = [query.get("app"), query.get("returnTo")];

function option(text, value) {
  const option = document.createElement("option");
  Object.assign(option, { textContent: text, value });
  return option;
}

// The first choice is to act for oneself.
function showAccounts(accounts) {
  const choices = accounts.map(({ id, name }) => option(name, id));
  byId("account").replaceChildren(option("myself", ""), ...choices);
  byId("accounts").hidden = accounts.length === 0;
}

async function start() {
  if (!app || !URL.canParse(returnTo ?? "")) return showOnly("no-link");
  let member;
  try {
    member = await call("GET", "/api/auth/me");
  } catch (failure) {
    if (!failure.isSignedOut) throw failure;
    return signInFirst();
  }
  const { email, accounts } = member;
  byId("app").textContent = app;
  byId("host").textContent = new URL(returnTo).host;
  byId("email").textContent = email;
  showAccounts(accounts);
  showOnly("go");
  byId("go-title").focus();
}

function signInFirst() {
  showOnly("sign-in-first");
  byId("sign-in-title").focus();
}

// Errors in the link cannot be fixed on this page.
async function issue(request) {
  try {
    return await call("POST", "/api/cross-app/token", request);
  } catch (failure) {
    if (failure.details?.targetApp) throw new Failure(`${app} is not a known application`);
    if (failure.details?.returnTo) throw new Failure(`${app} does not accept this return address. Please start again from the application`);
    throw failure;
  }
}

// The browser is redirected only after the server has checked that the address
// belongs to the application.
async function goOn() {
  const accountId = byId("account").value || undefined;
  const { token } = await issue({ targetApp: app, returnTo, accountId });
  const address = new URL(returnTo);
  address.searchParams.set("token", token);
  location.assign(address);
}

whenSignedOut(signInFirst);
onClick("continue", goOn);
onClick("again", start);
attempt(start);
