// The page of the local stack that shows the e-mails.
//
// The frame of an e-mail runs no script, not even those of the test. So the tests read its
// text, and what the server sends for the frame.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, expectAccessible, newEmail, PASSWORD, send, test } from "./site.ts";

async function askForPassword(page: Page, email: string): Promise<void> {
  await send(page, "/api/auth/forgot-password", { email });
}

async function registerMember(page: Page): Promise<string> {
  const email = newEmail();
  await send(page, "/api/auth/register", { email, password: PASSWORD, firstName: "Marta", lastName: "Ríos" });
  return email;
}

// Playwright tries to run its own script in each frame.
test.use({ expectedErrors: ["the 'allow-scripts' permission is not set"] });

test("a mail appears while the page is open, and its link works", async ({ page, context }) => {
  await page.goto("/dev/mail");
  await expect(page.getByRole("heading", { name: "E-mails" })).toBeVisible();
  const email = await registerMember(page);
  const entry = page.getByRole("navigation").getByRole("link").filter({ hasText: email });
  await expect(entry).toHaveCount(1);
  await expect(page.getByRole("status")).toContainText("New e-mail:");
  await entry.click();
  await expect(page.locator("#facts")).toContainText(email);
  const frame = page.locator("iframe");
  expect(await frame.getAttribute("sandbox")).toBe("allow-popups allow-popups-to-escape-sandbox");
  const content = await page.request.get((await frame.getAttribute("src")) ?? "");
  expect(await content.text()).toContain(`<a href="${process.env.SITE}/verify-email#token=`);
  await page.getByRole("button", { name: "Text" }).click();
  const opened = context.waitForEvent("page");
  await page.locator("pre a").click();
  const confirmation = await opened;
  await expect(confirmation).toHaveURL(/\/verify-email/);
  await expect(confirmation.getByRole("heading", { level: 1 })).toBeVisible();
});

test("mails are read with the keyboard", async ({ page }) => {
  const email = await registerMember(page);
  await askForPassword(page, email);
  await page.goto("/dev/mail");
  const mine = page.getByRole("navigation").getByRole("link").filter({ hasText: email });
  await expect(mine).toHaveCount(2);
  // Other tests send mails too, so the way starts at this member's newest one.
  await mine.first().focus();
  await page.keyboard.press("Enter");
  await expect(mine.first()).toHaveAttribute("aria-current", "true");
  const subject = await page.locator("#subject").textContent();
  await page.keyboard.press("ArrowDown");
  await expect(mine.first()).not.toHaveAttribute("aria-current");
  await page.keyboard.press("ArrowUp");
  await expect(page.locator("#subject")).toHaveText(subject ?? "");
  await page.getByRole("button", { name: "Text" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.locator("pre")).toContainText("http");
  await expect(page.locator("pre a").first()).toHaveAttribute("href", new RegExp(`^${process.env.SITE}/`));
  await page.keyboard.press("Escape");
  await expect(page.locator("#message")).toBeHidden();
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
    test.describe(`${colorScheme}, ${viewport.width} pixels`, () => {
      test.use({ colorScheme, viewport });
      test("the list, a mail and its text are accessible and fit the window", async ({ page }) => {
        const email = await registerMember(page);
        await page.goto("/dev/mail");
        const entry = page.getByRole("navigation").getByRole("link").filter({ hasText: email });
        await expect(entry).toBeVisible();
        await expectAccessible(page);
        await entry.click();
        await expect(page.locator("iframe")).toHaveAttribute("title", /.+/);
        await page.getByRole("button", { name: "Text" }).click();
        await expect(page.locator("pre")).toBeVisible();
        await expectAccessible(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow).toBeLessThanOrEqual(0);
        if (viewport.width > 500) return;
        await page.getByRole("link", { name: "All e-mails" }).click();
        await expect(entry).toBeVisible();
      });
    });
  }
}

test("the site of a deployment does not lead to the page", () => {
  const folder = join(import.meta.dirname, "../dist/assets");
  const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
  expect(scripts.length).toBeGreaterThan(0);
  const leading = scripts.filter((name) => readFileSync(join(folder, name), "utf8").includes("/dev/mail"));
  expect(leading, "built by `cargo dev`? `npm run build` replaces it").toEqual([]);
});

test("an empty mailbox says how to get a mail", async ({ page }) => {
  await page.route("/dev/mail/messages", (route) => route.fulfill({ json: { isSentByServer: false, messages: [] } }));
  await page.goto("/dev/mail");
  await expect(page.getByText("No e-mail was sent yet.")).toBeVisible();
  await expect(page.getByRole("link", { name: "ask for a new password" })).toHaveAttribute("href", "/account#forgot");
  await expectAccessible(page);
});
