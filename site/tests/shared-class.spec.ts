// Stories of a link to one date of a class.

import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { bookFor, expect, expectAccessible, newMember, open, send, test } from "./site.ts";

interface Occurrence {
  id: string;
  classTypeId: string;
  title: string;
  startTime: string;
  endTime: string;
  isCancelled: boolean;
  placesLeft: number;
}

/** A class with free spots. */
async function findClass(page: Page): Promise<Occurrence> {
  const response = await page.request.get("/api/classes/schedule?limit=100");
  const { items } = (await response.json()) as { items: Occurrence[] };
  // The timetable shows seven days.
  const end = Date.now() + 5 * 24 * 60 * 60 * 1000;
  const found = items.filter((item) => !item.isCancelled && item.placesLeft > 8 && Date.parse(item.startTime) < end).at(-1);
  if (!found) throw new Error("every class is full");
  return found;
}

/** Answers for a class as it is after `change`. */
async function changeClass(page: Page, change: Partial<Occurrence>): Promise<void> {
  await page.route("**/api/classes/occurrence?*", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as Occurrence), ...change } });
  });
  await page.route("**/api/classes/availability?*", (route) => route.fulfill({ json: { items: [] } }));
}

test("a member opens a date, shares it, books it, and downloads it for a calendar", async ({ context, page }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await newMember(page);
  const { id, classTypeId, title } = await findClass(page);
  await open(page, `/classes/${classTypeId}?class=${id}`);
  const date = page.getByRole("region").filter({ has: page.getByRole("button", { name: "Share" }) });
  await expect(page.getByRole("heading", { level: 1, name: title })).toBeVisible();
  await expectAccessible(page);

  await date.getByRole("button", { name: "Share" }).click();
  await expect(page.getByText("The link was copied.")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());

  await date.getByRole("button", { name: /^Book: / }).click();
  await expect(date.getByRole("link", { name: /^Booked: / })).toBeVisible();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.locator("#message").getByRole("link", { name: "Add to calendar" }).click(),
  ]);
  const file = readFileSync(await download.path(), "utf8");
  expect(file).toContain(`SUMMARY:${title}\r\n`);
  expect(file).toContain("410 Larkspur Walk");

  // The card of the same class leads to the same page.
  await open(page, "/timetable");
  await expect(page.locator(`a[href="/classes/${classTypeId}?class=${id}"]`)).toHaveCount(1);
});

/** The ids of the events in a calendar file. */
function eventIds(calendar: string): string[] {
  return [...calendar.matchAll(/^UID:(.*)\r$/gm)].map(([, id]) => id ?? "");
}

async function eventIdsOf(page: Page, link: Locator): Promise<string[]> {
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  return eventIds(readFileSync(await download.path(), "utf8"));
}

test("a calendar with the member's feed and the file of a booking shows the class once", async ({ page }) => {
  await newMember(page);
  const { id, classTypeId } = await findClass(page);
  const booking = await bookFor(page, id);
  const { url } = await send(page, "/api/calendar/token", {});
  const feed = await page.request.get(String(url));
  expect(eventIds(await feed.text())).toEqual([booking]);

  await open(page, "/bookings");
  expect(await eventIdsOf(page, page.getByRole("link", { name: /^Add to calendar: / }))).toEqual([booking]);
  await open(page, `/classes/${classTypeId}?class=${id}`);
  await expect(page.getByRole("link", { name: /^Booked: / }).first()).toBeVisible();
  expect(await eventIdsOf(page, page.getByRole("link", { name: "Add to calendar" }))).toEqual([booking]);
});

test("a phone shares a date by its own menu", async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, "share", {
      value: async ({ url }: { url: string }) => document.documentElement.setAttribute("data-shared", url),
    });
  });
  const { id, classTypeId } = await findClass(page);
  await open(page, `/classes/${classTypeId}?class=${id}`);
  await page.getByRole("button", { name: "Share" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-shared", page.url());
});

test("a link to a date that is over or cancelled says so, and shows the next dates", async ({ page }) => {
  const { id, classTypeId } = await findClass(page);
  await changeClass(page, { startTime: "2026-03-01T01:00:00Z", endTime: "2026-03-01T02:00:00Z" });
  await open(page, `/classes/${classTypeId}?class=${id}`);
  await expect(page.getByText("This class is over.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "The next dates" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Share" })).toBeHidden();
  await expectAccessible(page);

  await changeClass(page, { isCancelled: true });
  await open(page, `/classes/${classTypeId}?class=${id}`);
  await expect(page.getByText("The studio has cancelled this class.")).toBeVisible();
  await expect(page.getByRole("article").first()).toBeVisible();
});

test("a link whose date belongs to another class leads to that class", async ({ page }) => {
  const { id, classTypeId, title } = await findClass(page);
  const response = await page.request.get("/api/classes/list");
  const { items } = (await response.json()) as { items: Array<{ id: string }> };
  const other = items.find((type) => type.id !== classTypeId);
  await page.goto(`/classes/${other?.id}?class=${id}`);
  await expect(page).toHaveURL(`/classes/${classTypeId}?class=${id}`);
  await expect(page.getByRole("heading", { level: 1, name: title })).toBeVisible();
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 404"] });
  test("a link to a date that does not exist shows the other dates", async ({ page }) => {
    const { classTypeId } = await findClass(page);
    await open(page, `/classes/${classTypeId}?class=00000000-0000-4000-8000-000000000000`);
    await expect(page.getByText("This date does not exist.")).toBeVisible();
    await expect(page.getByRole("article").first()).toBeVisible();
  });

  test("a link to a date of a class that is not taught any more still shows the date", async ({ page }) => {
    const { id, classTypeId, title } = await findClass(page);
    await page.route("**/api/classes/details?*", (route) => route.fulfill({ status: 404, json: { error: "Not found", code: "not_found" } }));
    await open(page, `/classes/${classTypeId}?class=${id}`);
    await expect(page.getByRole("heading", { level: 1, name: title })).toBeVisible();
    await expect(page.getByText("This class is not taught any more.")).toBeVisible();
    await expect(page.getByRole("button", { name: "Share" })).toBeVisible();
  });
});
