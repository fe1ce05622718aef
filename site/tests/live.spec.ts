// Pages that follow what happens elsewhere, without being loaded again.

import type { Browser, Page } from "@playwright/test";
import { bookFor, expect, newMember, open, send } from "./site.ts";
import { test } from "./studio.ts";

/** Opens a browser of another member. */
async function otherMember(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ baseURL: process.env.SITE ?? "" });
  const page = await context.newPage();
  await newMember(page);
  return page;
}

/** Opens a page, and makes sure that it is not loaded again. */
async function openOnce(page: Page, path: string): Promise<void> {
  const connected = page.waitForResponse((response) => response.url().endsWith("/api/events"));
  await open(page, path);
  await connected;
  page.on("framenavigated", () => {
    throw new Error("the page was loaded again");
  });
}

test("a member on the waitlist of a full class gets a spot while the page is open", async ({ browser, page, staff }) => {
  const full = await staff.newClass({ spots: 1 });
  const first = await otherMember(browser);
  const bookingId = await bookFor(first, full.id);
  await newMember(page);
  await openOnce(page, full.timetable);
  const card = page.getByRole("article").filter({ hasText: full.title });
  await card.getByRole("button", { name: /^Join waitlist: / }).click();
  await expect(card.getByRole("button", { name: /^No\. 1 on the waitlist: / })).toBeVisible();
  await expect(card.getByText("Full, 1 waiting")).toBeVisible();

  await send(first, "/api/bookings/cancel", { bookingId });
  await expect(page.getByText("A spot became free: you are booked now.")).toBeVisible({ timeout: 10_000 });
  await expect(card.getByRole("link", { name: /^Booked: / })).toBeVisible();
  await expect(card.getByText(/^Full/)).toHaveCount(0);
  await first.context().close();
});

for (const name of ["timetable", "page"] as const) {
  test(`a member who looks at the ${name === "page" ? "page of the class" : name} is told that the class is moved and cancelled`, async ({ page, staff }) => {
    const booked = await staff.newClass();
    await newMember(page);
    await bookFor(page, booked.id);
    await openOnce(page, booked[name]);
    // The page of a class does not repeat its title on the card of its only date.
    const card = name === "page" ? page.getByRole("article") : page.getByRole("article").filter({ hasText: booked.title });
    await expect(card.getByText("6:00 PM")).toBeVisible();

    await staff.move(booked, "20:30");
    await expect(page.getByText("One of your classes was moved.")).toBeVisible({ timeout: 10_000 });
    await expect(card.getByText("8:30 PM")).toBeVisible();

    await staff.cancel(booked);
    await expect(page.getByText("One of your classes was cancelled.")).toBeVisible({ timeout: 10_000 });
    await expect(card.getByText("Cancelled")).toBeVisible();
    await expect(card.getByRole("link", { name: /^Booked: / })).toHaveCount(0);
  });
}

test("a member who looks at the bookings is told that a class is moved and cancelled", async ({ page, staff }) => {
  const booked = await staff.newClass();
  await newMember(page);
  await bookFor(page, booked.id);
  await openOnce(page, "/bookings");
  await expect(page.getByText("6:00 PM").first()).toBeVisible();

  await staff.move(booked, "20:30");
  await expect(page.getByText("One of your classes was moved.")).toBeVisible({ timeout: 10_000 });
  await expect(page.locator("time").getByText("8:30 PM")).toBeVisible();

  await staff.cancel(booked);
  await expect(page.getByText("One of your classes was cancelled.")).toBeVisible({ timeout: 10_000 });
});

for (const path of ["/bookings", "/timetable", "/account"]) {
  test(`${path} says that the member has signed out in another window`, async ({ context, page }) => {
    await newMember(page);
    await open(page, path);
    await expect(page.getByLabel("Account of Marta")).toBeVisible();
    const other = await context.newPage();
    await open(other, "/contact");
    await other.getByLabel("Account of Marta").click();
    await other.getByRole("button", { name: "Sign out" }).click();
    await expect(other.getByText("You are signed out.")).toBeVisible();

    await expect(page.getByText("You have signed out in another window.")).toBeVisible();
    await expect(page.getByLabel("Account of Marta")).toHaveCount(0);
    await expect(page.getByRole("banner").getByRole("link", { name: "Sign in" })).toBeVisible();
  });
}

test("the free spots are asked for while the page is visible, and not while it is hidden", async ({ page }) => {
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().includes("/api/classes/availability")) asked += 1;
  });
  const setHidden = (isHidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
  await page.clock.install();
  await open(page, "/timetable");
  // The timetable itself has the free spots, so the first refresh is the first request.
  await expect(page.getByRole("article").first()).toBeVisible();
  await page.clock.runFor(20_000);
  await expect.poll(() => asked).toBe(1);
  await page.clock.runFor(40_000);
  await expect.poll(() => asked).toBe(3);

  await setHidden(true);
  await page.clock.runFor(10 * 60_000);
  // A request of a later refresh shows that none was on its way before.
  await setHidden(false);
  await expect.poll(() => asked).toBe(4);
  await page.clock.runFor(20_000);
  await expect.poll(() => asked).toBe(5);
});

test("the page shows spots that others take", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ spots: 2 });
  await page.clock.install();
  await open(page, wanted.timetable);
  const card = page.getByRole("article").filter({ hasText: wanted.title });
  await expect(card.getByText("2 spots left")).toBeVisible();
  const other = await otherMember(browser);
  await bookFor(other, wanted.id);
  await page.clock.runFor(20_000);
  await expect(card.getByText("1 spot left")).toBeVisible();
  await other.context().close();
});
