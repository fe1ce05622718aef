// What a member sees first on the home page.

import type { Page } from "@playwright/test";
import { expectStill, watchShifts } from "./shifts.ts";
import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { test } from "./studio.ts";

/**
 * Opens the home page, and checks that a text comes before everything else and moves nothing.
 * Returns the height of the part with the text.
 */
async function openAndExpectFirst(page: Page, text: string): Promise<number | undefined> {
  await open(page, "/");
  const first = page.getByRole("main").getByText(text);
  await expect(first).toBeVisible();
  await expectStill(page);
  const { y } = (await first.boundingBox()) ?? { y: Infinity };
  expect(y).toBeLessThan((await page.getByRole("heading", { level: 1 }).boundingBox())?.y ?? 0);
  await expect(first).toBeInViewport();
  return (await page.locator(".own-next").boundingBox())?.height;
}

for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
  test.describe(`${viewport.width} pixels wide`, () => {
    test.use({ viewport });
    test("a member's next class comes first, and moves nothing when it arrives", async ({ page, staff }) => {
      const booked = await staff.newClass();
      await newMember(page);
      // A member was signed in in this browser before.
      await open(page, "/contact");
      await watchShifts(page);
      const height = await openAndExpectFirst(page, "You have not booked a class yet.");
      await bookFor(page, booked.id);
      expect(await openAndExpectFirst(page, booked.title)).toBe(height);
      await expectAccessible(page);

      await page.context().clearCookies();
      expect(await openAndExpectFirst(page, "Sign in to see your bookings.")).toBe(height);
      await page.context().clearCookies();
      await open(page, "/");
      await expect(page.getByText("Sign in to see your bookings.")).toHaveCount(0);
    });
  });
}
