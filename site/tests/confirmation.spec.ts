// Stories of people who book before their e-mail address is confirmed.

import type { Page, Route } from "@playwright/test";
import { expect, expectAccessible, mailedPath, newEmail, newMember, open, PASSWORD, send } from "./site.ts";
import { type Stack, startStack } from "./stack.ts";
import { test } from "./studio.ts";

/** What the page says about the last action. */
const message = (page: Page) => page.locator("#message");

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 403", "status of 429"] });

  test("a member who may not book yet gets another link where the booking was refused, and then books", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    const email = newEmail();
    await send(page, "/api/auth/register", { email, password: PASSWORD, firstName: "Marta", locale: "en" });
    const first = await mailedPath(email, "verify-email");
    await open(page, wanted.timetable);
    const book = page.getByRole("button", { name: `Book: ${wanted.title}` });
    await book.click();
    await expect(message(page)).toContainText("Please confirm your e-mail address first. Open the link that we have e-mailed to you.");
    await expectAccessible(page);

    const held: Route[] = [];
    await page.route("**/api/auth/verify-email", (route) => void held.push(route));
    const another = message(page).getByRole("button", { name: "Send a new link" });
    await another.focus();
    await page.keyboard.press("Enter");
    await expect(message(page)).toHaveText("Sending a new link …×");
    await expect.poll(() => held.length).toBe(1);
    await held[0]?.continue();
    await expect(message(page)).toContainText("A new link was sent to your e-mail address.");
    // The button that had the focus is gone.
    await expect(message(page).getByRole("button", { name: "Close" })).toBeFocused();
    await expect.poll(() => mailedPath(email, "verify-email")).not.toBe(first);

    await book.click();
    const limited = { status: 429, headers: { "retry-after": "1500" }, json: { error: "Too many attempts; please try again later", code: "too_many_requests" } };
    await page.unroute("**/api/auth/verify-email");
    await page.route("**/api/auth/verify-email", (route) => route.fulfill(limited));
    await another.click();
    await expect(message(page)).toContainText("You can try again in 25 minutes.");
    await page.unroute("**/api/auth/verify-email");

    await page.goto(await mailedPath(email, "verify-email"));
    await page.getByRole("button", { name: "Confirm my address" }).click();
    await page.getByRole("link", { name: `Book ${wanted.title}` }).click();
    await expect(message(page)).toContainText(`You are booked: ${wanted.title}`);
  });

  test("what one member wanted to book is not booked for another who signs in meanwhile", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    const email = newEmail();
    await send(page, "/api/auth/register", { email, password: PASSWORD, firstName: "Luis", locale: "en" });
    await open(page, wanted.timetable);
    const book = page.getByRole("button", { name: `Book: ${wanted.title}` });
    await book.click();
    await expect(message(page)).toContainText("Please confirm your e-mail address first.");
    await page.goto(await mailedPath(email, "verify-email"));
    await page.getByRole("button", { name: "Confirm my address" }).click();
    const link = page.getByRole("link", { name: `Book ${wanted.title}` });
    await expect(link).toBeVisible();
    await newMember(page);
    await link.click();
    await expect(page.getByLabel("Account of Marta")).toBeVisible();
    await expect(book).toBeVisible();
    // The page would have sent the booking together with showing its classes.
    await page.evaluate(() => fetch("/api/studio").then(() => new Promise((resolve) => setTimeout(resolve))));
    const { items } = (await (await page.request.get("/api/bookings/list")).json()) as { items: unknown[] };
    expect(items).toEqual([]);
  });
});

/** A test on a stack of its own, where nobody signs in with an address that is not confirmed. */
const strict = test.extend<object, { stack: Stack }>({
  stack: [
    async ({}, use) => {
      const stack = await startStack({ REQUIRE_EMAIL_VERIFICATION: "true" });
      await use(stack);
      await stack.stop();
    },
    // On a busy machine, a stack takes a while to start.
    { scope: "worker", timeout: 300_000 },
  ],
  baseURL: async ({ stack }, use) => use(stack.url),
});

strict.describe("at a studio where nobody signs in with an address that is not confirmed", () => {
  /** Chooses a class, and registers to book it. Returns the address and the name of the button. */
  async function registerToBook(page: Page) {
    await open(page, "/timetable?level=beginner");
    const button = page.getByRole("button", { name: /^Book: / }).last();
    const name = (await button.getAttribute("aria-label")) ?? "";
    await button.click();
    await page.getByRole("link", { name: "Create an account" }).click();
    const email = newEmail();
    await page.getByLabel("First name").fill("Marta");
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(page.getByRole("heading", { name: "Check your e-mail" })).toBeFocused();
    return { email, name };
  }

  async function confirm(page: Page, email: string, { mail }: Stack): Promise<void> {
    await page.goto(await mailedPath(email, "verify-email", mail));
    await page.getByRole("button", { name: "Confirm my address" }).click();
    await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeFocused();
  }

  async function signIn(page: Page, email: string): Promise<void> {
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  }

  /** Registers without a booking, in the same browser. */
  async function confirmAnotherMember(page: Page, stack: Stack): Promise<void> {
    await page.context().clearCookies();
    const email = newEmail();
    await page.goto("/account#register");
    await page.getByLabel("First name").fill("Luis");
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(page.getByRole("heading", { name: "Check your e-mail" })).toBeFocused();
    await confirm(page, email, stack);
    await expect(page.getByRole("main").getByRole("link", { name: "Sign in" })).toBeVisible();
  }

  strict("a visitor who registers to book is booked after the mailed link and the sign-in, in another tab", async ({ context, page, stack }) => {
    const { email, name } = await registerToBook(page);
    const tab = await context.newPage();
    await confirm(tab, email, stack);
    await expectAccessible(tab);
    await tab.getByRole("link", { name: /^Sign in and book / }).click();
    await signIn(tab, email);
    await expect(tab).toHaveURL("/timetable?level=beginner");
    await expect(tab.getByRole("link", { name: name.replace("Book", "Booked") })).toBeVisible();

    // It is booked once, and for nobody else.
    await confirmAnotherMember(tab, stack);
    await expect(tab.getByRole("link", { name: /^Sign in and book / })).toHaveCount(0);
  });

  strict("a visitor who signs in where the booking began is booked, and another device only shows the site", async ({ browser, page, stack }) => {
    const { email, name } = await registerToBook(page);
    const phone = await (await browser.newContext({ baseURL: stack.url })).newPage();
    const link = await mailedPath(email, "verify-email", stack.mail);
    await phone.goto(link);
    await phone.getByRole("button", { name: "Confirm my address" }).click();
    // The account has no password now, because another browser has registered it.
    await phone.getByLabel("New password", { exact: true }).fill(PASSWORD);
    await phone.getByRole("button", { name: "Set the password" }).click();
    await expect(phone.getByRole("heading", { name: "Your new password is set" })).toBeFocused();
    await expect(phone.getByRole("link", { name: /book .*(Basics|Fundamentals)/i })).toHaveCount(0);
    await phone.context().close();

    await page.getByRole("link", { name: "Back to sign in" }).click();
    await signIn(page, email);
    await expect(page).toHaveURL("/timetable?level=beginner");
    await expect(page.getByRole("link", { name: name.replace("Book", "Booked") })).toBeVisible();
  });
});
