// Stories of members whose connection is slow, or breaks while they book.

import type { Page, Route } from "@playwright/test";
import { bookFor, expect, newMember, open, PASSWORD } from "./site.ts";
import { test } from "./studio.ts";

const CREATE = "**/api/bookings/create";

/** Keeps the requests to a path waiting. */
async function hold(page: Page, path: string): Promise<Route[]> {
  const held: Route[] = [];
  await page.route(path, (route) => void held.push(route));
  return held;
}

/** Stops the time of the page, of which Playwright must have installed the clock. */
async function stopClock(page: Page): Promise<void> {
  await page.clock.pauseAt(Date.now() + 10_000);
}

test("a pressed button shows progress at once, tells it to screen readers, and is sent only once", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  const held = await hold(page, CREATE);
  await page.clock.install();
  await open(page, wanted.timetable);
  const button = page.getByRole("button", { name: `Book: ${wanted.title}` });
  const { width } = (await button.boundingBox()) ?? { width: 0 };
  await stopClock(page);
  await button.click();
  await expect(button).toHaveAttribute("aria-busy", "true");
  await expect(page.getByRole("status").filter({ hasText: `Booking ${wanted.title}` })).toBeAttached();
  await expect(button).toBeFocused();
  expect((await button.boundingBox())?.width).toBe(width);
  // Other buttons do not pretend to work.
  await expect(page.locator("[aria-busy=true]")).toHaveCount(1);

  // Presses while it waits do nothing.
  await button.click({ force: true });
  await button.press("Enter");
  await expect(button).toHaveAttribute("aria-busy", "true");
  await expect(page.getByText("This is taking longer than usual.")).toHaveCount(0);
  await page.clock.runFor(4_000);
  await expect(page.getByText("This is taking longer than usual.")).toBeVisible();
  expect(held).toHaveLength(1);
  await held[0]?.continue();
  await expect(page.getByText(`You are booked: ${wanted.title}`)).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: `Booking ${wanted.title}` })).toHaveCount(0);
  await expect(page.getByText("This is taking longer than usual.")).toHaveCount(0);
});

test("a member is not signed out while a booking is on its way", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  const held = await hold(page, CREATE);
  const signOuts: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/api/auth/logout")) signOuts.push(request.url());
  });
  await open(page, wanted.timetable);
  await page.getByRole("button", { name: `Book: ${wanted.title}` }).click();
  await expect.poll(() => held.length).toBe(1);
  await page.getByLabel("Account of Marta").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await held[0]?.continue();
  await expect(page.getByText(`You are booked: ${wanted.title}`)).toBeVisible();
  expect(signOuts).toEqual([]);
  await expect(page.getByLabel("Account of Marta")).toBeVisible();
});

test("the button of a full class shows that the member is joining the waitlist", async ({ page, staff }) => {
  const full = await staff.newClass({ spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);
  await newMember(page);
  const held = await hold(page, CREATE);
  await open(page, full.timetable);
  const button = page.getByRole("button", { name: `Join waitlist: ${full.title}` });
  await button.click();
  await expect(button).toHaveAttribute("aria-busy", "true");
  await expect(page.getByRole("status").filter({ hasText: `Joining the waitlist of ${full.title}` })).toBeAttached();
  await expect.poll(() => held.length).toBe(1);
  await held[0]?.continue();
  await expect(page.getByText(`You are number 1 on the waitlist of ${full.title}.`)).toBeVisible();
});

test("a visitor who presses Book sees progress until the sign-in is there, and none after coming back", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await open(page, wanted.timetable);
  // With this answer the browser stays on the page.
  await page.route("**/account?next=*", (route) => route.fulfill({ status: 204 }));
  const asked = page.waitForRequest("**/account?next=*");
  const button = page.getByRole("button", { name: `Book: ${wanted.title}` });
  await button.click();
  await asked;
  await expect(button).toHaveAttribute("aria-busy", "true");
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await expect(button).not.toHaveAttribute("aria-busy");
});

test("forms, cancellations and payments show progress too", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  const email = await newMember(page);
  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  for (const [path, name] of [["payment", "Pay at the desk"], ["cancel", "Cancel booking"]] as const) {
    const held = await hold(page, `**/api/bookings/${path}`);
    const button = page.getByRole("button", { name: `${name}: ${wanted.title}` });
    await button.click();
    if (path === "cancel") await page.getByRole("dialog").getByRole("button", { name }).click();
    await expect(button).toHaveAttribute("aria-busy", "true");
    await expect.poll(() => held.length).toBe(1);
    await held[0]?.continue();
    await expect(button).toHaveCount(0);
  }

  await page.context().clearCookies();
  await open(page, "/account");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  const held = await hold(page, "**/api/auth/login");
  const button = page.getByRole("main").getByRole("button", { name: "Sign in" });
  await button.click();
  await expect(button).toHaveAttribute("aria-busy", "true");
  await expect.poll(() => held.length).toBe(1);
  await held[0]?.continue();
  await expect(page.getByRole("heading", { name: "Hello, Marta" })).toBeVisible();
});

