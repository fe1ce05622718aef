// How many keys it takes to book a class without a mouse.

import type { Locator, Page } from "@playwright/test";
import { expect, newMember, open } from "./site.ts";
import { type NewClass, test } from "./studio.ts";

/** The timetable with this class alone, which has a room of its own. */
function timetableOf({ timetable, title }: NewClass): string {
  return `${timetable}&room=${encodeURIComponent(title.replace("Rueda", "Studio"))}`;
}

function hasFocus(element: Locator): Promise<boolean> {
  return element.evaluate((found) => found === document.activeElement);
}

/** Presses Tab until the element has the focus. Returns how often. */
async function countTabs(page: Page, element: Locator): Promise<number> {
  for (let presses = 0; presses < 100; presses++) {
    if (await hasFocus(element)) return presses;
    await page.keyboard.press("Tab");
  }
  throw new Error("cannot be reached with Tab");
}

for (const { name, viewport, most } of [
  { name: "a phone", viewport: { width: 390, height: 844 }, most: 18 },
  { name: "a desktop", viewport: { width: 1280, height: 900 }, most: 19 },
]) {
  test.describe(`on ${name}`, () => {
    test.use({ viewport });

    test("the first class is booked after a few presses of Tab, and its calendar file is next", async ({ page, staff }) => {
      const first = await staff.newClass({ inDays: 50 });
      const second = await staff.newClass({ inDays: 52 });
      await newMember(page);
      await open(page, timetableOf(first));
      const button = page.getByRole("button", { name: `Book: ${first.title}` });
      expect(await countTabs(page, button)).toBeLessThanOrEqual(most);

      await page.keyboard.press("Enter");
      const booked = page.getByRole("link", { name: `Booked: ${first.title}` });
      await expect(booked).toBeFocused();
      await page.keyboard.press("Tab");
      const keep = page.locator("#message").getByRole("link", { name: "Add to calendar" });
      await expect(keep).toBeFocused();
      await page.keyboard.press("Shift+Tab");
      await expect(booked).toBeFocused();
      await page.keyboard.press("Tab");
      await expect(keep).toBeFocused();

      // After the message, the keyboard goes on where it was.
      await open(page, timetableOf(second));
      await countTabs(page, page.getByRole("button", { name: `Book: ${second.title}` }));
      await page.keyboard.press("Enter");
      await expect(page.locator("#message")).toContainText("You are booked");
      const before = page.getByRole("link", { name: `Booked: ${second.title}` });
      await expect(before).toBeFocused();
      expect(await countTabs(page, page.getByRole("button", { name: "Close" }))).toBe(3);
      await page.keyboard.press("Enter");
      await expect(page.locator("#message")).toBeEmpty();
      await expect(before).toBeFocused();
    });

    test("two links skip to the classes", async ({ page, staff }) => {
      const wanted = await staff.newClass({ inDays: 60 });
      await open(page, timetableOf(wanted));
      for (const skip of ["Skip to the content", "Skip to the classes"]) {
        await page.keyboard.press("Tab");
        await expect(page.getByRole("link", { name: skip })).toBeFocused();
        await expect(page.getByRole("link", { name: skip })).toBeInViewport();
        await page.keyboard.press("Enter");
      }
      expect(await countTabs(page, page.getByRole("button", { name: `Book: ${wanted.title}` }))).toBeLessThanOrEqual(2);
    });
  });
}

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test("the days are one stop, and the arrow keys lead from day to day", async ({ page }) => {
    await open(page, "/timetable");
    const days = page.getByRole("navigation", { name: "Days" }).getByRole("link");
    await countTabs(page, days.first());
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await expect(days.nth(2)).toBeFocused();
    await page.keyboard.press("End");
    await expect(days.last()).toBeFocused();
    await page.keyboard.press("Home");
    await page.keyboard.press("Tab");
    await expect(page.getByRole("navigation", { name: "Days" }).locator(":focus")).toHaveCount(0);
  });

  test("the level is at hand, the other filters are behind a button, and the classes begin in the upper part", async ({ page }) => {
    await open(page, "/timetable");
    await expect(page.getByLabel("Room")).toBeHidden();
    // In the evening, a line stands for the classes of today.
    const days = await page.locator("#days").boundingBox();
    expect(days?.y).toBeLessThan(450);
    await page.getByRole("button", { name: "More filters" }).click();
    await page.getByLabel("Room").selectOption("Studio A");
    await page.getByLabel("Level").selectOption("beginner");
    await page.reload();
    // A hidden filter is counted.
    const more = page.getByRole("button", { name: "More filters (1)" });
    await expect(more).toHaveAttribute("aria-expanded", "false");
    await expect(page.getByLabel("Room")).toBeHidden();
  });
});
