// Stories of credit: staff add credit of a member, who pays with it, and staff take it at the till and give it back.

import { expect, expectAccessible, newMember, open, PASSWORD, send } from "./site.ts";
import { signInAs, test } from "./studio.ts";

test("staff add credit, the member pays with it, and staff take the rest of it and give it back", async ({ page, staff }) => {
  const pass = await staff.newProduct();
  const email = await newMember(page);
  const { id } = (await (await page.request.get("/api/auth/me")).json()) as { id: string };
  await signInAs(page, "staff");
  await open(page, `/staff/members/${id}`);
  const part = page.locator("#credit");
  await expect(part.getByText("The member has never had credit.")).toBeVisible();
  await part.getByRole("button", { name: /^Credit of/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Amount").fill("170");
  await dialog.getByLabel("Reason").fill("A class was too short");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Change" }).click();
  await expect(page.getByText(/has \$170 of credit now\.$/)).toBeVisible();
  await expect(part.getByText("A class was too short")).toBeVisible();

  await send(page, "/api/auth/login", { email, password: PASSWORD });
  await open(page, "/shop");
  const use = page.getByLabel("Use my credit first: $170");
  const card = page.locator(".product").filter({ has: page.getByRole("heading", { name: pass.name }) });
  await expect(card.getByText("Your credit pays all of it.")).toBeVisible();
  await use.uncheck();
  await expect(card.getByText("Your credit pays all of it.")).toHaveCount(0);
  await use.check();
  await expectAccessible(page);
  await card.getByRole("button", { name: `Buy: ${pass.name}` }).click();
  await expect(page.getByText(`“${pass.name}” is yours`)).toBeVisible();
  await open(page, "/bookings");
  await expect(page.getByText("You have $20. It is used first when you buy a pass or a course.")).toBeVisible();
  await page.getByText("History").click();
  await expect(page.getByText("A class was too short")).toBeVisible();
  await expectAccessible(page);

  await signInAs(page, "staff");
  await open(page, `/staff/members/${id}`);
  await page.getByRole("button", { name: "Sell a product" }).click();
  await dialog.getByRole("button", { name: new RegExp(pass.name) }).click();
  await dialog.getByRole("button", { name: "Use the credit: $20" }).click();
  await expect(dialog.getByText("The credit pays $20. Take $130.")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Card reader" }).click();
  await expect(page.getByText(`has “${pass.name}” now.`)).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: "$20 by credit" });
  await row.getByLabel(/^More for/).click();
  await row.getByRole("button", { name: "Refund" }).click();
  await dialog.getByLabel("How it is given back").selectOption("As credit");
  await dialog.getByLabel(/^Amount/).fill("130");
  await dialog.getByRole("button", { name: "Refund" }).click();
  await expect(part.getByText("The member has $130 of credit.")).toBeVisible();
  await staff.retire(pass);
});

// A button would choose the language of staff for the other tests too.
test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES" });

  test("the credit is in Spanish", async ({ page }) => {
    await newMember(page);
    const { id } = (await (await page.request.get("/api/auth/me")).json()) as { id: string };
    await signInAs(page, "staff");
    await open(page, `/staff/members/${id}`);
    await expect(page.getByText("Nunca ha tenido saldo.")).toBeVisible();
    await expectAccessible(page);
  });
});
