// Stories of visitors and members with their accounts.

import { expect, expectAccessible, mailedPath, newEmail, newMember, open, PASSWORD, register, test } from "./site.ts";

test("a visitor registers and confirms the address with the mailed link", async ({ page }) => {
  const email = newEmail();
  await register(page, email);
  await expect(page.getByText("not confirmed yet")).toBeVisible();
  await expectAccessible(page);

  await page.goto(await mailedPath(email, "verify-email"));
  // The token is not kept in the address.
  await expect(page).toHaveURL(/\/verify-email$/);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Confirm my address" }).click();
  await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeFocused();
  await page.getByRole("link", { name: "Go to your account" }).click();
  await expect(page.getByText(email)).toBeVisible();
  await expect(page.getByText("not confirmed yet")).toBeHidden();
});

test("a member who signs out in one window is signed out in the other", async ({ context, page }) => {
  await register(page, newEmail());
  const other = await context.newPage();
  await open(other, "/account");
  await expect(other.getByRole("heading", { name: "Hello, Marta" })).toBeVisible();
  await page.getByRole("button", { name: "Sign out", exact: true }).last().click();
  await expect(page.getByText("You are signed out.")).toBeVisible();
  await expect(other.getByLabel("E-mail address", { exact: true })).toBeVisible();
  await expect(other.getByText("Marta")).toBeHidden();
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 401", "status of 400", "status of 409"] });

  test("a member ends a session on another device, which notices at its next action", async ({ browser, page }) => {
    const email = newEmail();
    await register(page, email);
    const phone = await (await browser.newContext()).newPage();
    await phone.goto("/account");
    await phone.getByLabel("E-mail address").fill(email);
    await phone.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await phone.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await expect(phone.getByRole("heading", { name: "Hello, Marta" })).toBeVisible();

    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByRole("button", { name: /^End / }).click();
    await expect(page.getByText(/^The session on .* has ended/)).toBeVisible();
    await expect(page.getByRole("button", { name: /^End / })).toHaveCount(0);
    await phone.getByRole("button", { name: "Refresh" }).click();
    await expect(phone.getByText("Your session has ended. Please sign in again.")).toBeVisible();
    await expect(phone.getByLabel("E-mail address")).toBeVisible();
    await phone.context().close();
  });

  test("a member resets a forgotten password", async ({ page }) => {
    const email = newEmail();
    await register(page, email);
    await page.getByRole("button", { name: "Sign out", exact: true }).last().click();
    await page.getByRole("link", { name: "Forgot your password?" }).click();
    await page.getByLabel("E-mail address").fill(email);
    await page.getByRole("button", { name: "Send the link" }).click();
    await expect(page.getByRole("heading", { name: "Check your e-mail" })).toBeFocused();

    const path = await mailedPath(email, "reset-password");
    await page.goto(path);
    await page.getByLabel("New password", { exact: true }).fill("short");
    await page.getByRole("button", { name: "Set the password" }).click();
    await expect(page.getByLabel("New password", { exact: true })).toBeFocused();
    await expect(page.getByText(/New password: must have at least 8 characters/)).toBeVisible();
    await expectAccessible(page);
    await page.getByLabel("New password", { exact: true }).fill("four large green boats");
    await page.getByRole("button", { name: "Set the password" }).click();
    await expect(page.getByRole("heading", { name: "Your new password is set" })).toBeFocused();

    // The link works once.
    await page.goto("about:blank");
    await page.goto(path);
    await page.getByLabel("New password", { exact: true }).fill("five huge yellow boats");
    await page.getByRole("button", { name: "Set the password" }).click();
    await expect(page.getByRole("heading", { name: "This link no longer works" })).toBeFocused();

    await page.goto("/account");
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByText("The e-mail address or the password is wrong.")).toBeVisible();
    await expect(page.getByLabel("Password", { exact: true })).toBeFocused();
    await page.getByLabel("Password", { exact: true }).fill("four large green boats");
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("heading", { name: "Hello, Marta" })).toBeVisible();
  });

  test("a visitor reads failures in Spanish, and the form keeps what was entered", async ({ page }) => {
    await open(page, "/account");
    await page.getByLabel("E-mail address").fill("nobody@example.com");
    await page.getByLabel("Password", { exact: true }).fill("not the password");
    await page.getByRole("button", { name: "Español" }).click();
    await expect(page.locator("html")).toHaveAttribute("lang", "es");
    await expect(page.getByLabel("Correo electrónico")).toHaveValue("nobody@example.com");
    await page.getByRole("main").getByRole("button", { name: "Entrar" }).click();
    await expect(page.getByText("El correo o la contraseña no son correctos.")).toBeVisible();
    await page.reload();
    await expect(page.getByRole("heading", { name: "Hola de nuevo" })).toBeVisible();
    await expect(page).toHaveTitle("Cuenta · Sabor con Flow");
  });
});

