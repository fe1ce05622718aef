// Stories of gift cards: staff sell one, a member pays with it, and staff take it at the till.

import { randomUUID } from "node:crypto";
import { expect, expectAccessible, newMember, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

// A code that does not exist.
test.use({ expectedErrors: ["status of 409"] });

test("staff sell a gift card, a member pays with it, and staff take the rest of it", async ({ page, staff }) => {
  const pass = await staff.newProduct();
  const gift = `Gift card ${randomUUID().slice(0, 6)}`;
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [buyer] = await staff.newMembersOf(wanted, ["Ana"]);
  await signInAs(page, "staff");
  await open(page, "/staff/sales?show=products");
  await page.getByRole("button", { name: "Add a product" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What it is").selectOption("A gift card");
  await expect(dialog.getByLabel("Number of classes")).toHaveCount(0);
  await dialog.getByLabel("Name").fill(gift);
  await dialog.getByLabel("Price (USD)").fill("170");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`${gift} is added.`)).toBeVisible();

  await open(page, `/staff/members/${buyer?.id}`);
  await page.getByRole("button", { name: "Sell a product" }).click();
  await dialog.getByRole("button", { name: new RegExp(gift) }).click();
  await dialog.getByRole("button", { name: "Cash" }).click();
  const code = (await dialog.getByText(/^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$/).textContent()) ?? "";
  await expectAccessible(page);

  await newMember(page);
  await open(page, "/shop");
  await page.getByText("I have a promo code or a gift card").click();
  const field = page.getByLabel("Gift card", { exact: true });
  await field.fill("0000-0000-0000-0000");
  await page.getByRole("button", { name: "Check" }).click();
  await expect(page.getByText("There is no gift card with this code")).toBeVisible();
  await field.fill(code.toLowerCase());
  await page.getByRole("button", { name: "Check" }).click();
  await expect(page.getByText("$170 is left on the gift card. It is used first when you buy something.")).toBeVisible();
  const card = page.locator(".product").filter({ has: page.getByRole("heading", { name: pass.name }) });
  await expect(card.getByText("The gift card pays all of it.")).toBeVisible();
  await expectAccessible(page);
  await card.getByRole("button", { name: `Buy: ${pass.name}` }).click();
  await expect(page.getByText(`“${pass.name}” is yours`)).toBeVisible();

  await signInAs(page, "staff");
  await open(page, `/staff/members/${buyer?.id}`);
  await page.getByRole("button", { name: "Sell a product" }).click();
  await dialog.getByRole("button", { name: new RegExp(pass.name) }).click();
  await dialog.getByRole("button", { name: "Gift card", exact: true }).click();
  await dialog.getByLabel("Gift card").fill(code);
  await dialog.getByRole("button", { name: "Use the gift card" }).click();
  await expect(dialog.getByText("The gift card pays $20. After that, $0 is left on it. Take $130.")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Card reader" }).click();
  await expect(page.getByText(`has “${pass.name}” now.`)).toBeVisible();
  await expect(page.getByText("$20 by gift card")).toBeVisible();
  await staff.retire(pass);
});
