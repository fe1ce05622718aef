// The figures of the studio.

import { expect, expectAccessible, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

test("staff see a period beside the one before, and download its tables", async ({ page }) => {
  await signInAs(page, "staff");
  await open(page, "/staff/analytics?from=2026-01-01&to=2026-01-31");
  await expect(page.getByText("Compared with Dec 1, 2025 – Dec 31, 2025")).toBeVisible();
  await expect(page.getByRole("img", { name: "Chart: Revenue." })).toBeVisible();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download CSV" }).first().click()]);
  expect(file.suggestedFilename()).toMatch(/^sabor-2026-01-01-2026-01-31.*\.csv$/);

  await page.getByRole("button", { name: "30 days" }).click();
  await expect(page).toHaveURL(/from=\d{4}-\d{2}-\d{2}&to=/);
  const totals = page.getByRole("list", { name: "In total" });
  await expect(totals.getByText("Occupancy")).toBeVisible();
  // The demo data have classes in the last days.
  await expect(page.getByRole("region", { name: "By weekday and hour" }).getByRole("cell").filter({ hasText: "%" }).first()).toBeVisible();
  await expectAccessible(page);
  await page.getByText("Show the table").last().click();
  await expect(page.locator("details").getByRole("columnheader", { name: "First visits" })).toBeVisible();

  await page.getByRole("button", { name: "Other days" }).click();
  await page.getByLabel("First day").fill("2025-01-01");
  await expect(page).toHaveURL(/from=2025-01-01/);
});
