// Stories of members on pages that other members, other devices, and slow answers disturb. Also
// of a studio that takes no cards, and of the member's language.

import type { Page, Route } from "@playwright/test";
import { bookFor, expect, newEmail, newMember, open, PASSWORD, send } from "./site.ts";
import { showAsNext, test } from "./studio.ts";

/** Signs in on the account page. */
async function signIn(page: Page, email: string): Promise<void> {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
}

/** Creates a member, and signs out. Returns the e-mail address. */
async function newSignedOutMember(page: Page): Promise<string> {
  const email = await newMember(page);
  await page.context().clearCookies();
  return email;
}

test("a visitor who books on the home page signs in, comes back, and is booked", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  const email = await newSignedOutMember(page);
  await showAsNext(page, wanted);
  await open(page, "/");
  await page.getByRole("button", { name: `Book: ${wanted.title}` }).click();
  await expect(page).toHaveURL("/account?next=%2F");
  await signIn(page, email);
  await expect(page).toHaveURL("/");
  await expect(page.getByRole("link", { name: `Booked: ${wanted.title}` })).toBeVisible();
});

test("the settings of one member do not stay when another signs in", async ({ page }) => {
  await newMember(page);
  await open(page, "/account");
  await page.getByLabel("Whom should we call?").fill("Luis Ríos");
  await newMember(page);
  // As a page that returns from the back-forward cache.
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await expect(page.getByLabel("Whom should we call?")).toHaveValue("");
});

test("a list of bookings that arrives after the sign-out is not shown", async ({ page, staff }) => {
  const booked = await staff.newClass();
  await newMember(page);
  await bookFor(page, booked.id);
  const held: Route[] = [];
  await page.route("**/api/bookings/list?*", (route) => void held.push(route));
  await open(page, "/");
  await expect.poll(() => held.length).toBeGreaterThan(0);
  await page.getByLabel("Account of Marta").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByText("You are signed out.")).toBeVisible();
  // The held requests are answered as they would have been before.
  const item = { id: "b", scheduledClassId: booked.id, status: "booked", class: { title: booked.title, startTime: "2099-01-01T00:00:00Z", room: "Studio A", isCancelled: false } };
  await Promise.all(held.map((route) => route.fulfill({ json: { items: [item], nextCursor: null } })));
  await page.evaluate(() => fetch("/api/studio").then(() => new Promise((resolve) => setTimeout(resolve))));
  await expect(page.getByText("Your next class")).toHaveCount(0);
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 401", "status of 503"] });

  test("a page says that its session was ended on another device", async ({ browser, page }) => {
    const email = await newMember(page);
    const connected = page.waitForResponse((response) => response.url().endsWith("/api/events"));
    await open(page, "/timetable");
    await connected;
    const phone = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
    await send(phone, "/api/auth/login", { email, password: PASSWORD });
    await send(phone, "/api/auth/logout", { all: true });
    await phone.context().close();
    await expect(page.getByText("Your session has ended. Please sign in again.")).toBeVisible({ timeout: 15_000 });
    await expect(page.getByLabel("Account of Marta")).toHaveCount(0);
  });

  test("a member who signs out is told so, although the server has told the page first that the session ended", async ({ page }) => {
    await newMember(page);
    const connected = page.waitForResponse((response) => response.url().endsWith("/api/events"));
    await open(page, "/timetable");
    await connected;
    const held: Route[] = [];
    await page.route("**/api/auth/session?*", (route) => void held.push(route));
    await page.route("**/api/auth/logout", async (route) => {
      const response = await route.fetch();
      // The stream reports the end, and the page asks for the session.
      await expect.poll(() => held.length, { timeout: 10_000 }).toBe(1);
      await route.fulfill({ response });
    });
    await page.getByLabel("Account of Marta").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await expect(page.getByText("You are signed out.")).toBeVisible({ timeout: 15_000 });
    const answered = page.waitForResponse(/\/api\/auth\/session/);
    await held[0]?.continue();
    await answered;
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    await expect(page.getByText("You are signed out.")).toBeVisible();
  });

  test("a page whose stream of events was down shows what has happened meanwhile", async ({ page, staff }) => {
    const booked = await staff.newClass();
    await newMember(page);
    let failed = 0;
    await page.route("**/api/events", (route) => {
      failed += 1;
      return route.fulfill({ status: 503, body: "" });
    });
    await page.clock.install();
    await open(page, booked.timetable);
    await expect.poll(() => failed).toBeGreaterThan(0);
    const card = page.getByRole("article").filter({ hasText: booked.title });
    await expect(card.getByRole("button", { name: /^Book: / })).toBeVisible();
    await bookFor(page, booked.id);
    await page.unroute("**/api/events");
    // The page asks for the session before it waits to open another stream.
    await expect(async () => {
      await page.clock.runFor(10_000);
      await expect(card.getByRole("link", { name: /^Booked: / })).toBeVisible({ timeout: 1_000 });
    }).toPass();
  });

  test("classes that are shown stay when they cannot be loaded again", async ({ page, staff }) => {
    const booked = await staff.newClass();
    await newMember(page);
    await bookFor(page, booked.id);
    const connected = page.waitForResponse((response) => response.url().endsWith("/api/events"));
    await open(page, booked.timetable);
    await connected;
    await page.route("**/api/classes/schedule?*", (route) => route.fulfill({ status: 503, json: { error: "Down", code: "unavailable" } }));
    await staff.move(booked, "20:30");
    await expect(page.getByText("Down.", { exact: true })).toBeVisible({ timeout: 10_000 });
    await expect(page.getByRole("article").filter({ hasText: booked.title })).toBeVisible();
  });
});

