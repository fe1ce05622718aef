// How long a booking takes, and a check-in at the door.

import { expect, newMember, open, send } from "../tests/site.ts";
import { signInAs, test } from "../tests/studio.ts";

/** How long it may take from the click to the confirmation. */
const LONGEST_MS = 300;

/** How many bookings the time is the median of. */
const BOOKINGS = 10;

/** How long it may take from a tap until the roster of forty members shows the check-in. */
const LONGEST_CHECK_IN_MS = 100;

function medianOf(times: number[]): number {
  return times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)] ?? Number.NaN;
}

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
  const median = medianOf(times);
  console.log(`click to confirmation: median ${Math.round(median)} ms of ${BOOKINGS} (${times.map(Math.round).join(", ")})`);
  expect(median).toBeLessThanOrEqual(LONGEST_MS);
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test("a check-in is shown at once", async ({ page, staff }) => {
    const full = await staff.newClass({ spots: 40, inMinutes: 30 });
    await staff.newMembersOf(full, Array.from({ length: 40 }, (_, index) => `Member${String(index).padStart(2, "0")}`));
    await signInAs(page, "staff");
    await open(page, `/staff/roster/${full.id}`);
    // From the tap to the frame that shows it.
    const times = await page.getByRole("button", { name: /^Check in / }).evaluateAll(async (buttons) => {
      const found: number[] = [];
      for (const button of buttons.slice(0, 20) as HTMLButtonElement[]) {
        const start = performance.now();
        button.click();
        while (button.getAttribute("aria-pressed") !== "true") await new Promise((resolve) => requestAnimationFrame(resolve));
        await new Promise((resolve) => requestAnimationFrame(resolve));
        found.push(performance.now() - start);
      }
      return found;
    });
    const median = medianOf(times);
    console.log(`tap to check-in: median ${Math.round(median)} ms of ${times.length} (${times.map(Math.round).join(", ")})`);
    expect(median).toBeLessThanOrEqual(LONGEST_CHECK_IN_MS);
  });
});
