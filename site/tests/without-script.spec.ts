// Pages in a browser that runs no JavaScript, and what link previews and search engines read.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, expectAccessible, test } from "./site.ts";

const MESSENGERS = ["WhatsApp/2.23.20.0 A", "facebookexternalhit/1.1", "Slackbot-LinkExpanding 1.0", "Twitterbot/1.0", "LinkedInBot/1.0", "TelegramBot (like TwitterBot)", "Mozilla/5.0 (compatible; Discordbot/2.0)"];

for (const colorScheme of ["light", "dark"] as const) {
  for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
    test.describe(`without JavaScript, ${colorScheme}, ${viewport.width} pixels`, () => {
      test.use({ javaScriptEnabled: false, colorScheme, viewport });
      test("the timetable and a class page list their classes", async ({ page }) => {
        await page.goto("/timetable");
        await expect(page).toHaveURL(/\/api\/classes\/schedule$/);
        await expect(page.getByRole("heading", { name: "Timetable", level: 1 })).toBeVisible();
        expect(await page.getByRole("listitem").count()).toBeGreaterThan(10);
        await expect(page.getByText(/spots? left$/).first()).toBeVisible();
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow).toBeLessThanOrEqual(0);

        await page.getByRole("link", { name: "Salsa Foundations" }).first().click();
        await expect(page).toHaveURL(/\/classes\/[0-9a-f-]{36}\?view=text$/);
        await expect(page.getByRole("heading", { name: "Salsa Foundations", level: 1 })).toBeVisible();
        expect(await page.getByRole("listitem").count()).toBeGreaterThan(2);
        await expect(page.getByRole("heading", { name: "Taught by" })).toBeVisible();
      });
    });
  }
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("the classes lead to their pages", async ({ page }) => {
    await page.goto("/classes");
    await expect(page).toHaveURL(/\/api\/classes\/list$/);
    await page.getByRole("link", { name: "Bachata Basics" }).click();
    await expect(page.getByRole("heading", { name: "Bachata Basics", level: 1 })).toBeVisible();
    await page.goto("/");
    await page.getByRole("link", { name: "teachers", exact: true }).click();
    await expect(page.getByRole("heading", { name: "Teachers", level: 1 })).toBeVisible();
  });
  test.describe("in Spanish", () => {
    test.use({ locale: "es-ES" });
    test("the timetable is Spanish", async ({ page }) => {
      await page.goto("/timetable");
      await expect(page.getByRole("heading", { name: "Horario", level: 1 })).toBeVisible();
      await expect(page.getByText(/^Quedan? \d+ plazas?$/).first()).toBeVisible();
    });
  });
});

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });
    // axe needs JavaScript. These pages load none.
    test("the pages without scripts are accessible", async ({ page }) => {
      // axe looks at each class of the schedule, which is long.
      test.slow();
      for (const path of ["/api/classes/schedule", "/api/classes/list", "/api/instructors"]) {
        await page.goto(path);
        await expect(page.getByRole("listitem").first()).toBeVisible();
        await expectAccessible(page);
      }
      await page.goto("/api/classes/list");
      const [, type] = /\/classes\/([0-9a-f-]{36})/.exec((await page.getByRole("main").getByRole("link").first().getAttribute("href")) ?? "") ?? [];
      await page.goto(`/classes/${type}?view=text`);
      await expectAccessible(page);
    });
  });
}

test("a messenger gets a preview of a class, and a browser the page", async ({ page, request }) => {
  const list = (await (await request.get("/api/classes/schedule")).json()) as { items: { id: string; classTypeId: string; title: string }[] };
  // HTML escapes some characters of other titles.
  const found = list.items.find(({ title }) => /^[A-Za-z ]+$/.test(title));
  if (!found) throw new Error("the timetable is empty");
  const path = `/classes/${found.classTypeId}?class=${found.id}&utm_source=test`;
  for (const agent of MESSENGERS) {
    const response = await request.get(path, { headers: { "User-Agent": agent, Accept: "*/*" } });
    expect(response.headers()["content-type"], agent).toContain("text/html");
    const html = await response.text();
    expect(html, agent).toContain(`<meta property="og:title" content="${found.title}, `);
    expect(html).toContain('"@type":"Event"');
  }
  const response = await page.goto(path);
  expect(await response?.text()).toContain('<div id="site">');
});

test("a page describes its classes to search engines", async ({ page, request }) => {
  const { items } = (await (await request.get("/api/classes/schedule")).json()) as { items: { id: string; classTypeId: string; title: string; description: string }[] };
  // Classes of other tests have no description.
  const found = items.find(({ description }) => description !== "");
  if (!found) throw new Error("the timetable has no class with a description");
  const { id, classTypeId, title } = found;
  for (const [path, type, canonical] of [
    ["/", "Event", "/"],
    ["/timetable?level=beginner", "Event", "/timetable"],
    ["/classes", "Course", "/classes"],
    [`/classes/${classTypeId}`, "Course", `/classes/${classTypeId}`],
    [`/classes/${classTypeId}?class=${id}&utm_source=test`, "Event", `/classes/${classTypeId}?class=${id}`],
    ["/instructors", "Person", "/instructors"],
  ] as const) {
    await page.goto(path);
    const script = page.locator('head script[type="application/ld+json"]');
    await expect(script, path).toHaveCount(1);
    const graph = (JSON.parse((await script.textContent()) ?? "") as { "@graph": Record<string, unknown>[] })["@graph"];
    expect(graph[0], path).toMatchObject({ name: "Sabor con Flow", address: { "@type": "PostalAddress" } });
    expect(graph.map((item) => item["@type"]), path).toContain(type);
    const url = new URL(canonical, page.url()).href;
    await expect(page.locator('link[rel="canonical"]'), path).toHaveAttribute("href", url);
    await expect(page.locator('meta[property="og:url"]'), path).toHaveAttribute("content", url);
    await expect(page.locator('meta[property="og:title"]')).toHaveAttribute("content", await page.title());
    await expect(page.locator('meta[property="og:image"]')).toHaveAttribute("content", /^http.+\.(png|jpg)$/);
  }
  await page.goto(`/classes/${classTypeId}?class=${id}`);
  await expect(page.locator('meta[name="description"]')).not.toHaveAttribute("content", /^One class of/);
  await expect(page).toHaveTitle(`${title} · Sabor con Flow`);
});

test("search engines find every public page", async ({ request }) => {
  const robots = await (await request.get("/robots.txt")).text();
  const [, sitemap = ""] = /^Sitemap: (.+)$/m.exec(robots) ?? [];
  const { pathname } = new URL(sitemap);
  const xml = await (await request.get(pathname)).text();
  const paths = [...xml.matchAll(/<loc>(.+?)<\/loc>/g)].map(([, url = ""]) => new URL(url).pathname);
  expect(paths.filter((path) => path.startsWith("/classes/")).length).toBeGreaterThan(3);
  for (const path of paths) {
    const response = await request.get(path, { headers: { Accept: "text/html" } });
    expect(response.status(), path).toBe(200);
  }
});

test("the picture of link previews is small and has the usual size", () => {
  const file = readFileSync(join(import.meta.dirname, "../public/preview.png"));
  expect(file.length).toBeLessThan(60_000);
  expect([file.readUInt32BE(16), file.readUInt32BE(20)]).toEqual([1200, 630]);
});
