// The account section: password, e-mail address, two-factor authentication and linked providers.

import { attempt, byId, call, empty, Failure, onClick, onSubmit, say, send } from "/site.js";
import { providers, startLink } from "/providers.js";
import { listSessions } from "/sessions.js";

const sections = document.querySelectorAll("#account details");
const usernameInputs = document.querySelectorAll("#account [autocomplete=username]");

export async function showAccount(user) {
  forgetAccount();
  for (const input of usernameInputs) input.value = user.email;
  byId("unverified").hidden = user.emailVerified;
  try {
    await Promise.all([showTwoFactor(), showProviders()]);
  } catch (failure) {
    if (failure.code !== "demo_account") throw failure;
    byId("unchangeable").textContent = failure.message;
    for (const section of sections) section.hidden = true;
  }
}

// Removes the member's data from the page, because another person may use the device next.
export function forgetAccount() {
  for (const form of document.querySelectorAll("#account form")) empty(form);
  for (const input of usernameInputs) input.value = "";
  for (const section of sections) Object.assign(section, { hidden: false, open: false });
  for (const id of ["unchangeable", "factor", "factor-left", "passwordless-hint"]) byId(id).textContent = "";
  byId("identities").replaceChildren();
  clearSecrets();
}

// Closes a section and moves the focus to its summary.
function closeSection(section) {
  for (const form of section.querySelectorAll("form")) empty(form);
  section.open = false;
  section.querySelector("summary").focus();
}

async function resendVerification() {
  try {
    await call("POST", "/api/auth/verify-email");
  } catch (failure) {
    if (failure.code === "email_verified") byId("unverified").hidden = true;
    throw failure;
  }
  say("A new link was sent. Earlier links no longer work.");
}

async function changePassword(form) {
  await send(form);
  closeSection(form.closest("details"));
  await Promise.all([listSessions(), showProviders()]);
  say("Your password was changed. You are signed out on all other devices.");
}

async function changeEmail(form) {
  const { value } = form.elements.newEmail;
  await send(form);
  closeSection(form.closest("details"));
  say(`An e-mail was sent to ${value}. Your address changes when you open the link in it.`);
}

async function showTwoFactor() {
  const { enabled, recoveryCodesLeft, trustedDevices } = await call("GET", "/api/auth/two-factor");
  byId("factor").textContent = enabled ? "on" : "off";
  byId("factor-left").textContent =
    `Recovery codes left: ${recoveryCodesLeft}\nDevices that need no code: ${trustedDevices}`;
  byId("factor-on").hidden = !enabled;
  byId("factor-off").hidden = enabled;
}

// Sends a form. A conflict means that another window changed the second factor, so the page shows its current state.
async function sendTwoFactor(form, method) {
  try {
    return await send(form, { method });
  } catch (failure) {
    if (failure.status === 409) {
      clearSecrets();
      await showTwoFactor();
    }
    throw failure;
  }
}

