// Open orders that staff cancel.

import { expect, expectAccessible, newMemberPage, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

test("staff cancel an order that the member has left unpaid", async ({ browser, page, staff }) => {
  const pass = await staff.newProduct({ perMember: 1 });
  const member = await newMemberPage(browser);
  await open(member, "/shop");
  const button = member.locator(".product").filter({ has: member.getByRole("heading", { name: pass.name }) }).getByRole("button", { name: `Buy: ${pass.name}` });
  await button.click();
  await expect(member.getByRole("button", { name: "Pay", exact: true })).toBeVisible();
  const me = (await (await member.request.get("/api/auth/me")).json()) as { id: string };

  await signInAs(page, "staff");
  await open(page, `/staff/members/${me.id}`);
  await expect(page.getByText("Not paid yet")).toBeVisible();
  await page.getByLabel(/^More for the sale to /).click();
  await page.getByRole("button", { name: "Cancel the order" }).click();
  const dialog = page.getByRole("dialog", { name: /^Cancel the order of / });
  await expectAccessible(page);
  await dialog.getByLabel("Reason").fill("Pays at the desk");
  await dialog.getByRole("button", { name: "Cancel the order" }).click();
  await expect(page.getByText(/^The order of .* is cancelled\.$/)).toBeVisible();
  await expect(page.getByText("Not paid yet")).toHaveCount(0);

  // The member can buy it again.
  await open(member, "/shop");
  await button.click();
  await member.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(member.getByText(`“${pass.name}” is yours`)).toBeVisible();
  await staff.retire(pass);
});
