// A booking on a phone, in few taps.

import { devices, type Locator } from "@playwright/test";
import { expect, newMember, open, test } from "./site.ts";

/** How many taps a member needs at most, from the home page to the calendar. */
const MOST_TAPS = 6;

const { defaultBrowserType: _, ...phone } = devices["Pixel 7"];
test.use({ ...phone, viewport: { width: 390, height: 844 } });

test("a member books a beginner's class of this week and puts it into the calendar in six taps", async ({ page }) => {
  let taps = 0;
  const tap = async (element: Locator) => {
    taps += 1;
    await element.tap();
  };
  await newMember(page);
  await open(page, "/");
  await tap(page.getByRole("main").getByRole("link", { name: "See the timetable" }));
  // One tap opens the list, another chooses.
  taps += 2;
  await page.getByLabel("Level").selectOption({ label: "Beginner" });
  const card = page.getByRole("article").filter({ has: page.getByRole("button", { name: /^Book: / }) }).first();
  await expect(card.getByText("Beginner ·")).toBeVisible();
  await tap(card.getByRole("button", { name: /^Book: / }));
  await tap(page.getByRole("link", { name: "See my bookings" }));
  const download = page.waitForEvent("download");
  await tap(page.getByRole("link", { name: /^Add to calendar: / }));
  expect((await download).suggestedFilename()).toMatch(/\.ics$/);
  expect(taps).toBeLessThanOrEqual(MOST_TAPS);
});
