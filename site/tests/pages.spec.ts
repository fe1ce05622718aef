// What holds for every page: accessibility, its own title, and little script. Also the page for
// unknown addresses, and old links.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { scriptSizes } from "./scripts.ts";
import { expectStill, watchShifts } from "./shifts.ts";
import { expect, expectAccessible, expectAccessibleInLightAndDark, open, test } from "./site.ts";

const DIST = join(import.meta.dirname, "../dist");
const PAGES = ["/", "/timetable", "/classes", "/instructors", "/shop", "/contact", "/bookings", "/receipts", "/account", "/account#register", "/account#forgot", "/verify-email", "/reset-password", "/unsubscribe", "/continue", "/offline", "/docs", "/docs/sign-in", "/docs/book-a-class", "/docs/payments", "/docs/partner-applications", "/docs/errors"];

/** How much script a page for visitors may load, in bytes after Brotli. */
const SCRIPT_LIMIT = 30_000;

/** Opens a page. In the reference it opens an operation. */
async function openForCheck(page: Page, path: string): Promise<void> {
  // The reference and the list of error codes are long.
  if (path.startsWith("/docs")) test.slow();
  await open(page, path === "/docs" ? "/docs#createBooking" : path);
  if (path === "/docs") await expect(page.getByRole("button", { name: "Run", exact: true })).toBeVisible();
}

for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
  test.describe(`${viewport.width} pixels wide`, () => {
    // Colors that fade into each other have no contrast of their own.
    test.use({ viewport, contextOptions: { reducedMotion: "reduce" } });
    for (const path of PAGES) {
      test(`${path} is accessible in light and dark, and fits the window`, async ({ page }) => {
        await openForCheck(page, path);
        await expectAccessibleInLightAndDark(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow).toBeLessThanOrEqual(0);
      });
    }
  });
}

test.describe("in Spanish", () => {
  test.use({ locale: "es-ES" });
  test("every page is Spanish and has a title of its own", async ({ page }) => {
    test.slow();
    const titles = new Set<string>();
    const paths = PAGES.filter((path) => !path.includes("#"));
    for (const path of paths) {
      await open(page, path);
      await expect(page.locator("html")).toHaveAttribute("lang", "es");
      await expect(page.getByRole("link", { name: "Ir al contenido" })).toBeAttached();
      titles.add(await page.title());
    }
    expect(titles.size).toBe(paths.length);
  });
});

test.describe("an address that does not exist", () => {
  test.use({ expectedErrors: ["status of 404"] });
  test("shows a page that leads on", async ({ page }) => {
    const response = await page.goto("/no-such-page");
    expect(response?.status()).toBe(404);
    await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("link", { name: "Go to the home page" }).click();
    await expect(page).toHaveURL("/");
  });
});

test("each page has a title and a description of its own", () => {
  const pages = readdirSync(DIST, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
  const read = (name: string, pattern: RegExp) => pattern.exec(readFileSync(join(DIST, name), "utf8"))?.[1];
  const titles = pages.map((name) => read(name, /<title>(.+)<\/title>/));
  const descriptions = pages.map((name) => read(name, /name="description" content="(.+?)"/));
  expect(new Set(titles).size).toBe(pages.length);
  expect(new Set(descriptions).size).toBe(pages.length);
});

for (const locale of ["en-US", "es-ES"]) {
  test.describe(`in a browser in ${locale}`, () => {
    test.use({ locale });

    test("pages for visitors load little script, and texts in one language", async ({ page }) => {
      for (const path of PAGES.filter((path) => path !== "/docs")) {
        const sizes = await scriptSizes(page, path);
        const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
        expect(total, `${path}: ${JSON.stringify(sizes)}`).toBeLessThanOrEqual(SCRIPT_LIMIT);
        const other = locale === "en-US" ? ".es-" : ".en-";
        expect(Object.keys(sizes).filter((name) => name.includes(other)), path).toEqual([]);
      }
    });
  });
}

for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
  test.describe(`${viewport.width} pixels`, () => {
    test.use({ viewport });
    test("nothing moves while a page loads", async ({ page }) => {
      await watchShifts(page);
      for (const path of PAGES.filter((path) => !path.startsWith("/docs"))) {
        await page.goto("about:blank");
        await open(page, path);
        await expectStill(page);
      }
    });
  });
}

test("old links lead to their pages", async ({ page }) => {
  await page.goto("/verify-email.html#token=abc");
  await expect(page).toHaveURL(/\/verify-email$/);
  await page.goto("/#register");
  await expect(page).toHaveURL("/account#register");
});
