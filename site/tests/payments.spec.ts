// Stories of members who pay by card, at a stand-in for Stripe, or at the desk.

import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { test } from "./studio.ts";

test("a member pays by card and comes back to a page that says that the payment has arrived", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  await expect(page.getByText("$18 · Not paid yet")).toBeVisible();
  await page.getByRole("button", { name: `Pay by card: ${wanted.title}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();

  await expect(page).toHaveURL("/bookings");
  await expect(page.getByText("Thank you, your payment has arrived.")).toBeVisible();
  await expect(page.getByText("$18 · Paid")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Pay / })).toHaveCount(0);
  await expectAccessible(page);
});

test("a member who leaves the checkout is told, and can pay later", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  await page.getByRole("button", { name: `Pay by card: ${wanted.title}` }).click();
  await page.getByRole("button", { name: "Back", exact: true }).click();

  await expect(page).toHaveURL("/bookings");
  await expect(page.getByText("You have not paid yet.")).toBeVisible();
  await expect(page.getByText("$18 · Not paid yet")).toBeVisible();
  await page.getByRole("button", { name: `Pay by card: ${wanted.title}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText("Thank you, your payment has arrived.")).toBeVisible();
});

test("a member who chooses to pay at the desk sees so on the booking, and can still pay by card", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  const atDesk = page.getByRole("button", { name: `Pay at the desk: ${wanted.title}` });
  const byCard = page.getByRole("button", { name: `Pay by card: ${wanted.title}` });
  await atDesk.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("$18 · You pay at the desk")).toBeVisible();
  await expect(atDesk).toHaveCount(0);
  // The button that had the focus is gone.
  await expect(byCard).toBeFocused();

  await page.reload();
  await expect(page.getByText("$18 · You pay at the desk")).toBeVisible();
  await expect(atDesk).toHaveCount(0);
  await expectAccessible(page);
  await byCard.click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText("$18 · Paid")).toBeVisible();
});

test("a member whose payment is confirmed late is told to wait", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  const booking = await bookFor(page, wanted.id);
  await page.clock.install();
  await open(page, `/bookings?booking=${booking}&payment=done`);
  await expect(page.getByText("We are waiting for the confirmation of your payment")).toBeVisible();
  // The page has asked once when it was opened. It asks fifteen times.
  for (let poll = 1; poll < 15; poll++) {
    const asked = page.waitForResponse(/\/api\/bookings\/payment/);
    await page.clock.runFor(2_000);
    await asked;
  }
  await page.clock.runFor(2_000);
  await expect(page.getByText("Your payment is not confirmed yet.")).toBeVisible();
});

test("a member who has paid at the desk is told to collect the refund there", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await staff.recordPayment(await bookFor(page, wanted.id));
  await open(page, "/bookings");
  await page.getByRole("button", { name: `Cancel booking: ${wanted.title}` }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
  await expect(dialog).toContainText("You get your money back at the desk.");
  await dialog.getByRole("button", { name: "Cancel booking" }).click();
  await expect(page.getByText("Please collect your refund at the desk.")).toBeVisible();
});

test("a member who has paid by card is told that the refund goes to the card", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  await page.getByRole("button", { name: `Pay by card: ${wanted.title}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText("$18 · Paid")).toBeVisible();
  await page.getByRole("button", { name: `Cancel booking: ${wanted.title}` }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
  await expect(dialog).toContainText("We refund your payment to your card.");
  await dialog.getByRole("button", { name: "Cancel booking" }).click();
  await expect(page.getByText("The refund can take a few days.")).toBeVisible();
});
