// Stories of visitors and members with classes and bookings.

import type { Page } from "@playwright/test";
import { expect, expectAccessible, mailedPath, newEmail, newMember, open, PASSWORD, test } from "./site.ts";

async function confirmAddress(page: Page, email: string): Promise<void> {
  await page.goto(await mailedPath(email, "verify-email"));
  await page.getByRole("button", { name: "Confirm my address" }).click();
  await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
}

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 403"] });
  test("a visitor registers to book a class, chooses to pay at the desk, and cancels", async ({ page }) => {
    const email = newEmail();
    await open(page, "/timetable");
    await page.getByRole("button", { name: "Later" }).click();
    await expect(page).toHaveURL(/\/timetable\?week=/);
    const week = page.url();
    // The page shows the classes of this week until those of the next are there.
    await expect(page.getByRole("heading", { name: /^Today/ })).toHaveCount(0);
    await expect(page.getByRole("button", { name: /^Book: / }).first()).toBeVisible();
    await page.getByRole("button", { name: /^Book: Salsa Foundations/ }).first().click();
    await expect(page).toHaveURL(/\/account\?next=/);
    await page.getByRole("link", { name: "Create an account" }).click();
    await page.getByLabel("First name").fill("Marta");
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();

    // A booking needs a confirmed address. The mailed link continues with it.
    await expect(page).toHaveURL(week);
    await expect(page.getByText(/confirm your e-mail address/i)).toBeVisible();
    await confirmAddress(page, email);
    await page.getByRole("link", { name: "Book Salsa Foundations" }).click();
    await expect(page).toHaveURL(week);
    await expect(page.getByText("You are booked: Salsa Foundations")).toBeVisible();
    await expect(page.getByRole("link", { name: /^Booked: Salsa Foundations/ })).toHaveCount(1);
    await expectAccessible(page);

    await page.getByRole("link", { name: "See my bookings" }).click();
    await expect(page.getByRole("heading", { name: "Salsa Foundations" })).toBeVisible();
    await expect(page.getByText("Free to cancel until")).toBeVisible();
    await page.getByRole("button", { name: /^Pay at the desk/ }).click();
    await expect(page.getByText("Please pay at the desk before the class.")).toBeVisible();
    await page.getByRole("button", { name: /^Cancel booking: / }).click();
    const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
    await expect(dialog.getByText("It costs you nothing.")).toBeVisible();
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.getByRole("button", { name: /^Cancel booking: / }).click();
    await dialog.getByRole("button", { name: "Cancel booking" }).click();
    await expect(page.getByText("Your booking is cancelled.")).toBeVisible();
    await expect(page.getByText("You have not booked any classes.")).toBeVisible();
  });
});

test("a member joins a waitlist and leaves it, and another window follows", async ({ context, page }) => {
  await newMember(page);
  await open(page, "/timetable");
  const other = await context.newPage();
  await open(other, "/bookings");
  await page.getByRole("button", { name: /^Join waitlist: / }).last().click();
  const place = page.getByRole("button", { name: /^No\. \d+ on the waitlist: / });
  await expect(place).toBeVisible();
  // An event updates the other window.
  await expect(other.getByText(/^No\. \d+ on the waitlist$/)).toBeVisible({ timeout: 10_000 });
  await place.click();
  const dialog = page.getByRole("dialog", { name: "Leave the waitlist?" });
  await dialog.getByRole("button", { name: "Leave the waitlist" }).click();
  await expect(page.getByText("You have left the waitlist.")).toBeVisible();
  await expect(other.getByText(/^No\. \d+ on the waitlist$/)).toBeHidden({ timeout: 10_000 });
});

test("the address keeps the choice of classes", async ({ page }) => {
  // Other stories add classes of today and of later weeks.
  const week = new Date(Date.now() + 14 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
  await open(page, `/timetable?week=${week}`);
  const all = await page.getByRole("article").count();
  await page.getByLabel("Level").selectOption("beginner");
  await expect(page).toHaveURL(`/timetable?week=${week}&level=beginner`);
  await expect(page.getByText("Intermediate ·")).toHaveCount(0);
  const beginners = await page.getByRole("article").count();
  expect(beginners).toBeGreaterThan(0);
  expect(beginners).toBeLessThan(all);
  await page.reload();
  await expect(page.getByRole("article")).toHaveCount(beginners);
  await page.goBack();
  await expect(page.getByRole("article")).toHaveCount(all);
  await page.goto(`/timetable?week=${week}&style=tango`);
  await expect(page.getByText("No classes on these days match your filters.")).toBeVisible();
  await page.getByRole("button", { name: "Show all classes" }).click();
  await expect(page.getByRole("article")).toHaveCount(all);
});

test("a member opens a class page and books one of its dates by keyboard", async ({ page }) => {
  await newMember(page);
  await open(page, "/classes");
  await page.getByRole("link", { name: "See the dates of Bachata Basics" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveTitle("Bachata Basics · Sabor con Flow");
  await expectAccessible(page);
  await page.getByRole("button", { name: /^Book: Bachata Basics/ }).last().focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("You are booked: Bachata Basics")).toBeVisible();
  await open(page, "/");
  await expect(page.getByText("Your next class")).toBeVisible();
});

test.describe("without the API", () => {
  test.use({ expectedErrors: ["status of 503"] });
  test("the timetable says that it failed, and tries again", async ({ page }) => {
    await page.route("**/api/classes/schedule*", (route) => route.fulfill({ status: 503, json: { error: "Down", code: "unavailable", requestId: "r-1" } }));
    await page.goto("/timetable");
    await expect(page.getByText("The timetable could not be loaded.")).toBeVisible();
    await expect(page.getByText("Request r-1")).toBeVisible();
    await page.unroute("**/api/classes/schedule*");
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("article").first()).toBeVisible();
  });
});

test("a visitor writes to the studio", async ({ page }) => {
  await open(page, "/contact");
  await page.getByLabel("Your name").fill("Marta Ríos");
  await page.getByLabel("E-mail address").fill(newEmail());
  await page.getByLabel("Subject").fill("Lessons for two");
  await page.getByLabel("Message").fill("Do you teach couples before a wedding?");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("heading", { name: "Your message has arrived" })).toBeFocused();
});

test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES" });
  test("a member books in Spanish", async ({ page }) => {
    const email = await newMember(page);
    await page.context().clearCookies();
    await open(page, "/timetable");
    await page.getByRole("button", { name: /^Reservar: / }).last().click();
    await page.getByLabel("Correo electrónico").fill(email);
    await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
    await page.getByRole("main").getByRole("button", { name: "Entrar" }).click();
    await expect(page.getByText(/^Has reservado: /)).toBeVisible();
    await expectAccessible(page);
  });
});
