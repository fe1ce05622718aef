// Stories of members with memberships, at a stand-in for Stripe.

import { randomUUID } from "node:crypto";
import type { Page } from "@playwright/test";
import { expect, expectAccessible, newMember, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

const productCard = (page: Page, name: string) => page.locator(".product").filter({ has: page.getByRole("heading", { name }) });

test("a member starts a membership, books beyond the period, ends it, and keeps it after all", async ({ page, staff }) => {
  const product = await staff.newMembership();
  await newMember(page);
  const { id } = (await (await page.request.get("/api/auth/me")).json()) as { id: string };
  await open(page, "/shop");
  await expect(page.getByRole("heading", { name: "Memberships" })).toBeVisible();
  const card = productCard(page, product.name);
  await expect(card.getByText("per month")).toBeVisible();
  await expect(card.getByText("8 classes each month")).toBeVisible();
  const start = card.getByRole("button", { name: `Start: ${product.name}` });
  await start.click();
  await page.getByRole("button", { name: "Back", exact: true }).click();
  await expect(page.getByText("You have not paid, so your membership has not begun.")).toBeVisible();
  const mine = page.locator(".my-membership");
  await expect(mine.getByText("Not paid yet")).toBeVisible();
  await mine.getByRole("link", { name: "Continue to the payment" }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();

  await expect(page.getByText(`“${product.name}” has begun`)).toBeVisible();
  await expect(mine.getByText("It is renewed on")).toBeVisible();
  await expect(start).toHaveCount(0);
  await expect(page.locator(".card.pass")).toHaveCount(2);
  await expect(page.getByText("if your membership payment arrives")).toBeVisible();
  await expectAccessible(page);

  await open(page, "/bookings");
  await mine.getByRole("button", { name: "End the membership" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("It ends at the end of the period that you have paid for.")).toBeVisible();
  await dialog.getByRole("button", { name: "End the membership" }).click();
  await expect(page.getByText(/^Your membership ends on/)).toBeVisible();
  await expect(mine.getByText("Until then it covers your classes.")).toBeVisible();
  await expect(page.getByText("if your membership payment arrives")).toHaveCount(0);
  await mine.getByRole("button", { name: "Keep the membership" }).click();
  await expect(mine.getByText("It is renewed on")).toBeVisible();
  await mine.getByRole("button", { name: "Card and invoices" }).click();
  await expect(page).toHaveURL("/shop?portal=1");

  // Staff see it, and end it.
  await signInAs(page, "staff");
  await open(page, `/staff/members/${id}`);
  const row = page.getByRole("row").filter({ hasText: product.name }).filter({ hasText: "Renews on" });
  await expect(row).toContainText("$80");
  await row.getByLabel(/^More for Marta/).click();
  await row.getByRole("button", { name: "End the membership" }).click();
  await dialog.getByRole("button", { name: "End the membership" }).click();
  await expect(page.getByText(/^The membership of Marta ends on/)).toBeVisible();
  await open(page, "/staff/sales?show=memberships");
  await expect(page.getByRole("row").filter({ hasText: product.name })).toContainText("Active");
  await expectAccessible(page);
  await staff.retire(product);
});

test.describe("with an expected failure", () => {
  test.use({ expectedErrors: ["status of 503"] });

  test("the shop offers no membership while it does not know whether the member has one", async ({ page, staff }) => {
    const product = await staff.newMembership();
    await newMember(page);
    await page.route("**/api/shop/membership", (route) => route.fulfill({ status: 503, json: { error: "Down", code: "unavailable" } }));
    await open(page, "/shop");
    const mine = page.locator(".my-membership");
    await expect(mine.getByText("Your membership could not be loaded.")).toBeVisible();
    const card = productCard(page, product.name);
    await expect(card.getByText("per month")).toBeVisible();
    const start = card.getByRole("button");
    await expect(start).toHaveCount(0);
    await page.unroute("**/api/shop/membership");
    await mine.getByRole("button", { name: "Try again" }).click();
    await expect(start).toHaveAccessibleName(`Start: ${product.name}`);
    await expect(mine).toHaveCount(0);
    await staff.retire(product);
  });
});

test("staff add a membership to the products", async ({ page }) => {
  const name = `Unlimited ${randomUUID().slice(0, 6)}`;
  await signInAs(page, "staff");
  await open(page, "/staff/sales?show=products");
  await page.getByRole("button", { name: "Add a product" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("What it is").selectOption("A membership, paid again for each period");
  await expect(dialog.getByLabel("Valid for how many days")).toHaveCount(0);
  await dialog.getByLabel("Price (USD)").fill("95");
  await dialog.getByLabel("How often it is paid").selectOption("Each week");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("row").filter({ hasText: name });
  await expect(row).toContainText("per week");
  await expect(row).toContainText("Until the member ends it");
  await row.getByLabel(`More for ${name}`).click();
  await row.getByRole("button", { name: "Change" }).click();
  await expect(dialog.getByText("Memberships that have begun keep their name")).toBeVisible();
  await dialog.getByLabel("Price (USD)").fill("90");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("$90");
  await row.getByLabel(`More for ${name}`).click();
  await row.getByRole("button", { name: "Stop selling" }).click();
  await dialog.getByRole("button", { name: "Stop selling" }).click();
  await expect(row).toHaveCount(0);
});