test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES" });

  test("a visitor registers in Spanish", async ({ page }) => {
    await page.goto("/account#register");
    await page.getByLabel("Nombre").fill("Marta");
    await page.getByLabel("Correo electrónico").fill(newEmail());
    await page.getByRole("button", { name: "Crear la cuenta" }).click();
    await expect(page.getByText("Contraseña: es obligatorio.")).toBeVisible();
    await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Crear la cuenta" }).click();
    await expect(page.getByRole("heading", { name: "Hola, Marta" })).toBeVisible();
    await expectAccessible(page);
  });
});

test("a visitor registers, opens a setting and signs out by keyboard alone", async ({ page }) => {
  await open(page, "/account");
  // The first field has the focus.
  await expect(page.getByLabel("E-mail address")).toBeFocused();
  await page.getByRole("link", { name: "Create an account" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("First name")).toBeFocused();
  for (const text of ["Marta", "Ríos", newEmail(), PASSWORD]) {
    await page.keyboard.type(text);
    await page.keyboard.press("Tab");
  }
  // The button that shows the password is beside it.
  await page.keyboard.press("Space");
  await expect(page.getByLabel("Password", { exact: true })).toHaveAttribute("type", "text");
  await page.keyboard.press("Enter");
  await page.getByLabel("Password", { exact: true }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Hello, Marta" })).toBeFocused();

  const setting = page.getByText("Change your password", { exact: true });
  while (!(await setting.evaluate((element) => element === document.activeElement))) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Current password", { exact: true }).first()).toBeVisible();

  const menu = page.getByLabel("Account of Marta");
  await menu.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("link", { name: "My bookings" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(menu).toBeFocused();
  await expect(page.getByRole("link", { name: "My bookings" })).toBeHidden();
  await page.keyboard.press("Enter");
  for (let step = 0; step < 3; step++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByText("You are signed out.")).toBeVisible();
});

test("a link to the sign-in leads to no other site", async ({ browser, page }) => {
  const email = await newMember(page);
  for (const next of ["https://example.com/", "//example.com/", "/\\example.com/"]) {
    const visitor = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
    await visitor.goto(`/account?next=${encodeURIComponent(next)}`);
    await visitor.getByLabel("E-mail address").fill(email);
    await visitor.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await visitor.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await expect(visitor.getByRole("heading", { name: "Hello, Marta" }), next).toBeVisible();
    await visitor.context().close();
  }
});

test("a member comes back to the page that asked for the sign-in", async ({ page }) => {
  const path = "/continue?app=ticket-shop&returnTo=https%3A%2F%2Ftickets.sabor.dev%2Fback";
  await page.goto(path);
  // Without a session, the page asks for a sign-in.
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/account\?next=/);
  await page.getByLabel("E-mail address").fill("ana@sabor.dev");
  await page.getByLabel("Password", { exact: true }).fill("password123");
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Continue to ticket-shop" })).toBeVisible();
  expect(page.url()).toContain(path);
  await expect(page.getByText("tickets.sabor.dev will receive your profile")).toBeVisible();
  await expectAccessible(page);
});
