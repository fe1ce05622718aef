// How staff get into the console, around in it, and out of it.

import type { Page } from "@playwright/test";
import { expect, newMember, open, PASSWORD_OF_DEMO, send } from "./site.ts";
import { showAsNext, signInAs, test } from "./studio.ts";

/** Signs in one of the demo's staff on the account page. */
async function signIn(page: Page): Promise<void> {
  await page.getByLabel("E-mail address").fill("sofia@sabor.dev");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD_OF_DEMO);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
}

test("staff who are signed out sign in and come back to the page", async ({ page }) => {
  await page.goto("/staff?date=2026-01-05");
  await expect(page).toHaveURL("/account?next=%2Fstaff%3Fdate%3D2026-01-05");
  await signIn(page);
  await expect(page).toHaveURL("/staff?date=2026-01-05");
  await expect(page.getByRole("heading", { name: "Monday" })).toBeVisible();
});

test("staff who sign in on the home page come to the console, and back if they wanted to book", async ({ page, staff }) => {
  await open(page, "/");
  await page.getByRole("banner").getByRole("link", { name: "Sign in" }).click();
  await signIn(page);
  await expect(page).toHaveURL("/staff");
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();

  // Requests of the page that are on their way would fail when the session ends.
  await page.goto("about:blank");
  await page.context().clearCookies();
  const wanted = await staff.newClass({ inDays: 81 });
  await showAsNext(page, wanted);
  await open(page, "/");
  await page.getByRole("button", { name: `Book: ${wanted.title}` }).click();
  await signIn(page);
  await expect(page).toHaveURL("/");
  await expect(page.getByRole("link", { name: `Booked: ${wanted.title}` })).toBeVisible();
});

test("the account menu leads staff to the console, but not members", async ({ browser, page }) => {
  await signInAs(page, "staff");
  await open(page, "/contact");
  await page.getByLabel("Account of Sofia").click();
  await page.getByRole("link", { name: "Staff console" }).click();
  await expect(page).toHaveURL("/staff");
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();

  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  await open(member, "/contact");
  await member.getByLabel("Account of Marta").click();
  await expect(member.getByRole("link", { name: "My bookings" })).toBeVisible();
  await expect(member.getByRole("link", { name: "Staff console" })).toHaveCount(0);
  await member.context().close();
});

test("only administrators see the sections of the administration", async ({ page }) => {
  await signInAs(page, "staff");
  await open(page, "/staff");
  const navigation = page.getByRole("navigation", { name: "Staff console" });
  await expect(navigation.getByRole("link", { name: "Today" })).toHaveAttribute("aria-current", "page");
  await expect(navigation.getByRole("link", { name: "Rooms" })).toBeVisible();
  await expect(navigation.getByRole("link", { name: "Security log" })).toHaveCount(0);

  // Requests of the page that are on their way would fail when the session ends.
  await page.goto("about:blank");
  await signInAs(page, "admin");
  await open(page, "/staff");
  await expect(navigation.getByRole("link", { name: "Security log" })).toHaveAttribute("href", "/admin/security");
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 } });
  test("the sections that do not fit are behind a button", async ({ page }) => {
    await signInAs(page, "staff");
    await open(page, "/staff");
    const navigation = page.getByRole("navigation", { name: "Staff console" });
    await expect(navigation.getByRole("link")).toHaveText(["Today", "Schedule", "Members", "Messages"]);
    await navigation.getByRole("button", { name: "More" }).click();
    const sheet = page.getByRole("dialog", { name: "More" });
    await expect(sheet.getByRole("link")).toHaveText(["Payments", "Sales", "Reports", "Analytics", "Classes", "Teachers", "Rooms", "Closures", "Setup", "Website"]);
    await expect(sheet.getByRole("button", { name: "Español" })).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(sheet).toBeHidden();
    await expect(navigation.getByRole("button", { name: "More" })).toBeFocused();
  });
});

test.describe("with requests that are on their way when the session ends", () => {
  test.use({ expectedErrors: ["status of 401"] });

  test("a console whose session has ended shows nothing of the studio, and stays where it is", async ({ context, page }) => {
    await signInAs(page, "staff");
    await open(page, "/staff");
    await expect(page.getByRole("article").first()).toBeVisible();
    const other = await context.newPage();
    await open(other, "/contact");
    await other.getByLabel("Account of Sofia").click();
    await other.getByRole("button", { name: "Sign out" }).click();

    await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
    await expect(page.getByRole("article")).toHaveCount(0);
    await expect(page.getByRole("navigation", { name: "Staff console" }).getByRole("link")).toHaveCount(0);
    await expect(page.getByRole("main").getByRole("link", { name: "Sign in" })).toHaveAttribute("href", "/account?next=%2Fstaff");
  });

  test("staff who sign in in another window get their page back", async ({ context, page }) => {
    await signInAs(page, "staff");
    await open(page, "/staff");
    await send(page, "/api/auth/logout", {});
    const other = await context.newPage();
    await other.goto("/account");
    await signIn(other);
    await expect(other.getByRole("heading", { name: "Hello, Sofia" })).toBeVisible();
    await expect(page.getByRole("article").first()).toBeVisible();
  });
});
