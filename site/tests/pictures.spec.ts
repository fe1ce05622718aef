// Pictures of classes and instructors.

import type { Page } from "@playwright/test";
import { expect, open, test } from "./site.ts";

/** Scrolls to each picture, and returns the addresses of those that were not loaded. */
async function brokenPictures(page: Page, frame: string): Promise<string[]> {
  const broken: string[] = [];
  for (const picture of await page.locator(`${frame} img`).all()) {
    await picture.scrollIntoViewIfNeeded();
    const isLoaded = await picture.evaluate(async (image: HTMLImageElement) => {
      await image.decode().catch(() => undefined);
      return image.naturalWidth > 0;
    });
    if (!isLoaded) broken.push((await picture.getAttribute("src")) ?? "");
  }
  return broken;
}

test("each class has a picture, and the page of a class has portraits of its instructors", async ({ page }) => {
  await open(page, "/classes");
  const cards = await page.locator(".type-card").count();
  expect(cards).toBeGreaterThan(0);
  await expect(page.locator(".type-card .class-picture img")).toHaveCount(cards);
  expect(await brokenPictures(page, ".class-picture")).toEqual([]);

  await page.getByRole("link", { name: "See the dates of Salsa Foundations" }).click();
  await expect(page.getByRole("heading", { name: "Salsa Foundations" }).first()).toBeVisible();
  await expect(page.locator(".one-class .class-picture img")).toHaveAttribute("src", "/img/classes/salsa-foundations.svg");
  await expect(page.locator(".teacher .portrait img").first()).toBeVisible();
  expect(await brokenPictures(page, ".class-picture")).toEqual([]);
  expect(await brokenPictures(page, ".portrait")).toEqual([]);
});

test("pictures do not move the page while they load", async ({ page }) => {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(window, { shifts });
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value);
    });
    observer.observe({ type: "layout-shift", buffered: true });
  });
  for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(viewport);
    await open(page, "/classes");
    await expect(page.locator(".class-picture img").first()).toBeVisible();
    await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.loading === "lazy"));
    const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
    const total = shifts.reduce((sum, value) => sum + value, 0);
    expect(total, `${viewport.width} pixels`).toBeLessThan(0.05);
  }
});

test.describe("a picture that cannot be loaded", () => {
  test.use({ expectedErrors: ["Failed to load resource"] });
  test("is replaced by a drawing of the same size", async ({ page }) => {
    await page.route("/img/classes/*", (route) => route.fulfill({ status: 404 }));
    await open(page, "/classes");
    const frame = page.locator(".class-picture").first();
    await expect(frame.locator("svg.swirl")).toBeVisible();
    await expect(frame.locator("img")).toHaveCount(0);
    const box = await frame.boundingBox();
    expect((box?.width ?? 0) / (box?.height ?? 1)).toBeCloseTo(16 / 9, 1);
  });
});
