// Receipts: what a member has paid, to read and to print.

import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { test } from "./studio.ts";

test("a member finds the receipts from the bookings, and opens one to print it", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await staff.recordPayment(await bookFor(page, wanted.id));
  const [pass] = await staff.sellTo(page, { credits: 10 });
  await open(page, "/bookings");
  await page.getByRole("link", { name: "Receipts for what you have paid" }).click();
  await expect(page).toHaveTitle("Receipts · Sabor con Flow");
  await expect(page.getByRole("listitem").filter({ hasText: wanted.title })).toContainText("$18");
  await expectAccessible(page);
  await page.getByRole("link", { name: new RegExp(pass) }).click();

  const receipt = page.getByRole("article");
  await expect(receipt.getByRole("heading", { name: /^Receipt \d{4}-\d+$/ })).toBeVisible();
  for (const text of ["Sabor con Flow", "410 Larkspur Walk", "Marta", pass, "$150", "Paid · In cash"]) await expect(receipt).toContainText(text);
  await expectAccessible(page);
  await page.emulateMedia({ media: "print" });
  await expect(page.getByRole("button", { name: "Print" })).toBeHidden();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeHidden();
  await expect(receipt).toBeVisible();
  await page.emulateMedia({ media: "screen" });
  await page.getByRole("link", { name: "All receipts" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: pass })).toBeVisible();
});

test("a receipt of another member is not shown", async ({ page }) => {
  await newMember(page);
  await open(page, "/receipts?number=2026-999999");
  await expect(page.getByText("There is no receipt with this number.")).toBeVisible();
});

test.use({ expectedErrors: ["status of 404"] });
