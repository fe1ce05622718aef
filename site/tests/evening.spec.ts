// An evening at the studio, from the pages alone. A membership covers one of two classes. A pass is
// sold for a gift card, and a late cancellation is paid. The report then has all of it.

import type { Locator, Page } from "@playwright/test";
import { expect, newMemberPage, open } from "./site.ts";
import { test } from "./strict.ts";
import { countTaps, type NewClass, type Product, signInAs } from "./studio.ts";

test.use({ viewport: { width: 390, height: 844 }, contextOptions: { reducedMotion: "reduce" } });

async function startMembership(page: Page, { name }: Product): Promise<void> {
  await open(page, "/shop");
  await page.getByRole("button", { name: `Start: ${name}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText(`“${name}” has begun`)).toBeVisible();
}

async function book(page: Page, wanted: NewClass): Promise<void> {
  await open(page, wanted.page);
  await page.getByRole("button", { name: /^Book: / }).first().click();
  await expect(page.getByRole("status").filter({ hasText: `You are booked: ${wanted.title}` })).toBeVisible();
}

/** Opens the roster of a class from the page of the day. */
async function openRoster(page: Page, { title, date }: NewClass): Promise<Locator> {
  await open(page, `/staff?date=${date}`);
  await page.getByRole("link", { name: new RegExp(`^${title}, .*: open the roster$`) }).click();
  return page.getByRole("list", { name: "Roster" });
}

/** Reads in the report what was received this month, in dollars, by how it was paid. */
async function readReceived(page: Page): Promise<Map<string, number>> {
  await open(page, "/staff/reports");
  await expect(page.getByRole("list", { name: "Summary" })).toBeVisible();
  const rows = await page.getByRole("table", { name: "How it was paid" }).getByRole("row").allTextContents();
  // After the name come the number of payments and the amount.
  const amounts = rows.flatMap((row) => {
    const [, tender = "", amount = ""] = /^(Card reader|Cash|At the desk|Card, online)[\d,]+\$([\d,.]+)/.exec(row) ?? [];
    return tender === "" ? [] : [[tender, Number(amount.replaceAll(",", ""))] as const];
  });
  return new Map(amounts);
}

test("an evening with a membership that covers one class, passes, a gift card, and a late cancellation", async ({ browser, page, staff }) => {
  test.slow();
  const covered = await staff.newClass({ inMinutes: 10, minutes: 30 });
  const other = await staff.newClass({ inMinutes: 45, minutes: 30 });
  const membership = await staff.newMembership([covered.typeId]);
  const pass = await staff.newProduct();
  const gift = await staff.newGiftCard("50.00");
  const marta = await newMemberPage(browser);
  await startMembership(marta, membership);
  await book(marta, covered);
  await book(marta, other);
  await open(marta, "/bookings");
  const bookings = marta.locator(".card.booking");
  await expect(bookings.filter({ hasText: covered.title })).toContainText(`Paid with “${membership.name}”`);
  await expect(bookings.filter({ hasText: other.title })).toContainText("$18");
  const [ana, carla] = await staff.newMembersOf(other, ["Ana", "Carla"]);

  await signInAs(page, "staff");
  const before = await readReceived(page);

  // The membership covers the first class.
  const first = await openRoster(page, covered);
  await expect(first.getByRole("listitem").filter({ hasText: "Marta" })).toContainText(membership.name);
  await page.getByRole("button", { name: "Check in Marta" }).click();
  await expect(page.getByText("1 of 1 here")).toBeVisible();

  // It does not cover the second one.
  const second = await openRoster(page, other);
  await page.getByRole("button", { name: "Marta pays $18" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText(`“${membership.name}” cannot pay: it is not good for this class.`)).toBeVisible();
  await dialog.getByRole("button", { name: /\$18/ }).first().click();
  await expect(second.getByRole("listitem").filter({ hasText: "Marta" }).getByText("Paid")).toBeVisible();

  // Ana has bought a gift card for cash, and pays for a pass with it.
  await open(page, `/staff/members/${ana?.id}`);
  await page.getByRole("button", { name: "Sell a product" }).click();
  await dialog.getByRole("button", { name: new RegExp(gift.name) }).click();
  await dialog.getByRole("button", { name: "Cash" }).click();
  const code = (await dialog.getByText(/^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$/).textContent()) ?? "";
  const sale = await openRoster(page, other);
  const taps = await countTaps(page);
  await page.getByRole("button", { name: `${ana?.name} pays $18` }).click();
  await dialog.getByRole("button", { name: new RegExp(pass.name) }).click();
  await dialog.getByRole("button", { name: "Gift card", exact: true }).click();
  await dialog.getByLabel("Gift card").fill(code);
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("The gift card pays $50. After that, $0 is left on it. Take $100.")).toBeVisible();
  await dialog.getByRole("button", { name: "Card reader" }).click();
  await expect(sale.getByRole("listitem").filter({ hasText: ana?.name ?? "" })).toContainText(pass.name);
  expect(taps()).toBe(4);

  // Carla calls, and is too late.
  await page.getByRole("button", { name: `More about ${carla?.name}` }).click();
  await dialog.getByRole("button", { name: "Cancel the booking" }).click();
  await page.getByRole("button", { name: "Cancel as late" }).click();
  const late = page.getByRole("list", { name: "Cancelled late" });
  await late.getByRole("button", { name: /\$18/ }).click();
  await dialog.getByRole("button", { name: /\$18/ }).first().click();
  await expect(late.getByText("Paid")).toBeVisible();

  // The report grows by what was taken at the door. The gift card counts once, when it is sold.
  const after = await readReceived(page);
  const taken = (tender: string) => (after.get(tender) ?? 0) - (before.get(tender) ?? 0);
  expect({ desk: taken("At the desk"), cash: taken("Cash"), reader: taken("Card reader"), online: taken("Card, online") }).toEqual({ desk: 36, cash: 50, reader: 100, online: 0 });
  await marta.context().close();
  for (const product of [membership, pass, gift]) await staff.retire(product);
});
