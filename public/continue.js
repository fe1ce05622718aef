// On to a partner application, which sends the browser here:
// /continue.html?app=<name>&returnTo=<address>. Never by the mere look at this
// page: who leads somebody here must not have them signed in elsewhere.

import { attempt, byId, call, Failure, onClick, showOnly, whenSignedOut } from "/site.js";

const query = new URLSearchParams(location.search);
const [app, returnTo] = [query.get("app"), query.get("returnTo")];

function option(text, value) {
  const option = document.createElement("option");
  Object.assign(option, { textContent: text, value });
  return option;
}

// The first account is nobody's: they act for themselves.
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

// What was in the link is nothing that could be mended on this page.
async function issue(wish) {
  try {
    return await call("POST", "/api/cross-app/token", wish);
  } catch (failure) {
    if (failure.details?.targetApp) throw new Failure(`${app} is no application that we know`);
    if (failure.details?.returnTo) throw new Failure(`${app} does not receive anybody at this address. Please begin there once more`);
    throw failure;
  }
}

// The server knows whether the address is the application's; nobody is sent
// anywhere before it has said so.
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
