// What administrators do.

import { randomUUID } from "node:crypto";
import { expect, expectAccessible, newMember, open, PASSWORD, PASSWORD_OF_DEMO, send } from "./site.ts";
import { signInAs, test } from "./studio.ts";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

test("an administrator rotates the secret of an application, and each secret is shown once", async ({ page }) => {
  const name = `shop-${randomUUID().slice(0, 6)}`;
  await signInAs(page, "admin");
  await open(page, "/admin/apps");
  await page.getByRole("button", { name: "Register an application" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Addresses").fill("https://shop.example\nhttps://www.shop.example");
  await dialog.getByRole("button", { name: "Register an application" }).click();
  const secret = page.getByLabel("Secret", { exact: true });
  await expect(page.getByRole("heading", { name: `The secret of ${name}` })).toBeVisible();
  const first = (await secret.textContent()) ?? "";
  await page.getByRole("button", { name: "Copy the secret" }).click();
  await expect(page.getByText("The secret is copied.")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(first);
  await expectAccessible(page);
  await page.getByRole("button", { name: "I have copied it" }).click();

  const row = page.getByRole("row").filter({ hasText: name });
  const choose = async (action: string) => {
    await row.getByLabel(`More for ${name}`).click();
    await row.getByRole("button", { name: action }).click();
  };
  // Other addresses revoke no tokens, which a change of their kind does.
  await choose("Change the settings");
  await dialog.getByLabel("Addresses").fill("https://shop.example");
  const changed = page.waitForRequest((request) => request.method() === "PATCH");
  await dialog.getByRole("button", { name: "Save" }).click();
  expect(Object.keys((await changed).postDataJSON())).toEqual(["id", "allowedOrigins"]);
  await expect(dialog).toBeHidden();
  await choose("Make a new secret");
  // Another name changes nothing.
  await dialog.getByLabel(`To confirm, type: ${name}`).fill("shop");
  await dialog.getByRole("button", { name: "Make a new secret" }).click();
  await expect(page.getByRole("dialog").getByText("Please type the name exactly as it is shown.")).toBeVisible();
  await dialog.getByLabel(`To confirm, type: ${name}`).fill(name);
  await dialog.getByRole("button", { name: "Make a new secret" }).click();
  await expect(secret).toBeVisible();
  expect(await secret.textContent()).not.toBe(first);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await expect(row.getByText("Two secrets work")).toBeVisible();

  await page.reload();
  await expect(row).toBeVisible();
  await expect(secret).toHaveCount(0);
  await choose("End the rotation");
  await dialog.getByLabel(`To confirm, type: ${name}`).fill(name);
  await dialog.getByRole("button", { name: "End the rotation" }).click();
  await expect(page.getByText(`Only the new secret of ${name} works now.`)).toBeVisible();
  await choose("Switch off");
  await dialog.getByLabel(`To confirm, type: ${name}`).fill(name);
  await dialog.getByRole("button", { name: "Switch off" }).click();
  await expect(row.getByText("Switched off")).toBeVisible();
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 403"] });

  test("an administrator gives a role after entering their own password", async ({ browser, page }) => {
    const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
    const email = await newMember(member);
    await signInAs(page, "admin");
    await open(page, `/admin/users?search=${email}`);
    const row = page.getByRole("row").filter({ hasText: email });
    const choose = async (action: string) => {
      await row.getByLabel(/^More for /).click();
      await row.getByRole("button", { name: action }).click();
    };
    await choose("Change the role");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Role").selectOption("Staff");
    await dialog.getByLabel("Your own password", { exact: true }).fill("another password");
    await dialog.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("status").filter({ hasText: /password/i })).toBeVisible();
    await dialog.getByLabel("Your own password", { exact: true }).fill(PASSWORD_OF_DEMO);
    await dialog.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText(/^The role of .* is now: Staff\.$/)).toBeVisible();
    await expect(row.getByText("Staff", { exact: true })).toBeVisible();
    await open(member, "/staff");
    await expect(member.getByRole("heading", { name: "Today" })).toBeVisible();

    await choose("Deactivate");
    const name = (await row.getByRole("rowheader").textContent())?.trim() ?? "";
    await dialog.getByLabel(`To confirm, type: ${name}`).fill(name);
    await dialog.getByRole("button", { name: "Deactivate" }).click();
    await expect(row.getByText("Deactivated")).toBeVisible();
    const signIn = await member.request.post("/api/auth/login", { headers: { Origin: process.env.SITE ?? "" }, data: { email, password: PASSWORD } });
    expect(signIn.status()).toBe(401);
    await choose("Activate again");
    await expect(row.getByText("Active", { exact: true })).toBeVisible();
    await member.context().close();
  });
});

test("the security log shows what happened to one member", async ({ browser, page }) => {
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  const email = await newMember(member);
  await member.context().close();
  await signInAs(page, "admin");
  await open(page, `/admin/users?search=${email}`);
  const row = page.getByRole("row").filter({ hasText: email });
  await row.getByLabel(/^More for /).click();
  await row.getByRole("button", { name: "See what the security log says" }).click();
  await expect(page.getByText(`Only events of ${email}`)).toBeVisible();
  await expect(page.getByRole("rowheader", { name: "Account created" })).toBeVisible();
  await page.getByLabel("What happened").selectOption("Password changed");
  await expect(page.getByText("Nothing has happened that fits.")).toBeVisible();
});

test("an organization gets members and roles", async ({ browser, page }) => {
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  const email = await newMember(member);
  await member.context().close();
  const id = randomUUID().slice(0, 8);
  await signInAs(page, "admin");
  await open(page, "/admin/organizations");
  await page.getByRole("button", { name: "Create an organization" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(`Latin Night ${id}`);
  await dialog.getByLabel("Short name").fill(`latin-night-${id}`);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`Latin Night ${id} is created.`)).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: `Latin Night ${id}` });
  await row.getByLabel(/^More for /).click();
  await row.getByRole("button", { name: "Members" }).click();
  await dialog.getByLabel("Find somebody to add").fill(email);
  await dialog.getByRole("button", { name: /^Add / }).click();
  await dialog.getByLabel(`Role of ${email}`).selectOption("Owner");
  await expect(page.getByText(`Latin Night ${id} is saved.`)).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: `Remove ${email}` }).click();
  await expect(dialog.getByText("Nobody belongs to this organization.")).toBeVisible();
});

test("everybody is signed out only after a word is typed", async ({ page }) => {
  await signInAs(page, "admin");
  await open(page, "/admin/sessions");
  await expect(page.getByRole("list", { name: "Sessions at a glance" }).getByText("Active sessions")).toBeVisible();
  await page.getByRole("button", { name: "Sign everybody out" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("To confirm, type: everybody").fill("every body");
  await dialog.getByRole("button", { name: "Sign everybody out" }).click();
  await expect(page.getByRole("dialog").getByText("Please type the name exactly as it is shown.")).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  // Signing everybody out would end the sessions of the tests beside this one.
  await send(page, "/api/auth/logout", {});
});
