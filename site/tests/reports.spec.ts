// Reports: what the studio has sold.

import { readFileSync } from "node:fs";
import { expect, expectAccessible, newMember, open } from "./site.ts";
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
  expect(text).toContain(`pass,${pass},1,0.00,150.00,0.00,0.00,0.00,150.00`);
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
