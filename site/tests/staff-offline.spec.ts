// The roster at a door without a connection.

import type { BrowserContext, Page } from "@playwright/test";
import { wholeBrowser } from "../playwright.config.ts";
import { expect, expectAccessible, open } from "./site.ts";
import { type NewClass, signInAs, test } from "./studio.ts";

// Only the whole browser sends in the background.
test.use({ launchOptions: wholeBrowser });
// What the browser says about requests without a connection, and about one that a sign-out overtakes.
test.use({ serviceWorkers: "allow", expectedErrors: ["net::ERR_INTERNET_DISCONNECTED", "net::ERR_FAILED", "status of 401"] });

const checkInOf = (page: Page, name: string) => page.getByRole("button", { name: `Check in ${name}` });

/** Opens the page of today, and waits until the browser has what the door needs. */
async function prepare(page: Page, wanted: NewClass): Promise<void> {
  await signInAs(page, "staff");
  await open(page, `/staff/roster/${wanted.id}`);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
  });
  const isKept = () => page.evaluate(async () => (await caches.match("/staff/roster")) !== undefined);
  await expect.poll(isKept).toBe(true);
}

async function loseConnection(context: BrowserContext, page: Page): Promise<void> {
  await context.setOffline(true);
  await expect(page.getByText(/^You are offline\./)).toBeVisible();
}

/** The names of the databases with check-ins. */
function databases(page: Page): Promise<string[]> {
  return page.evaluate(async () => (await indexedDB.databases()).flatMap(({ name }) => (name?.startsWith("check-ins") ? [name] : [])));
}

test("check-ins without a connection are sent once and in order, and a colleague's are told", async ({ context, page, staff }) => {
  test.slow();
  const wanted = await staff.newClass({ inMinutes: 30 });
  const members = await staff.newMembersOf(wanted, ["Ana", "Berta", "Carla", "Delia", "Elsa", "Flor"]);
  const before = await staff.roster(wanted);
  const bookingOf = (name: string) => before.get(name)?.bookingId ?? "";
  const [ana, berta, carla] = members.map(({ name }) => name);
  if (!ana || !berta || !carla) throw new Error("there are no members");
  await prepare(page, wanted);

  await loseConnection(context, page);
  await page.reload();
  await expect(page.getByText("0 of 6 here")).toBeVisible();
  for (const { name } of members) await checkInOf(page, name).click();
  await checkInOf(page, carla).click();
  await expect(page.getByText("5 of 6 here")).toBeVisible();
  await expect(page.getByText("6 not sent yet", { exact: true })).toBeVisible();
  await expectAccessible(page);
  // The page is opened again, and nothing is lost.
  await page.reload();
  await expect(page.getByText("5 of 6 here")).toBeVisible();
  await expect(checkInOf(page, carla)).toHaveAttribute("aria-pressed", "false");

  // A colleague with a connection checks one of them in.
  await staff.checkIn(wanted, bookingOf(berta));
  await context.setOffline(false);
  await expect(page.getByText(new RegExp(`^${berta} had already been checked in by Sofia .* at `))).toBeVisible();
  await expect(page.getByText("6 not sent yet", { exact: true })).toBeHidden();
  await expect(page.getByText("Not sent yet")).toHaveCount(0);

  const others = members.map(({ name }) => name).filter((name) => name !== berta);
  const expected = [
    { bookingId: bookingOf(berta), status: "attended" },
    ...others.map((name) => ({ bookingId: bookingOf(name), status: "attended" })),
    { bookingId: bookingOf(carla), status: "booked" },
  ];
  await expect.poll(() => staff.attendance(wanted)).toEqual(expected);
  await expect(page.getByText("5 of 6 here")).toBeVisible();
  await page.getByRole("button", { name: "Got it" }).click();
  await expect(page.getByText("had already been checked in")).toHaveCount(0);
  // What was read does not come back.
  await page.reload();
  await expect(page.getByText("5 of 6 here")).toBeVisible();
  await expect(page.getByText("had already been checked in")).toHaveCount(0);
  expect(await staff.attendance(wanted)).toEqual(expected);
});

