// How far parts of a page move while it loads.

import { expect, type Page } from "@playwright/test";

/** The limit of the cumulative layout shift of a page. */
const LIMIT = 0.05;

/**
 * Records the shifts of each page that is opened from now on. Requests are answered only
 * after the page is painted, so that shifts of what it shows meanwhile count.
 */
export async function watchShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  const paint = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  await page.route("**/api/**", async (route) => {
    try {
      await page.evaluate(paint);
      await route.continue();
    } catch {
      // The page was left meanwhile.
    }
  });
}

/** Checks that nothing has moved on the page. */
export async function expectStill(page: Page): Promise<void> {
  const shifts = await page.evaluate(async () => {
    await document.fonts.ready;
    // The observer reports after the next frames.
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    return (window as unknown as { shifts: number[] }).shifts;
  });
  const total = shifts.reduce((sum, shift) => sum + shift, 0);
  expect(total, `${page.url()}: ${shifts.join(", ")}`).toBeLessThan(LIMIT);
}