test("the timetable shows the days of its address when an older answer comes last", async ({ page }) => {
  await open(page, "/timetable");
  const days = page.locator(".week strong");
  const first = await days.textContent();
  const held: Route[] = [];
  await page.route("**/api/classes/schedule?*", async (route) => {
    // Only the first request waits.
    if (held.length > 0) return route.continue();
    held.push(route);
  });
  await page.getByRole("button", { name: "Later" }).click();
  await expect.poll(() => held.length).toBe(1);
  const late = page.url();
  const second = page.waitForResponse(/\/api\/classes\/schedule/);
  await page.evaluate(() => history.back());
  await second;
  await expect(page).not.toHaveURL(late);
  const answered = page.waitForResponse(/\/api\/classes\/schedule/);
  await held[0]?.continue();
  await answered;
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  await expect(days).toHaveText(first ?? "");
});

test("a visitor who goes back without a sign-in has given up the booking", async ({ page }) => {
  const email = await newSignedOutMember(page);
  const posted: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/api/bookings/create")) posted.push(request.url());
  });
  await open(page, "/timetable");
  // Playwright switches off the back-forward cache. With this answer the browser stays on the
  // page, which is then told that it is shown again.
  await page.route("**/account?next=*", (route) => route.fulfill({ status: 204 }));
  const asked = page.waitForRequest("**/account?next=*");
  await page.getByRole("button", { name: /^Book: / }).last().click();
  await asked;
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await page.unroute("**/account?next=*");

  await page.getByRole("banner").getByRole("link", { name: "Sign in" }).click();
  await signIn(page, email);
  await expect(page).toHaveURL("/timetable");
  await expect(page.getByLabel("Account of Marta")).toBeVisible();
  await expect(page.getByRole("article").first()).toBeVisible();
  // The page would have sent the booking together with showing its classes.
  await page.evaluate(() => fetch("/api/studio").then(() => new Promise((resolve) => setTimeout(resolve))));
  expect(posted).toEqual([]);
  await expect(page.getByRole("link", { name: /^Booked: / })).toHaveCount(0);
});

test("what a visitor wanted to book is not booked after a sign-in that comes half an hour later", async ({ page }) => {
  const email = await newSignedOutMember(page);
  await open(page, "/timetable");
  await page.getByRole("button", { name: /^Book: / }).last().click();
  await expect(page).toHaveURL(/\/account\?next=/);
  await page.clock.setFixedTime(Date.now() + 31 * 60_000);
  await signIn(page, email);
  await expect(page).toHaveURL("/timetable");
  await expect(page.getByLabel("Account of Marta")).toBeVisible();
  await expect(page.locator(".skeletons")).toHaveCount(0);
  await page.evaluate(() => fetch("/api/studio").then(() => new Promise((resolve) => setTimeout(resolve))));
  const { items } = (await (await page.request.get("/api/bookings/list")).json()) as { items: unknown[] };
  expect(items).toEqual([]);
});

test("what a visitor wanted to book is not booked for a member who signs in in another tab", async ({ context, page }) => {
  const email = await newSignedOutMember(page);
  await open(page, "/timetable");
  await page.getByRole("button", { name: /^Book: / }).last().click();
  await expect(page).toHaveURL(/\/account\?next=/);
  const other = await context.newPage();
  await other.goto("/account?next=%2Ftimetable");
  await signIn(other, email);
  await expect(other).toHaveURL("/timetable");
  await expect(other.getByLabel("Account of Marta")).toBeVisible();
  await expect(other.locator(".skeletons")).toHaveCount(0);
  // The tab that was to book it comes back without a sign-in of its own.
  await open(page, "/timetable");
  await expect(page.getByLabel("Account of Marta")).toBeVisible();
  await page.evaluate(() => fetch("/api/studio").then(() => new Promise((resolve) => setTimeout(resolve))));
  const { items } = (await (await other.request.get("/api/bookings/list")).json()) as { items: unknown[] };
  expect(items).toEqual([]);
});

test("a studio that takes no cards offers only the desk", async ({ page, staff }) => {
  const booked = await staff.newClass();
  await newMember(page);
  await bookFor(page, booked.id);
  await page.route("**/api/studio", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), paymentMethods: ["desk"] } });
  });
  await open(page, "/bookings");
  await expect(page.getByRole("button", { name: /^Pay at the desk: / })).toBeVisible();
  await expect(page.getByRole("button", { name: /^Pay by card: / })).toHaveCount(0);
});

test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES" });

  test("a member who has never chosen a language keeps the browser's", async ({ page }) => {
    await send(page, "/api/auth/register", { email: newEmail(), password: PASSWORD, firstName: "Marta" });
    const { user } = (await (await page.request.get("/api/auth/session")).json()) as { user: { locale: string | null } };
    expect(user.locale).toBeNull();
    await open(page, "/account");
    // What a page takes for the member's choice, the next page shows from the beginning.
    await open(page, "/account");
    await expect(page.getByRole("heading", { name: "Tus datos" })).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("lang", "es");
  });
});

test("a visitor's choice of a language is stored for the member who signs in", async ({ page }) => {
  const email = await newSignedOutMember(page);
  await open(page, "/account");
  await page.getByRole("button", { name: "Español" }).click();
  await page.getByLabel("Correo electrónico").fill(email);
  await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
  const stored = page.waitForResponse((response) => response.request().method() === "PATCH" && response.ok());
  await page.getByRole("main").getByRole("button", { name: "Entrar" }).click();
  await stored;
  await expect(page.getByRole("heading", { name: "Hola, Marta" })).toBeVisible();
  const answer = (await (await page.request.get("/api/auth/session")).json()) as { user: { locale: string } };
  expect(answer.user.locale).toBe("es");
});
