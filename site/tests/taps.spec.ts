// A booking on a phone: two taps choose a level, and four others lead from the home page to the
// calendar.

import { devices } from "@playwright/test";
import { expect, newMember, open, test } from "./site.ts";

const { defaultBrowserType: _, ...phone } = devices["Pixel 7"];
test.use({ ...phone, viewport: { width: 390, height: 844 } });

test("a member books a beginner's class of this week and puts it into the calendar", async ({ page }) => {
  await newMember(page);
  await open(page, "/");
  await page.getByRole("main").getByRole("link", { name: "See the timetable" }).tap();
  await page.getByLabel("Level").selectOption({ label: "Beginner" });
  const card = page.getByRole("article").filter({ has: page.getByRole("button", { name: /^Book: / }) }).first();
  await expect(card.getByText("Beginner ·")).toBeVisible();
  await card.getByRole("button", { name: /^Book: / }).tap();
  await page.getByRole("link", { name: "See my bookings" }).tap();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: /^Add to calendar: / }).tap();
  expect((await download).suggestedFilename()).toMatch(/\.ics$/);
});
