// Stories of pages whose connection or session ends while someone uses them, and of choices
// that must survive: a language in another browser, and a filter in the address.

import type { Route } from "@playwright/test";
import { expect, expectAccessible, newMember, open, PASSWORD } from "./site.ts";
import { test } from "./studio.ts";

test("without a connection the page keeps its classes and says when they were loaded", async ({ context, page }) => {
  await open(page, "/timetable");
  const classes = await page.getByRole("article").count();
  await context.setOffline(true);
  await expect(page.getByText(/^You are offline\. You see what was loaded at /)).toBeVisible();
  await expect(page.getByRole("article")).toHaveCount(classes);
  // The page asks again as soon as it can.
  const asked = page.waitForResponse("**/api/classes/availability*");
  await context.setOffline(false);
  await expect(page.getByText("You are online again.")).toBeVisible();
  await expect(page.getByText(/You see what was loaded at/)).toBeHidden();
  expect((await asked).status()).toBe(200);
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 401"] });

  test("a member whose session has ended signs in, and the booking continues", async ({ context, page, staff }) => {
    const wanted = await staff.newClass();
    const email = await newMember(page);
    await open(page, `${wanted.timetable}&level=beginner`);
    await context.clearCookies();
    await page.getByRole("button", { name: `Book: ${wanted.title}` }).click();
    await expect(page).toHaveURL(/\/account\?next=/);
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(`${wanted.timetable}&level=beginner`);
    await expect(page.getByRole("link", { name: `Booked: ${wanted.title}` })).toBeVisible();
  });

  test("the booking continues although another answer also says that the session has ended", async ({ context, page, staff }) => {
    const wanted = await staff.newClass();
    const email = await newMember(page);
    const held: Route[] = [];
    await page.route("**/api/bookings/list?*", (route) => void held.push(route));
    await open(page, wanted.timetable);
    await expect.poll(() => held.length).toBeGreaterThan(0);
    await context.clearCookies();
    // The browser does not leave the page before that answer.
    await page.route("**/account?next=*", (route) => route.fulfill({ status: 204 }));
    const asked = page.waitForRequest("**/account?next=*");
    await page.getByRole("button", { name: `Book: ${wanted.title}` }).click();
    const signInAddress = (await asked).url();
    await Promise.all(held.map((route) => route.fulfill({ status: 401, json: { error: "Sign in first", code: "not_signed_in" } })));
    await expect(page.getByText("Your session has ended.")).toBeVisible();
    await page.unroute("**/account?next=*");
    await page.unroute("**/api/bookings/list?*");
    await page.goto(signInAddress);
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(wanted.timetable);
    await expect(page.getByRole("link", { name: `Booked: ${wanted.title}` })).toBeVisible();
  });
});

test("the language follows a member to another browser", async ({ browser, page }) => {
  const email = await newMember(page);
  await open(page, "/account");
  const saved = page.waitForResponse((response) => response.request().method() === "PATCH" && response.ok());
  await page.getByRole("button", { name: "Español" }).click();
  await saved;

  const phone = await (await browser.newContext({ baseURL: process.env.SITE ?? "", locale: "en-US" })).newPage();
  await phone.goto("/account");
  await phone.getByLabel("E-mail address").fill(email);
  await phone.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await phone.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await expect(phone.getByRole("heading", { name: "Hola, Marta" })).toBeVisible();
  await phone.context().close();
});

test("the address keeps the choice of a room, and the list of days leads to a day", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, "/timetable");
  const all = await page.getByRole("article").count();
  await page.getByRole("button", { name: "More filters" }).click();
  await page.getByLabel("Room").selectOption("Studio A");
  await expect(page).toHaveURL("/timetable?room=Studio+A");
  await expect(page.getByText("Studio B", { exact: true })).toHaveCount(1);
  await page.reload();
  await expect(page.getByRole("article").first()).toBeVisible();
  expect(await page.getByRole("article").count()).toBeLessThan(all);
  const days = page.getByRole("navigation", { name: "Days" }).getByRole("link");
  await days.nth(2).click();
  await expect(days.nth(2)).toHaveAttribute("aria-current", "true");
});

test.describe("with texts that cannot be loaded", () => {
  test.use({ expectedErrors: ["net::ERR_FAILED", "status of 403", "Failed to fetch dynamically imported module"] });

  test("a page without its texts says so, and opens when it is loaded again", async ({ page }) => {
    await page.route(/\/assets\/common\.e[ns]-/, (route) => route.abort());
    await page.goto("/contact");
    await expect(page.getByText("This page could not be loaded. Please check your connection.")).toBeVisible();
    await expectAccessible(page);
    await page.unroute(/\/assets\/common\.e[ns]-/);
    await page.getByRole("button", { name: "Reload" }).click();
    await expect(page.getByRole("heading", { name: "Write to us" })).toBeVisible();
  });

  test("a failure whose sentence cannot be loaded has the one of the API", async ({ page }) => {
    await page.addInitScript(() => localStorage.setItem("language", "es"));
    await page.route("**/assets/failure-codes.es-*", (route) => route.abort());
    await page.route("**/api/auth/login", (route) => route.fulfill({ status: 403, json: { error: "This account is closed", code: "account_closed" } }));
    await open(page, "/account");
    await page.getByLabel("Correo", { exact: false }).first().fill("ana@sabor.dev");
    await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
    await page.getByRole("main").getByRole("button", { name: "Entrar" }).click();
    await expect(page.locator("#message")).toContainText("This account is closed.");
  });
});
