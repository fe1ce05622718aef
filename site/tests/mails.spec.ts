// Stories of members who choose the e-mails that they get.

import type { Page } from "@playwright/test";
import { bookFor, expect, expectAccessible, mailedPath, newMember, open, test } from "./site.ts";

interface Occurrence {
  id: string;
  placesLeft: number;
  startTime: string;
}

/** A class in a few days with a free spot. */
async function freeClass(page: Page): Promise<string> {
  const response = await page.request.get("/api/classes/schedule?limit=100");
  const { items } = (await response.json()) as { items: Occurrence[] };
  const inTwoDays = Date.now() + 48 * 3_600_000;
  const found = items.find(({ placesLeft, startTime }) => placesLeft > 2 && Date.parse(startTime) > inTwoDays);
  expect(found, "a class with free spots").toBeDefined();
  return found?.id ?? "";
}

test("a member chooses e-mails in the account", async ({ page }) => {
  await open(page, "/");
  await newMember(page);
  await open(page, "/account#mails");
  const part = page.getByRole("region", { name: "E-mail preferences" });
  const reminders = part.getByRole("checkbox", { name: "Class reminders, a day before" });
  await expect(reminders).toBeChecked();
  await reminders.click();
  await expect(page.getByText("Turned off: Class reminders")).toBeVisible();
  await expect(reminders).not.toBeChecked();
  await part.getByRole("checkbox", { name: "News, parties, and offers" }).click();
  await expect(page.getByText("You will receive our news.")).toBeVisible();
  await expectAccessible(page);

  await page.reload();
  await expect(reminders).not.toBeChecked();
  await expect(part.getByRole("checkbox", { name: "Passes that end within a week" })).toBeChecked();
  await expect(part.getByRole("checkbox", { name: "News, parties, and offers" })).toBeChecked();
});

test("the link in an e-mail asks before it switches such e-mails off", async ({ browser, page }) => {
  await open(page, "/");
  const email = await newMember(page);
  await bookFor(page, await freeClass(page));
  const path = await mailedPath(email, "unsubscribe");

  // Nobody is signed in on the other device.
  const context = await browser.newContext();
  const phone = await context.newPage();
  await phone.goto(path);
  await expect(phone).toHaveURL(/\/unsubscribe$/);
  await expect(phone.getByText("You will no longer receive confirmations of your bookings.")).toBeVisible();
  const preferences = async () => (await page.request.get("/api/auth/mail-preferences")).json();
  expect(await preferences()).toMatchObject({ bookings: true });
  await phone.getByRole("button", { name: "Unsubscribe" }).click();
  await expect(phone.getByRole("heading", { name: "You are unsubscribed" })).toBeFocused();
  await expectAccessible(phone);
  expect(await preferences()).toMatchObject({ bookings: false, reminders: true });
  // The address that mail programs know leads to the same page.
  await phone.goto(path.replace("/unsubscribe#", "/api/auth/unsubscribe?"));
  await expect(phone.getByRole("button", { name: "Unsubscribe" })).toBeVisible();
  await context.close();
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 404"] });

  test("a damaged link leads to the account", async ({ page }) => {
    await page.goto(`/unsubscribe#token=bookings.${"0".repeat(36)}.${"0".repeat(64)}`);
    await page.getByRole("button", { name: "Unsubscribe" }).click();
    await expect(page.getByRole("heading", { name: "This link does not work" })).toBeFocused();
    await expect(page.getByRole("link", { name: "E-mail preferences" })).toHaveAttribute("href", "/account#mails");
    await page.goto("/unsubscribe");
    await expect(page.getByRole("heading", { name: "The link is missing" })).toBeVisible();
  });
});
