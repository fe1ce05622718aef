// What holds for every page of the console: who may open it, accessibility, and size.

import { scriptSizes } from "./scripts.ts";
import { expect, expectAccessibleInLightAndDark, newMember, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

/** The pages that staff may open. */
const STAFF_PAGES = ["/staff", "/staff/members", "/staff/messages", "/staff/payments", "/staff/sales", "/staff/classes", "/staff/instructors", "/staff/rooms", "/staff/closures", "/staff/schedule", "/staff/setup", "/staff/reports", "/staff/analytics"];

/** The pages that only administrators may open. */
const ADMIN_PAGES = ["/admin/users", "/admin/apps", "/admin/organizations", "/admin/security", "/admin/sessions"];

const PAGES = [...STAFF_PAGES, ...ADMIN_PAGES];

/** Lists of which a few rows are enough, because axe looks at each. */
const FEW_ROWS: Record<string, string> = {
  "/staff/members": "/staff/members?search=ana",
  "/staff/payments": "/staff/payments?status=partly_refunded",
  "/admin/users": "/admin/users?search=ana",
};

/** How much script a page of the console may load, in bytes after Brotli. */
const SCRIPT_LIMIT = 80_000;

for (const viewport of [{ width: 1280, height: 900 }, { width: 834, height: 1112 }, { width: 390, height: 844 }]) {
  test.describe(`${viewport.width} pixels wide`, () => {
    // Colors that fade into each other have no contrast of their own.
    test.use({ viewport, contextOptions: { reducedMotion: "reduce" } });
    for (const path of PAGES) {
      test(`${path} is accessible in light and dark, and fits the window`, async ({ page }) => {
        await signInAs(page, "admin");
        await open(page, FEW_ROWS[path] ?? path);
        await expectAccessibleInLightAndDark(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow).toBeLessThanOrEqual(0);
      });
    }
  });
}

test.describe("in Spanish", () => {
  test.use({ locale: "es-ES" });
  test("every page of the console is Spanish and has a title of its own", async ({ page }) => {
    test.slow();
    await signInAs(page, "admin");
    const titles = new Set<string>();
    for (const path of PAGES) {
      await open(page, path);
      await expect(page.locator("html")).toHaveAttribute("lang", "es");
      await expect(page.getByRole("navigation", { name: "Panel del equipo" })).toBeVisible();
      titles.add(await page.title());
    }
    expect(titles.size).toBe(PAGES.length);
  });
});

test("pages of the console load little script", async ({ page }) => {
  await signInAs(page, "admin");
  for (const path of PAGES) {
    const sizes = await scriptSizes(page, path);
    const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
    expect(total, `${path}: ${JSON.stringify(sizes)}`).toBeLessThanOrEqual(SCRIPT_LIMIT);
  }
});

for (const path of PAGES) {
  test(`${path} is not for search engines, visitors, or members`, async ({ page }) => {
    const asked: string[] = [];
    page.on("request", (request) => {
      if (new URL(request.url()).pathname.startsWith("/api/admin/")) asked.push(request.url());
    });
    await page.goto(path);
    await expect(page).toHaveURL(`/account?next=${encodeURIComponent(path)}`);
    await newMember(page);
    await open(page, path);
    await expect(page.locator("meta[name=robots]")).toHaveAttribute("content", "noindex");
    await expect(page.getByRole("heading", { name: "This page is for staff" })).toBeVisible();
    await expect(page.getByRole("navigation", { name: "Staff console" }).getByRole("link")).toHaveCount(0);
    expect(asked, "requests for what only staff may see").toEqual([]);
  });
}

for (const path of ADMIN_PAGES) {
  test(`${path} is for administrators`, async ({ page }) => {
    await signInAs(page, "staff");
    await open(page, path);
    await expect(page.getByRole("heading", { name: "This page is for administrators" })).toBeVisible();
  });
}
