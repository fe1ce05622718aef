// Stories of members who buy passes by card, at a stand-in for Stripe.

import type { Page } from "@playwright/test";
import { expect, expectAccessible, mailedPath, newEmail, newMember, open, PASSWORD, send } from "./site.ts";
import { signInAs, test } from "./studio.ts";

const productCard = (page: Page, name: string) => page.locator(".product").filter({ has: page.getByRole("heading", { name }) });

test("a member buys a pass by card, and it pays for the next class", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  const pass = await staff.newProduct();
  await newMember(page);
  await open(page, "/shop");
  await expect(page.getByText("Buy a pass here or at the studio")).toBeVisible();
  await productCard(page, pass.name).getByRole("button", { name: `Buy: ${pass.name}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();

  await expect(page).toHaveURL("/shop");
  const message = page.getByRole("status").filter({ hasText: `“${pass.name}” is yours` });
  await expect(message).toBeVisible();
  await expect(page.getByRole("heading", { name: "My passes" })).toBeVisible();
  await expect(page.getByText("10 of 10 classes left")).toBeVisible();
  await expectAccessible(page);
  await message.getByRole("link", { name: "See the timetable" }).click();
  await expect(page).toHaveURL("/timetable");
  await open(page, wanted.timetable);
  await expect(page.getByRole("article").filter({ hasText: wanted.title }).getByTitle(`With “${pass.name}”`)).toBeVisible();
  await staff.retire(pass);
});

test("a member who leaves the checkout has bought nothing, and can pay later", async ({ page, staff }) => {
  const pass = await staff.newProduct({ perMember: 1 });
  await newMember(page);
  await open(page, "/shop");
  const button = productCard(page, pass.name).getByRole("button", { name: `Buy: ${pass.name}` });
  await button.click();
  await page.getByRole("button", { name: "Back", exact: true }).click();
  await expect(page).toHaveURL("/shop");
  await expect(page.getByText("You have not paid yet, so you have not bought anything.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "My passes" })).toHaveCount(0);
  await button.click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText(`“${pass.name}” is yours`)).toBeVisible();
  await staff.retire(pass);
});

test("a visitor signs in to buy, and finds the button with the focus", async ({ page, staff }) => {
  const pass = await staff.newProduct();
  const email = newEmail();
  await send(page, "/api/auth/register", { email, password: PASSWORD, firstName: "Marta", locale: "en" });
  const [, token] = (await mailedPath(email, "verify-email")).split("=");
  await send(page, "/api/auth/verify-email", { token });
  await page.context().clearCookies();
  await open(page, "/shop");
  await productCard(page, pass.name).getByRole("button", { name: `Buy: ${pass.name}` }).press("Enter");
  await expect(page).toHaveURL(/\/account\?next=/);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  const button = productCard(page, pass.name).getByRole("button", { name: `Buy: ${pass.name}` });
  await expect(button).toBeFocused();
  await button.press("Enter");
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText(`“${pass.name}” is yours`)).toBeVisible();
  await staff.retire(pass);
});

test.describe("on a Spanish phone", () => {
  test.use({ locale: "es-ES", viewport: { width: 390, height: 844 } });
  test("a free pass is issued at once", async ({ page, staff }) => {
    const pass = await staff.newProduct({ price: "0", credits: 1, perMember: 1 });
    await newMember(page);
    await open(page, "/shop");
    await productCard(page, pass.name).getByRole("button", { name: `Conseguir gratis: ${pass.name}` }).click();
    await expect(page.getByText(`«${pass.name}» ya es tuyo`)).toBeVisible();
    await expect(page.getByText("Queda 1 de 1 clase")).toBeVisible();
    await expectAccessible(page);
    await staff.retire(pass);
  });
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 409"] });
  test("a retired pass cannot be bought, and the page says so", async ({ page, staff }) => {
    const pass = await staff.newProduct();
    await newMember(page);
    await open(page, "/shop");
    await staff.retire(pass);
    await productCard(page, pass.name).getByRole("button", { name: `Buy: ${pass.name}` }).click();
    await expect(page.getByRole("status").filter({ hasText: "This product is no longer sold." })).toBeVisible();
  });
});

test("staff see what members have bought online, and refund it to the card", async ({ page, browser, staff }) => {
  const pass = await staff.newProduct({ price: "100.00" });
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "", locale: "en-US" })).newPage();
  await member.goto("/shop");
  await newMember(member);
  await open(member, "/shop");
  await productCard(member, pass.name).getByRole("button", { name: `Buy: ${pass.name}` }).click();
  await member.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(member.getByText(`“${pass.name}” is yours`)).toBeVisible();

  await signInAs(page, "staff");
  await open(page, "/staff/sales");
  const row = page.getByRole("row").filter({ hasText: pass.name });
  await expect(row).toContainText("Card, online");
  await expect(row).toContainText("Online");
  await row.getByLabel(/^More for the sale/).click();
  await row.getByRole("button", { name: "Refund" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Sabor sends the refund if it goes to the card.");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Refund" }).click();
  await expect(row).toContainText("$100 refunded");
  await expect(async () => {
    await member.reload();
    await expect(member.getByRole("heading", { name: "My passes" })).toHaveCount(0, { timeout: 1_000 });
  }).toPass();
  await member.context().close();
  await staff.retire(pass);
});
