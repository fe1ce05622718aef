// What the tests share: pages that must not report anything, members, and their mail.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, expect, type Locator, type Page, test as base } from "@playwright/test";

export const PASSWORD = "three small blue boats";

/** The password of the accounts of the demo data. */
export const PASSWORD_OF_DEMO = "password123";

/** Messages that a test expects, by a part of their text. */
type Expected = { expectedErrors: string[] };

/** What Playwright reports on each page of a test without a service worker. */
const NO_WORKER = "Service Worker registration blocked by Playwright";

/** A test whose pages report no error and no violation of the security policy. */
export const test = base.extend<Expected & { reports: string[] }>({
  expectedErrors: [[], { option: true }],
  baseURL: async ({}, use) => use(process.env.SITE ?? ""),
  reports: [
    async ({ context, expectedErrors }, use) => {
      const reports: string[] = [];
      context.on("console", (message) => {
        if (["error", "warning"].includes(message.type()) && message.text() !== NO_WORKER) reports.push(`${message.text()} (${message.location().url})`);
      });
      context.on("weberror", (error) => reports.push(String(error.error())));
      await use(reports);
      const unexpected = reports.filter((report) => !expectedErrors.some((part) => report.includes(part)));
      expect(unexpected, "errors in the console").toEqual([]);
    },
    { auto: true },
  ],
});

/** Checks the page with axe. */
export async function expectAccessible(page: Page): Promise<void> {
  await finishTransitions(page);
  await expectNoViolations(new AxeBuilder({ page }));
}

/** Checks a page in light, and its contrast in dark. Nothing else depends on the colors. */
export async function expectAccessibleInLightAndDark(page: Page): Promise<void> {
  await page.emulateMedia({ colorScheme: "light" });
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await finishTransitions(page);
  await expectNoViolations(new AxeBuilder({ page }).withRules(["color-contrast"]));
}

/** Waits until all transitions have ended, because a color that is still fading has no fixed contrast. */
function finishTransitions(page: Page): Promise<unknown> {
  return page.evaluate(() => Promise.allSettled(document.getAnimations().filter((animation) => animation instanceof CSSTransition).map(({ finished }) => finished)));
}

async function expectNoViolations(axe: AxeBuilder): Promise<void> {
  const { violations } = await axe.analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  expect(found, "axe").toEqual([]);
}

/** Opens a page, and waits until it has rendered in its language, with its data. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(page.locator("header .account-menu:not(span)")).toBeVisible();
  // The reference is long and takes a while on a busy machine.
  await expect(page.locator(".skeletons")).toHaveCount(0, { timeout: 20_000 });
}

let members = 0;

/** An address that no other test uses. */
export function newEmail(): string {
  members += 1;
  return `member-${process.pid}-${Date.now()}-${members}@example.com`;
}

/** Sends a request of the page, with its cookies. Returns what the API answers. */
export async function send(page: Page, path: string, data: unknown): Promise<Record<string, unknown>> {
  const response = await page.request.post(path, { data, headers: { Origin: process.env.SITE ?? "" } });
  expect(response.ok(), await response.text()).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

/** Signs in a new member with a confirmed address. */
export async function newMember(page: Page): Promise<string> {
  const email = newEmail();
  const locale = (await page.evaluate(() => navigator.language)).slice(0, 2);
  await send(page, "/api/auth/register", { email, password: PASSWORD, firstName: "Marta", locale });
  const [, token] = (await mailedPath(email, "verify-email")).split("=");
  await send(page, "/api/auth/verify-email", { token });
  return email;
}

/** Opens a page of a new member in another browser. */
export async function newMemberPage(browser: Browser): Promise<Page> {
  const page = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(page);
  return page;
}

/** Books a class for the member of the page. Returns the id of the booking. */
export async function bookFor(page: Page, scheduledClassId: string, joinWaitlist = false): Promise<string> {
  const { id } = await send(page, "/api/bookings/create", { scheduledClassId, joinWaitlist });
  return String(id);
}

/** Presses Tab until the element has the focus. Stories add many classes to a day. */
export async function tabTo(page: Page, element: Locator): Promise<void> {
  await expect(element).toBeVisible();
  const hasFocus = () => element.evaluate((found) => found === document.activeElement);
  for (let presses = 0; presses < 1000; presses++) {
    if (await hasFocus()) return;
    await page.keyboard.press("Tab");
  }
  await expect(element, "cannot be reached with Tab").toBeFocused({ timeout: 1 });
}

/** Registers a member through the page, who is then signed in. */
export async function register(page: Page, email: string, path = "/account#register"): Promise<void> {
  await page.goto(path);
  await page.getByLabel("First name").fill("Marta");
  await page.getByLabel("Last name").fill("Ríos");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("group").getByText("Marta")).toBeVisible();
}

/** The path of the link in the latest mail of a kind to an address. */
export async function mailedPath(email: string, page: string, folder = process.env.MAIL ?? ""): Promise<string> {
  const pattern = new RegExp(`/${page}#token=[0-9a-z.-]{64,}`);
  let found = "";
  await expect
    .poll(() => {
      // The first mail creates the folder. A mail whose name begins with a dot is still being
      // written.
      const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : [];
      const mails = names.sort().map((name) => readFileSync(join(folder, name), "utf8"));
      // Quoted-printable: a line may end in the middle of the link, and `=` is written `=3D`.
      const texts = mails.map((mail) => mail.replace(/=\r?\n/g, "").replace(/=3D/g, "="));
      const links = texts.filter((text) => text.includes(`To: ${email}`)).map((text) => pattern.exec(text)?.[0]);
      found = links.filter((link) => link !== undefined).at(-1) ?? "";
      return found;
    })
    .not.toBe("");
  return found;
}

export { expect };
