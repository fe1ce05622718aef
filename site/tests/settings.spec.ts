// Stories of members with their settings.

import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { expect, expectAccessible, newMember, open, PASSWORD, test } from "./site.ts";

function part(page: Page, title: string): Locator {
  return page.getByRole("region", { name: title });
}

test("a member changes details and an emergency contact", async ({ page }) => {
  await newMember(page);
  await open(page, "/account");
  const details = part(page, "Your details");
  await details.getByLabel("First name").fill("María");
  await details.getByLabel("Telephone").fill("+1 303 555 0142");
  await details.getByLabel("Date of birth").fill("1990-04-23");
  await details.getByLabel("How long have you danced?").selectOption("intermediate");
  await details.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Your changes are saved.")).toBeVisible();
  await expect(page.getByLabel("Account of María")).toBeVisible();

  const emergency = part(page, "Emergencies and health");
  await emergency.getByLabel("Whom should we call?").fill("Luis Ríos");
  await emergency.getByLabel("Is there something that your teacher should know?").fill("Left knee, since 2019");
  await emergency.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Your changes are saved.")).toBeVisible();

  await open(page, "/account");
  await expect(details.getByLabel("Telephone")).toHaveValue("+1 303 555 0142");
  await expect(details.getByLabel("Date of birth")).toHaveValue("1990-04-23");
  await expect(details.getByLabel("How long have you danced?")).toHaveValue("intermediate");
  await expect(emergency.getByLabel("Whom should we call?")).toHaveValue("Luis Ríos");
  await expect(emergency.getByLabel("Is there something that your teacher should know?")).toHaveValue("Left knee, since 2019");
  // What is emptied is erased.
  await emergency.getByLabel("Whom should we call?").fill("");
  await emergency.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Your changes are saved.")).toBeVisible();
  await open(page, "/account");
  await expect(emergency.getByLabel("Whom should we call?")).toHaveValue("");
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 400", "status of 403", "status of 503"] });

  test("a choice of e-mails is undone on the page if it cannot be saved", async ({ page }) => {
    await newMember(page);
    await open(page, "/account");
    const news = page.getByLabel("News, parties, and offers");
    await news.check();
    await expect(page.getByText("You will receive our news.")).toBeVisible();
    await page.route("**/api/auth/me", (route) =>
      route.request().method() === "PATCH" ? route.fulfill({ status: 503, json: { error: "Down", code: "unavailable" } }) : route.fallback(),
    );
    await news.click();
    await expect(page.getByText("Down.", { exact: true })).toBeVisible();
    await expect(news).toBeChecked();
    await page.route("**/api/auth/mail-preferences", (route) => route.fulfill({ status: 503, json: { error: "Away", code: "unavailable" } }));
    const reminders = page.getByLabel("Class reminders, a day before");
    await reminders.click();
    await expect(page.getByText("Away.", { exact: true })).toBeVisible();
    await expect(reminders).toBeChecked();
  });

  test("a member closes the account with the password and a word", async ({ context, page }) => {
    const email = await newMember(page);
    const other = await context.newPage();
    await open(other, "/account");
    await open(page, "/account");
    const close = part(page, "Close the account");
    const send = close.getByRole("button", { name: "Close my account" });
    await close.getByLabel("Current password", { exact: true }).fill("another password");
    await close.getByLabel("Confirmation").fill("no");
    await send.click();
    await expect(close.getByLabel("Confirmation")).toBeFocused();
    await close.getByLabel("Confirmation").fill("Close");
    await send.click();
    await expect(close.getByLabel("Current password", { exact: true })).toBeFocused();
    await close.getByLabel("Current password", { exact: true }).fill(PASSWORD);
    await send.click();
    await expect(page.getByText("Your account is closed.")).toBeVisible();
    await expect(page.getByRole("heading", { name: "Welcome back" })).toBeVisible();
    await expect(other.getByRole("heading", { name: "Welcome back" })).toBeVisible();
    const signIn = await page.request.post("/api/auth/login", {
      data: { email, password: PASSWORD },
      headers: { Origin: process.env.SITE ?? "" },
    });
    expect(signIn.status()).toBe(401);
  });
});

test("a member downloads their data", async ({ page }) => {
  const email = await newMember(page);
  await open(page, "/account");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download my data" }).click()]);
  expect(download.suggestedFilename()).toMatch(/^sabor-\d{4}-\d{2}-\d{2}\.json$/);
  const data = JSON.parse(readFileSync(await download.path(), "utf8"));
  expect(data.profile.email).toBe(email);
  expect(data.upcomingBookings).toEqual([]);
  expect(data.sessions).toHaveLength(1);
  await expect(page.getByText("Your data is in your downloads.")).toBeVisible();
});

test("a member subscribes to the calendar and withdraws the link", async ({ page }) => {
  await newMember(page);
  await open(page, "/account");
  const calendar = part(page, "In your calendar");
  await calendar.getByRole("button", { name: "Create a calendar link" }).click();
  const url = await calendar.getByLabel("Your calendar link").inputValue();
  expect((await page.request.get(url)).status()).toBe(200);
  await expect(calendar.getByRole("link", { name: "Open in my calendar" })).toHaveAttribute("href", /^webcal:/);
  await expect(calendar.getByText("Google Calendar", { exact: true })).toBeVisible();
  await expectAccessible(page);
  await calendar.getByRole("button", { name: "Withdraw all links" }).click();
  await expect(page.getByText("Your calendar links no longer work.")).toBeVisible();
  expect((await page.request.get(url)).status()).toBe(404);
});

test("a member chooses the language in the settings", async ({ page }) => {
  await newMember(page);
  await open(page, "/account");
  await part(page, "Language").getByLabel("Español").check();
  await expect(page.getByRole("heading", { name: "Tus datos" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Tus datos" })).toBeVisible();
});

test("a link leads to a part of the settings", async ({ page }) => {
  await newMember(page);
  await open(page, "/account");
  const nav = page.getByRole("navigation", { name: "Parts of this page" });
  await nav.getByRole("link", { name: "Your data" }).click();
  await expect(part(page, "Your data")).toBeInViewport();
  await expect(nav.getByRole("link", { name: "Your data" })).toHaveAttribute("aria-current", "true");
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test("the settings are a list whose parts open", async ({ page }) => {
    await newMember(page);
    await open(page, "/account");
    await expect(page.getByLabel("First name")).toBeHidden();
    const button = page.getByRole("button", { name: "Your details" });
    await button.click();
    await expect(button).toHaveAttribute("aria-expanded", "true");
    await page.getByLabel("First name").fill("María");
    // A part that is closed keeps what was entered.
    await button.click();
    await expect(page.getByLabel("First name")).toBeHidden();
    await button.click();
    await expect(page.getByLabel("First name")).toHaveValue("María");
    await expectAccessible(page);
    await open(page, "/account#data");
    await page.reload();
    await expect(page.getByRole("button", { name: "Download my data" })).toBeVisible();
  });
});
