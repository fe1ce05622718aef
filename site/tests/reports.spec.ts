// Reports: what the studio has sold.

import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, expectAccessible, newMember, open } from "./site.ts";
import { FOREIGN_CHARGE } from "./stripe.ts";
import { signInAs, test } from "./studio.ts";

test("staff see what was sold this month, and download it", async ({ page, staff }) => {
  await newMember(page);
  const [pass] = await staff.sellTo(page, { credits: 10 });
  await signInAs(page, "staff");
  await open(page, "/staff");
  await page.getByRole("link", { name: "Reports" }).click();
  await expect(page).toHaveURL("/staff/reports");
  await expect(page.getByRole("button", { name: "This month" })).toHaveAttribute("aria-pressed", "true");
  const summary = page.getByRole("list", { name: "Summary" });
  await expect(summary.getByText("Received")).toBeVisible();
  const sold = page.getByRole("table", { name: "What was sold" });
  await expect(sold.getByRole("row").filter({ hasText: pass })).toContainText("$150");
  await expect(page.getByRole("table", { name: "How it was paid" }).getByRole("row").filter({ hasText: "Cash" })).toBeVisible();
  const passes = page.getByRole("table", { name: "Passes that can still be used" });
  await expect(passes.getByRole("row").filter({ hasText: pass })).toContainText("10");
  await expectAccessible(page);

  const part = page.getByRole("region", { name: "What was sold" });
  const [file] = await Promise.all([page.waitForEvent("download"), part.getByRole("link", { name: "Download CSV" }).click()]);
  expect(file.suggestedFilename()).toMatch(/sales-products.*\.csv$/);
  const text = readFileSync(await file.path(), "utf8");
  expect(text).toContain(`pass,${pass},1,0.00,150.00,0.00,0.00,0.00,0.00,0.00,150.00`);
});

/** Reads the balance at Stripe, which the clean-up does once a day, and opens the report of some days. */
async function openBalance(page: Page): Promise<void> {
  expect((await page.request.get("/api/admin/cleanup-sessions")).ok()).toBe(true);
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  await open(page, `/staff/reports?from=${day(-2)}&to=${day(2)}`);
}

test("staff see Stripe's fees, its payouts, and what is not in Sabor", async ({ page }) => {
  await signInAs(page, "staff");
  await openBalance(page);
  const balance = page.getByRole("list", { name: "Balance at Stripe" });
  await expect(balance.getByRole("listitem").filter({ hasText: "Stripe’s fees" })).toContainText("$1.52");
  await expect(balance.getByRole("listitem").filter({ hasText: "Net after fees" })).toContainText("$40.48");
  const payout = page.getByRole("table", { name: "Payouts to the bank" }).getByRole("row").filter({ hasText: "po_site" });
  await expect(payout).toContainText("$42.00");
  await expect(payout).toContainText("$40.48");
  const unmatched = page.getByRole("table", { name: "At Stripe, not in Sabor" });
  await expect(unmatched.getByRole("row").filter({ hasText: FOREIGN_CHARGE })).toContainText("Card payment");
  await expectAccessible(page);

  const part = page.getByRole("region", { name: "Payouts to the bank" });
  const [file] = await Promise.all([page.waitForEvent("download"), part.getByRole("link", { name: "Download CSV" }).click()]);
  expect(file.suggestedFilename()).toMatch(/sales-payouts.*\.csv$/);
});

// A button would choose the language of staff for the other tests too.
test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES" });

  test("the balance at Stripe is in Spanish", async ({ page }) => {
    await signInAs(page, "staff");
    await openBalance(page);
    await expect(page.getByRole("list", { name: "Saldo en Stripe" })).toContainText("Comisiones de Stripe");
    await expect(page.getByRole("table", { name: "En Stripe, pero no en Sabor" })).toContainText("Pago con tarjeta");
    await expectAccessible(page);
  });
});

test("the period is chosen with a button or two dates, and stays in the address", async ({ page }) => {
  await signInAs(page, "staff");
  await open(page, "/staff/reports");
  await page.getByRole("button", { name: "This year" }).click();
  await expect(page).toHaveURL(/from=\d{4}-01-01&to=/);
  await page.getByRole("button", { name: "Last month" }).click();
  await expect(page).toHaveURL(/from=\d{4}-\d{2}-01&to=/);
  await page.reload();
  await expect(page.getByRole("button", { name: "Last month" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Other days" }).click();
  await page.getByLabel("First day").fill("2024-01-01");
  await page.getByLabel("Last day").fill("2024-01-31");
  await expect(page).toHaveURL("/staff/reports?from=2024-01-01&to=2024-01-31");
  await expect(page.getByText("Nothing was sold in this period.")).toBeVisible();
  // What is open does not depend on the period.
  await expect(page.getByRole("list", { name: /^Open on / })).toBeVisible();
});
