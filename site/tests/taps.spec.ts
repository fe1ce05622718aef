// A booking on a phone: three taps lead from the home page to the calendar.

import { devices } from "@playwright/test";
import { expect, expectAccessible, newMember, open } from "./site.ts";
import { test } from "./studio.ts";

const { defaultBrowserType: _, ...phone } = devices["Pixel 7"];
test.use({ ...phone, viewport: { width: 390, height: 844 } });

test("a member books a beginner's class of this week and puts it into the calendar", async ({ page }) => {
  await newMember(page);
  // Which classes of the demo are full depends on the date, and on the other stories.
  await page.route("**/api/classes/schedule?*", async (route) => {
    const response = await route.fetch();
    const { items, ...more } = (await response.json()) as { items: Array<{ placesLeft: number }> };
    await route.fulfill({ response, json: { items: items.filter(({ placesLeft }) => placesLeft > 0), ...more } });
  });
  await open(page, "/");
  await page.getByRole("main").getByRole("link", { name: "Classes for beginners" }).tap();
  await expect(page.getByLabel("Level")).toHaveValue("beginner");
  // Nobody has to wonder whether to pay now.
  await expect(page.getByText("Book your spot now, and pay later.")).toBeVisible();
  const card = page.getByRole("article").filter({ has: page.getByRole("button", { name: /^Book: / }) }).first();
  await expect(card.getByText("Beginner ·")).toBeVisible();
  const button = card.getByRole("button", { name: /^Book: / });
  await expect(button).toBeInViewport();
  const [, title = ""] = /^Book: (.+?), /.exec((await button.getAttribute("aria-label")) ?? "") ?? [];
  await button.tap();
  const message = page.getByRole("status").filter({ hasText: `You are booked: ${title}` });
  await expect(message).toContainText(/You pay \$\d+ later, under “My bookings” or at the desk\./);
  const download = page.waitForEvent("download");
  await message.getByRole("link", { name: "Add to calendar" }).tap();
  const words = title.toLowerCase().split(/\W+/).join("-");
  expect((await download).suggestedFilename()).toMatch(new RegExp(`^${words}-\\d{4}-\\d\\d-\\d\\d\\.ics$`));

  // The card of the class has the link too.
  await message.getByRole("button", { name: "Close" }).tap();
  const again = page.waitForEvent("download");
  await page.getByRole("link", { name: `Add to calendar: ${title}` }).first().tap();
  expect((await again).suggestedFilename()).toBe((await download).suggestedFilename());
});

test("classes that have started are behind a line, so that the first class to book is at hand", async ({ page, staff }) => {
  const started = await staff.newClass({ inDays: 45 });
  await staff.newDate(started);
  const { startTime } = (await (await page.request.get(`/api/classes/occurrence?id=${started.id}`)).json()) as { startTime: string };
  await page.clock.setFixedTime(Date.parse(startTime) + 60_000);
  await open(page, started.timetable);
  const cards = page.getByRole("article").filter({ hasText: started.title });
  await expect(cards).toHaveCount(1);
  await expect(page.getByRole("button", { name: /^Book: / }).first()).toBeInViewport();
  await page.getByText(/^\d+ class(es have| has) started$/).tap();
  await expect(cards).toHaveCount(2);
  await expect(cards.first().getByText("Has started")).toBeVisible();
  await expect(cards.first().getByRole("button")).toHaveCount(0);
  await expectAccessible(page);
});