test("the sentence about a slow answer disappears when the answer arrives", async ({ page }) => {
  await newMember(page);
  await page.clock.install();
  await open(page, "/account");
  const held = await hold(page, "**/api/sessions");
  await page.getByRole("button", { name: "Refresh" }).click();
  await expect.poll(() => held.length).toBe(1);
  await page.clock.runFor(4_000);
  await expect(page.getByText("This is taking longer than usual.")).toBeVisible();
  await held[0]?.continue();
  await expect(page.getByText("This is taking longer than usual.")).toHaveCount(0);
});

test("a member who leaves a waitlist can join it again on the same page", async ({ page, staff }) => {
  const full = await staff.newClass({ spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);
  await newMember(page);
  await open(page, full.timetable);
  const join = page.getByRole("button", { name: `Join waitlist: ${full.title}` });
  const spot = page.getByRole("button", { name: `No. 1 on the waitlist: ${full.title}` });
  await join.click();
  await spot.click();
  await page.getByRole("dialog").getByRole("button", { name: "Leave the waitlist" }).click();
  await join.click();
  await expect(spot).toBeVisible();
  const { items } = (await (await page.request.get("/api/bookings/list?status=waitlisted")).json()) as { items: unknown[] };
  expect(items).toHaveLength(1);
});

test.describe("with an expected failure", () => {
  test.use({ expectedErrors: ["net::ERR", "status of 502"] });

  test("a booking whose response is lost is sent again with the same key, and is made once", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    await newMember(page);
    const keys: string[] = [];
    const held: Route[] = [];
    await page.route(CREATE, async (route) => {
      keys.push(route.request().headers()["idempotency-key"] ?? "");
      if (keys.length > 1) return void held.push(route);
      // The booking is made, and the response does not arrive.
      await route.fetch();
      await route.abort("connectionreset");
    });
    await open(page, wanted.timetable);
    const button = page.getByRole("button", { name: `Book: ${wanted.title}` });
    await button.click();
    await expect(page.getByText(`We do not know yet whether ${wanted.title} is booked, and we are trying again`)).toBeVisible();
    await expect.poll(() => held.length).toBe(1);
    await held[0]?.continue();
    await expect(page.getByText(`You are booked: ${wanted.title}`)).toBeVisible();
    expect(keys).toHaveLength(2);
    expect(keys[1]).toBe(keys[0]);
    const { items } = (await (await page.request.get("/api/bookings/list")).json()) as { items: unknown[] };
    expect(items).toHaveLength(1);
  });

  test("the answer of a proxy says nothing about a booking, which is sent again as soon as the connection is back", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    await newMember(page);
    const keys: string[] = [];
    await page.route(CREATE, (route) => {
      keys.push(route.request().headers()["idempotency-key"] ?? "");
      return keys.length > 1 ? route.continue() : route.fulfill({ status: 502, body: "Bad gateway" });
    });
    await page.clock.install();
    await open(page, wanted.timetable);
    await stopClock(page);
    await page.getByRole("button", { name: `Book: ${wanted.title}` }).click();
    await expect(page.getByText("we are trying again")).toBeVisible();
    expect(keys).toHaveLength(1);
    // No time passes, so that only the connection can be the reason.
    const reconnect = async () => {
      await page.evaluate(() => dispatchEvent(new Event("online")));
      return keys.length;
    };
    await expect.poll(reconnect).toBe(2);
    await expect(page.getByText(`You are booked: ${wanted.title}`)).toBeVisible();
    expect(keys[1]).toBe(keys[0]);
  });

  test("a member who stays without a connection is told so, and can press again", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    await newMember(page);
    const keys: string[] = [];
    await page.route(CREATE, (route) => {
      keys.push(route.request().headers()["idempotency-key"] ?? "");
      return route.abort("connectionreset");
    });
    await page.clock.install();
    await open(page, wanted.timetable);
    await stopClock(page);
    const button = page.getByRole("button", { name: `Book: ${wanted.title}` });
    await button.click();
    const afterSomeTime = async () => {
      await page.clock.runFor(500);
      return keys.length;
    };
    for (const count of [1, 2, 3, 4, 5, 6]) {
      await expect(page.getByText("we are trying again")).toBeVisible();
      await expect(button).toHaveAttribute("aria-busy", "true");
      await expect.poll(afterSomeTime, { intervals: [100] }).toBe(count);
    }
    await expect(page.getByText(`so we do not know whether ${wanted.title} is booked. Press the button again later.`)).toBeVisible();
    await expect(page.locator("[aria-busy=true]")).toHaveCount(0);

    await page.unroute(CREATE);
    const again = page.waitForRequest(CREATE);
    await button.click();
    keys.push((await again).headers()["idempotency-key"] ?? "");
    await expect(page.getByText(`You are booked: ${wanted.title}`)).toBeVisible();
    expect(keys).toHaveLength(7);
    expect(new Set(keys).size).toBe(1);
  });
});
