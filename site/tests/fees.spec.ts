// Late cancellations: what they cost, who owes it, and how it is paid.

import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { test } from "./strict.ts";
import { type KnownMember, type NewClass, signInAs, type Staff } from "./studio.ts";

/** Creates a class, and a member who has cancelled it late. */
async function cancelledLate(staff: Staff): Promise<{ wanted: NewClass; ana: KnownMember }> {
  const wanted = await staff.newClass({ inDays: 20 });
  const ana = await staff.newMember("Ana");
  await staff.cancelBooking(await staff.book(ana, wanted.id));
  return { wanted, ana };
}

test("a late cancellation uses up a class, and a member who books again gets it back", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 20 });
  await newMember(page);
  const [pass] = await staff.sellTo(page, { credits: 10 });
  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  await expect(page.getByText("It is too late to cancel free of charge")).toBeVisible();
  await page.getByRole("button", { name: /^Cancel booking: / }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
  await expect(dialog.getByText(`you lose one class of “${pass}”.`)).toBeVisible();
  await dialog.getByRole("button", { name: "Cancel booking" }).click();
  await expect(page.getByText(`Your booking is cancelled. One class of “${pass}” is used up.`)).toBeVisible();
  await expect(page.getByText("9 of 10 classes left")).toBeVisible();

  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  await expect(page.getByText(new RegExp(`Paid with “${pass}”, 9 left, good until `))).toBeVisible();
});

test("a member is told what a late cancellation costs, and pays it by card", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 20 });
  await newMember(page);
  await bookFor(page, wanted.id);
  await open(page, "/bookings");
  await page.getByRole("button", { name: /^Cancel booking: / }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
  await expect(dialog).toContainText("you will owe $18.");
  await dialog.getByRole("button", { name: "Cancel booking" }).click();
  await expect(page.getByText("Your booking is cancelled. Please pay $18 for the late cancellation.")).toBeVisible();
  const fees = page.getByRole("heading", { name: "Fees to pay" }).locator("..");
  await expect(fees).toContainText(wanted.title);
  await expect(fees).toContainText("You cancelled late");
  await expectAccessible(page);

  await page.reload();
  await fees.getByRole("button", { name: `Pay by card: ${wanted.title}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page).toHaveURL("/bookings");
  await expect(page.getByText("Thank you, your payment has arrived.")).toBeVisible();
  await expect(fees).toHaveCount(0);
});

test("a member who has paid is told what the studio keeps", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 20 });
  await newMember(page);
  await staff.recordPayment(await bookFor(page, wanted.id));
  await open(page, "/bookings");
  await page.getByRole("button", { name: /^Cancel booking: / }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
  await expect(dialog).toContainText("we keep $18 of what you have paid.");
  await dialog.getByRole("button", { name: "Cancel booking" }).click();
  await expect(page.getByText("Your booking is cancelled.", { exact: true })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Fees to pay" })).toHaveCount(0);
});

test("staff see who has cancelled late, and take the fee on the roster", async ({ page, staff }) => {
  const { wanted, ana } = await cancelledLate(staff);
  await signInAs(page, "staff");
  await open(page, `/staff/roster/${wanted.id}`);
  const late = page.getByRole("list", { name: "Cancelled late" });
  await expect(late).toContainText(ana.name);
  await expectAccessible(page);
  await late.getByRole("button", { name: /\$18/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: /\$18/ }).first().click();
  await expect(late.getByText("Paid")).toBeVisible();
  await expect(late.getByRole("button", { name: /\$18/ })).toHaveCount(0);
});

test("staff list the fees that members owe, and waive one", async ({ page, staff }) => {
  const { ana } = await cancelledLate(staff);
  await signInAs(page, "staff");
  await open(page, "/staff/payments");
  await page.getByLabel("Show", { exact: true }).selectOption("Fees that members owe");
  const row = page.getByRole("row").filter({ hasText: ana.name });
  await expect(row).toContainText("Cancelled late");
  await expect(row).toContainText("$18");
  await expectAccessible(page);
  await row.getByLabel(/^More for/).click();
  await row.getByRole("button", { name: "Waive the fee" }).click();
  const dialog = page.getByRole("dialog", { name: "Waive this fee?" });
  await expect(dialog).toContainText(`${ana.name} will no longer owe $18.`);
  await dialog.getByLabel("Reason").fill("Was ill");
  await dialog.getByRole("button", { name: "Waive the fee" }).click();
  await expect(page.getByText(`The fee of ${ana.name} is waived.`)).toBeVisible();
  await expect(row).toHaveCount(0);
});

test("the page of a member says what the member owes, and takes it", async ({ page, staff }) => {
  const { wanted, ana } = await cancelledLate(staff);
  await signInAs(page, "staff");
  await open(page, `/staff/members/${ana.id}`);
  const row = page.getByRole("row").filter({ hasText: wanted.title }).first();
  await expect(row.getByText("Owes $18")).toBeVisible();
  await row.getByLabel(`More for ${wanted.title}`).click();
  await row.getByRole("button", { name: "Take the payment" }).click();
  await page.getByRole("dialog").getByRole("button", { name: /\$18/ }).first().click();
  await expect(page.getByText("Owes $18")).toHaveCount(0);
});
