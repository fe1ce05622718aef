// How long a booking takes.

import { expect, newMember, open, send, test } from "../tests/site.ts";

/** How long it may take from the click to the confirmation. */
const LONGEST_MS = 300;

/** How many bookings the time is the median of. */
const BOOKINGS = 10;

test("a booking is confirmed at once", async ({ page }) => {
  await newMember(page);
  const times: number[] = [];
  for (let booking = 0; booking < BOOKINGS; booking++) {
    await open(page, "/");
    const created = page.waitForResponse(/\/api\/bookings\/create$/);
    const button = page.getByRole("button", { name: /^Book: / }).first();
    const time = await button.evaluate(async (element: HTMLElement) => {
      const region = document.getElementById("message");
      const confirmed = new Promise<number>((resolve, reject) => {
        new MutationObserver(() => {
          const text = region?.textContent ?? "";
          if (text.includes("You are booked")) resolve(performance.now());
          else if (text) reject(new Error(text));
        }).observe(document.body, { childList: true, characterData: true, subtree: true });
      });
      const start = performance.now();
      element.click();
      return (await confirmed) - start;
    });
    times.push(time);
    // The next one books the same class.
    const { id } = (await (await created).json()) as { id: string };
    await send(page, "/api/bookings/cancel", { bookingId: id });
  }
  times.sort((one, other) => one - other);
  const median = times[Math.floor(BOOKINGS / 2)] ?? Number.NaN;
  console.log(`click to confirmation: median ${Math.round(median)} ms of ${BOOKINGS} (${times.map(Math.round).join(", ")})`);
  expect(median).toBeLessThanOrEqual(LONGEST_MS);
});