test("an undo does not take back the check-in of a colleague", async ({ context, page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  const name = ana?.name ?? "";
  await prepare(page, wanted);
  await loseConnection(context, page);
  await checkInOf(page, name).click();
  await checkInOf(page, name).click();
  await staff.checkIn(wanted, (await staff.roster(wanted)).get(name)?.bookingId ?? "");
  await context.setOffline(false);
  await expect(page.getByText(new RegExp(`^The check-in of ${name} was not undone: Sofia .* had made it at `))).toBeVisible();
  await expect(checkInOf(page, name)).toHaveAttribute("aria-pressed", "true");
  expect((await staff.attendance(wanted)).map(({ status }) => status)).toEqual(["attended"]);
});

test("two devices without a connection check the same member in once", async ({ browser, context, page, staff }) => {
  test.slow();
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  const name = ana?.name ?? "";
  const otherContext = await browser.newContext({ baseURL: process.env.SITE ?? "", serviceWorkers: "allow", locale: "en-US" });
  const other = await otherContext.newPage();
  await prepare(page, wanted);
  await prepare(other, wanted);
  for (const [device, tab] of [[context, page], [otherContext, other]] as const) {
    await loseConnection(device, tab);
    await checkInOf(tab, name).click();
    await expect(tab.getByText("1 not sent yet", { exact: true })).toBeVisible();
  }
  await context.setOffline(false);
  await expect(page.getByText(/^\d not sent yet/)).toBeHidden();
  // In its first seconds, a check-in that is on its way looks like one that was sent.
  await expect.poll(async () => (await staff.attendance(wanted)).length).toBe(1);
  await otherContext.setOffline(false);
  await expect(other.getByText(new RegExp(`^${name} had already been checked in by `))).toBeVisible();
  await expect(page.getByText("had already been checked in")).toHaveCount(0);
  expect((await staff.attendance(wanted)).map(({ status }) => status)).toEqual(["attended"]);
  await otherContext.close();
});

test("two windows of one device send each check-in once", async ({ context, page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const members = await staff.newMembersOf(wanted, ["Ana", "Berta", "Carla"]);
  await prepare(page, wanted);
  const second = await context.newPage();
  await open(second, `/staff/roster/${wanted.id}`);
  await loseConnection(context, page);
  for (const { name } of members) await checkInOf(page, name).click();
  // The other window shows them, too.
  await expect(second.getByText("3 of 3 here")).toBeVisible();
  let sent = 0;
  context.on("request", (request) => {
    if (request.url().endsWith("/api/admin/check-ins")) sent += 1;
  });
  await context.setOffline(false);
  await expect(second.getByText(/^\d not sent yet/)).toBeHidden();
  await expect.poll(async () => (await staff.attendance(wanted)).length).toBe(3);
  expect(sent).toBe(3);
});

test("check-ins are sent in the background when the page is closed", async ({ context, page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  const name = ana?.name ?? "";
  await prepare(page, wanted);
  // A browser without pages ends.
  const blank = await context.newPage();
  await loseConnection(context, page);
  await checkInOf(page, name).click();
  await expect(page.getByText("1 not sent yet", { exact: true })).toBeVisible();
  const isRegistered = () =>
    page.evaluate(async () => {
      const { sync } = (await navigator.serviceWorker.ready) as ServiceWorkerRegistration & { sync: { getTags: () => Promise<string[]> } };
      return (await sync.getTags()).includes("check-ins");
    });
  await expect.poll(isRegistered).toBe(true);
  await page.close();
  await context.setOffline(false);
  await expect.poll(async () => (await staff.roster(wanted)).get(name)?.status).toBe("attended");
  await blank.close();
});

test("a sign-out forgets the rosters and the check-ins that wait", async ({ context, page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  await prepare(page, wanted);
  await loseConnection(context, page);
  await checkInOf(page, ana?.name ?? "").click();
  await expect(page.getByText("1 not sent yet", { exact: true })).toBeVisible();
  expect(await databases(page)).toHaveLength(1);
  await context.setOffline(false);
  await page.getByLabel("Account of Sofia").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
  await expect.poll(() => databases(page)).toEqual([]);
  const kept = await page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith("answers-of-")));
  expect(kept).toEqual([]);
});
