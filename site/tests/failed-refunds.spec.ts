// Refunds that the bank returns, so that staff give the money back in another way.

import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { UNREFUNDABLE_PRICE } from "./stripe.ts";
import { signInAs, test } from "./studio.ts";

test("staff find a refund that has failed, and give the money back in cash", async ({ page, staff }) => {
  const wanted = await staff.newClass({ price: UNREFUNDABLE_PRICE });
  await newMember(page);
  const booking = await bookFor(page, wanted.id);
  await open(page, "/bookings");
  await page.getByRole("button", { name: `Pay by card: ${wanted.title}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText("Thank you, your payment has arrived.")).toBeVisible();
  await staff.refund(booking);

  await signInAs(page, "staff");
  const row = page.getByRole("row").filter({ hasText: wanted.title });
  await expect(async () => {
    await open(page, "/staff/payments");
    await page.getByLabel("Show", { exact: true }).selectOption("Refunds that failed");
    await expect(row).toContainText("$13.13", { timeout: 1_000 });
  }).toPass();
  await expect(row).toContainText("The card has expired or was cancelled");
  await expectAccessible(page);
  await row.getByLabel(/^More for/).click();
  await row.getByRole("button", { name: "Give back" }).click();
  const dialog = page.getByRole("dialog", { name: /^Give the money back to/ });
  await expect(dialog).toContainText("$13.13");
  await expectAccessible(page);
  await dialog.getByLabel("How").selectOption("Cash");
  await dialog.getByRole("button", { name: "Give back" }).click();
  await expect(page.getByText(/^The refund of \$13\.13 for .* is recorded\.$/)).toBeVisible();
  await expect(row).toHaveCount(0);
});

// A button would choose the language of staff for the other tests too.
test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES" });

  test("the list of refunds that have failed is in Spanish", async ({ page }) => {
    await signInAs(page, "staff");
    await open(page, "/staff/payments?status=failed_refunds");
    await expect(page.getByText("Estos reembolsos no han llegado a los miembros", { exact: false })).toBeVisible();
    await expectAccessible(page);
  });
});
