// Stories of promo codes: staff make one, and a member pays less with it.

import { expect, expectAccessible, newMember, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

// An unknown code.
test.use({ expectedErrors: ["status of 409"] });

test("staff make a promo code, a member pays less with it, and staff end it", async ({ page, staff }) => {
  const pass = await staff.newProduct();
  const code = `SUN-${Date.now().toString(36).toUpperCase()}`;
  await signInAs(page, "staff");
  await open(page, "/staff/sales?show=promo-codes");
  await page.getByRole("button", { name: "Add a promo code" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add a promo code" });
  await dialog.getByLabel("Code", { exact: true }).fill(code.toLowerCase());
  await dialog.getByLabel("Percent").fill("20");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("row").filter({ hasText: code });
  await expect(row.getByText("20 %")).toBeVisible();

  await newMember(page);
  await open(page, "/shop");
  await page.getByText("I have a promo code or a gift card").click();
  const field = page.getByLabel("Promo code");
  await field.fill("NOT-A-CODE");
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText("There is no such promo code")).toBeVisible();
  await field.fill(code.toLowerCase());
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText(`“${code}” is applied.`)).toBeVisible();
  const card = page.locator(".product").filter({ has: page.getByRole("heading", { name: pass.name }) });
  await expect(card.getByText("$120", { exact: true })).toBeVisible();
  await expect(card.getByText(`instead of $150, with ${code}`)).toBeVisible();
  await expectAccessible(page);
  await card.getByRole("button", { name: `Buy: ${pass.name}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText(`“${pass.name}” is yours`)).toBeVisible();

  await signInAs(page, "staff");
  await open(page, "/staff/sales");
  await expect(page.getByRole("row").filter({ hasText: `${code}: −$30` })).toBeVisible();
  await open(page, "/staff/sales?show=promo-codes");
  await page.getByLabel(`More for ${code}`, { exact: true }).click();
  await row.getByRole("button", { name: "End" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End" }).click();
  await expect(page.getByText(`${code} is ended.`)).toBeVisible();
  await staff.retire(pass);
});