async function startTwoFactor(form) {
  const { secret, otpauthUri, qrCode } = await sendTwoFactor(form, "POST");
  empty(form);
  byId("secret").textContent = secret.match(/.{1,4}/g).join(" ");
  byId("otpauth").href = otpauthUri;
  byId("qr").src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(qrCode)}`;
  byId("factor-off").hidden = true;
  byId("factor-begun").hidden = false;
  byId("factor-begun-title").focus();
}

async function confirmTwoFactor(form) {
  const { recoveryCodes } = await sendTwoFactor(form, "PUT");
  empty(form);
  clearSecrets();
  byId("codes").replaceChildren(...recoveryCodes.map((code) => {
    const item = document.createElement("li");
    item.textContent = code;
    return item;
  }));
  byId("codes-file").href = `data:text/plain;charset=utf-8,${encodeURIComponent(`${recoveryCodes.join("\n")}\n`)}`;
  byId("factor-codes").hidden = false;
  byId("factor-codes-title").focus();
  await Promise.all([showTwoFactor(), listSessions()]);
  byId("factor-on").hidden = true;
  say("Two-factor authentication is on. You are signed out on all other devices.");
}

async function copyCodes() {
  try {
    await navigator.clipboard.writeText([...byId("codes").children].map((item) => item.textContent).join("\n"));
  } catch {
    throw new Failure("Your browser does not allow copying. Please download the codes or write them down");
  }
  say("Your recovery codes were copied.");
}

async function disableTwoFactor(form) {
  await sendTwoFactor(form, "DELETE");
  closeSection(form.closest("details"));
  await Promise.all([showTwoFactor(), listSessions()]);
  say("Two-factor authentication is off. You are signed out on all other devices.");
}

function clearSecrets() {
  for (const id of ["factor-begun", "factor-codes"]) byId(id).hidden = true;
  byId("secret").textContent = "";
  byId("codes").replaceChildren();
  byId("qr").removeAttribute("src");
  for (const id of ["otpauth", "codes-file"]) byId(id).removeAttribute("href");
}

async function showProviders() {
  const [available, { hasPassword, items }] = await Promise.all([providers(), identities()]);
  byId("ways-in").hidden = available.length === 0 && items.length === 0;
  byId("identities").replaceChildren(...items.map((identity) => identityRow(identity, available)));
  const isLinked = ({ name }) => items.some(({ provider }) => provider === name);
  const linked = available.filter(isLinked);
  const unlinked = available.filter((provider) => !isLinked(provider));
  byId("links").replaceChildren(...unlinked.map((provider) => startLink(provider, "Link")));
  showPasswordFields(hasPassword, linked);
}

// A 404 means that no providers are configured, so the account has a password.
async function identities() {
  try {
    return await call("GET", "/api/auth/identities");
  } catch (failure) {
    if (failure.status !== 404) throw failure;
    return { hasPassword: true, items: [] };
  }
}

// Shows the password fields. A member without a password has to sign in again through a provider instead.
function showPasswordFields(hasPassword, linked) {
  for (const input of document.querySelectorAll("#account [name=currentPassword]")) {
    input.disabled = !hasPassword;
    input.closest(".field").hidden = !hasPassword;
  }
  for (const box of document.querySelectorAll("#account .reveal")) {
    box.parentElement.hidden = !box.form.querySelector("[autocomplete$=-password]:enabled");
  }
  byId("change-password-title").textContent = hasPassword ? "Change your password" : "Set a password";
  byId("passwordless").hidden = hasPassword;
  byId("passwordless-hint").textContent = hasPassword
    ? ""
    : "Your account has no password. To make the changes below, first sign in through your provider again. You then have ten minutes.";
  byId("again").replaceChildren(...linked.map((provider) => startLink(provider, "Sign in again with")));
}

function identityRow(identity, available) {
  const part = byId("identity").content.cloneNode(true);
  const label = available.find(({ name }) => name === identity.provider)?.label ?? identity.provider;
  part.querySelector("strong").textContent = label;
  part.querySelector(".hint").textContent = identity.email ?? "";
  const button = part.querySelector("button");
  button.setAttribute("aria-label", `Unlink ${label}`);
  button.addEventListener("click", () => attempt(() => unlink(identity, label)));
  return part;
}

async function unlink(identity, label) {
  try {
    await call("DELETE", `/api/auth/identities?id=${encodeURIComponent(identity.id)}`);
  } catch (failure) {
    // The provider was already unlinked in another window.
    if (failure.status !== 404) throw failure;
  }
  await showProviders();
  byId("ways-in").querySelector("summary").focus();
  say(`You can no longer sign in with ${label}.`);
}

onClick("mail-again", resendVerification);
onClick("copy-codes", copyCodes);
onClick("codes-kept", async () => {
  clearSecrets();
  await showTwoFactor();
  closeSection(byId("factor-part"));
});
onClick("begin-again", async () => {
  clearSecrets();
  byId("factor-off").hidden = false;
  byId("factor-off").querySelector("input").focus();
});
onSubmit("change-password", changePassword);
onSubmit("change-email", changeEmail);
onSubmit("begin-factor", startTwoFactor);
onSubmit("confirm-factor", confirmTwoFactor);
onSubmit("remove-factor", disableTwoFactor);
