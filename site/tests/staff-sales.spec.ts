// What staff sell: products, the till at the door, passes of members, and refunds.

import { randomUUID } from "node:crypto";
import type { Page } from "@playwright/test";
import { bookFor, expect, expectAccessible, newMember, open, send, tabTo } from "./site.ts";
import { countTaps, type KnownMember, type NewClass, signInAs, type Staff, test } from "./studio.ts";

const rosterOf = ({ id }: NewClass) => `/staff/roster/${id}`;
const rowOf = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text });

/** A class of today with one member who has not paid. */
async function unpaidClass(staff: Staff, firstName = "Ana"): Promise<{ wanted: NewClass; member: KnownMember }> {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [member] = await staff.newMembersOf(wanted, [firstName]);
  if (!member) throw new Error("there is no member");
  return { wanted, member };
}

async function openMember(page: Page, { id }: KnownMember): Promise<void> {
  await signInAs(page, "staff");
  await open(page, `/staff/members/${id}`);
}

/** Chooses an action of a pass on the page of its member. */
async function changePass(page: Page, pass: string, action: string): Promise<void> {
  await page.getByLabel(`More for ${pass}`, { exact: true }).click();
  await rowOf(page, pass).getByRole("button", { name: action }).click();
}

test("a pass is created, changed, no longer sold, and sold again", async ({ page }) => {
  const name = `Twelve classes ${randomUUID().slice(0, 6)}`;
  await signInAs(page, "staff");
  await open(page, "/staff/sales");
  await page.getByRole("button", { name: "Products" }).click();
  await expect(page).toHaveURL("/staff/sales?show=products");
  await page.getByRole("button", { name: "Add a product" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Price (USD)").fill("170,50");
  await expect(dialog.getByLabel("Tax included (%)")).toHaveValue("0");
  await dialog.getByLabel("Tax included (%)").fill("5,50");
  // Browsers pass on nothing of it, which would mean any number of classes.
  await dialog.getByLabel("Number of classes").pressSequentially("-");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText("Number of classes: must be a number.")).toBeVisible();
  await dialog.getByLabel("Number of classes").fill("12");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText("Valid for how many days: is required.")).toBeVisible();
  await dialog.getByLabel("Valid for how many days").fill("90");
  await dialog.getByLabel("Good for").selectOption("Only these class types");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText("Choose at least one class type, or all classes.")).toBeVisible();
  await dialog.getByLabel("Bachata Basics").check();
  await dialog.getByLabel("Merengue").check();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`${name} is added.`)).toBeVisible();
  const row = rowOf(page, name);
  await expect(row).toContainText("$170.50");
  await expect(row).toContainText("90 days");
  await expect(row).toContainText("Bachata Basics, Merengue & Cumbia");

  await row.getByLabel(`More for ${name}`).click();
  await row.getByRole("button", { name: "Change" }).click();
  await expect(dialog.getByText("Passes that are already sold keep their name, price, classes and days.")).toBeVisible();
  await expect(dialog.getByLabel("Bachata Basics")).toBeChecked();
  await expect(dialog.getByLabel("Tax included (%)")).toHaveValue("5.5");
  await dialog.getByLabel("Number of classes").fill("");
  await dialog.getByLabel("Begins").selectOption("With the first class that is booked");
  await dialog.getByLabel("How often a member can buy it").fill("1");
  await dialog.getByLabel("Good for").selectOption("All classes");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`${name} is saved.`)).toBeVisible();
  for (const text of ["Once for each member", "Unlimited", "90 days from the first class", "All classes"]) await expect(row).toContainText(text);

  await row.getByLabel(`More for ${name}`).click();
  await row.getByRole("button", { name: "Stop selling" }).click();
  await expect(dialog.getByText("Passes that are already sold stay good.")).toBeVisible();
  await dialog.getByRole("button", { name: "Stop selling" }).click();
  await expect(page.getByText(`${name} is no longer sold.`)).toBeVisible();
  await expect(row).toHaveCount(0);
  await page.getByRole("button", { name: "No longer sold" }).click();
  await row.getByLabel(`More for ${name}`).click();
  await row.getByRole("button", { name: "Sell again" }).click();
  await expect(page.getByText(`${name} is on sale again.`)).toBeVisible();
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, contextOptions: { reducedMotion: "reduce" } });

  test("a pass is sold at the door with three taps, and pays for the class", async ({ page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await signInAs(page, "staff");
    await open(page, rosterOf(wanted));
    const taps = await countTaps(page);
    await page.getByRole("button", { name: `${member.name} pays $18` }).click();
    const dialog = page.getByRole("dialog");
    const product = dialog.getByRole("button", { name: "Ten classes · $150" });
    await expect(product).toContainText("10 classes · 120 days");
    await expect(dialog.getByRole("button", { name: "Ten prácticas · $80" })).toContainText("not for this class");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page);
    }
    await product.click();
    await expect(dialog.getByText("It pays for this class at once.")).toBeVisible();
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Card reader" }).click();
    await expect(page.getByText(`${member.name} has “Ten classes” now. “Ten classes” pays. 9 classes are left.`)).toBeVisible();
    expect(taps()).toBe(3);
    await expect(page.getByRole("dialog")).toHaveCount(0);
    const entry = page.getByRole("list", { name: "Roster" }).getByRole("listitem").filter({ hasText: member.name });
    await expect(entry.getByText("Ten classes")).toBeVisible();
    await expect(entry.getByText("Unpaid")).toHaveCount(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect((await staff.roster(wanted)).get(member.name)).toMatchObject({ isUnpaid: false, passName: "Ten classes" });
  });

  test("the products, and the page of a member with passes, are accessible and fit the window", async ({ page, staff }) => {
    const { member } = await unpaidClass(staff);
    for (const product of ["Two weeks to try", "Ten prácticas"]) await staff.sell(member, product);
    await signInAs(page, "staff");
    for (const path of ["/staff/sales?show=products", `/staff/members/${member.id}`]) {
      await open(page, path);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await expectAccessible(page);
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    }
  });
});

test("who is added at the door with a pass has nothing to pay", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const member = await staff.newMember("Olga");
  await staff.sell(member, "Five classes");
  await signInAs(page, "staff");
  await open(page, rosterOf(wanted));
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Add to the class" });
  await dialog.getByRole("searchbox").fill(member.name);
  await dialog.getByRole("button", { name: `Book for ${member.name}` }).click();
  await expect(page.getByText(`${member.name} is in the class and checked in. “Five classes” pays. 4 classes are left.`)).toBeVisible();
  // More can be sold all the same.
  await page.getByRole("button", { name: `More about ${member.name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sell a product" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Ten classes · $150" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Transfer" }).click();
  await expect(page.getByText(`${member.name} has “Ten classes” now.`)).toBeVisible();
});

test("an unlimited pass is refunded by its days", async ({ page, staff }) => {
  const { wanted, member } = await unpaidClass(staff);
  await staff.sell(member, "Unlimited month");
  await staff.usePass(wanted, member);
  await signInAs(page, "staff");
  // At noon in Denver, ten days after the first of thirty days.
  await page.clock.setFixedTime(Date.parse(`${wanted.date}T19:00:00Z`) + 10 * 86_400_000);
  await open(page, `/staff/members/${member.id}`);
  const sales = page.getByRole("table", { name: "Sales of this member" });
  await sales.getByLabel(`More for the sale to ${member.name}, Unlimited month`).click();
  await sales.getByRole("button", { name: "Refund" }).click();
  // $129 × 20 ÷ 30.
  await expect(page.getByRole("dialog").getByLabel("Amount (USD)")).toHaveValue("86.00");
});

test("a double tap on a pass does not record how it was paid", async ({ page, staff }) => {
  const member = await staff.newMember("Olga");
  await openMember(page, member);
  await page.getByRole("button", { name: "Sell a product" }).click();
  const dialog = page.getByRole("dialog");
  // Nothing but a sale is sent with POST.
  const sales: string[] = [];
  page.on("request", (request) => request.method() === "POST" && sales.push(request.url()));
  await dialog.getByRole("button", { name: "Five classes · $85" }).click();
  await expect(dialog.getByRole("button", { name: "Cash" })).toBeVisible();
  await dialog.getByRole("button", { name: "Cash" }).dispatchEvent("click", { detail: 2 });
  await dialog.getByRole("button", { name: "Back" }).click();
  await expect(dialog.getByRole("button", { name: "Five classes · $85" })).toBeFocused();
  // What the pass is good for is said before the sale.
  await dialog.getByRole("button", { name: "Ten prácticas · $80" }).click();
  await expect(dialog.getByText(/10 classes · .* · only /)).toBeVisible();
  expect(sales).toEqual([]);
});

test("a pass that the member has pays for the class", async ({ page, staff }) => {
  const { wanted, member } = await unpaidClass(staff);
  await staff.sell(member, "Five classes");
  await staff.sell(member, "Ten prácticas");
  await signInAs(page, "staff");
  await open(page, rosterOf(wanted));
  await page.getByRole("button", { name: `${member.name} pays $18` }).click();
  const dialog = page.getByRole("dialog", { name: `Payment of ${member.name}` });
  await expect(dialog.getByText("“Ten prácticas” cannot pay: it is not good for this class.")).toBeVisible();
  await dialog.getByRole("button", { name: "Use “Five classes” 5 classes left, until" }).click();
  await expect(page.getByText("“Five classes” pays. 4 classes are left.")).toBeVisible();
  expect((await staff.roster(wanted)).get(member.name)).toMatchObject({ isUnpaid: false, passName: "Five classes" });

  // The dialog that cancels says what happens to the pass.
  await page.getByRole("button", { name: `More about ${member.name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the booking" }).click();
  await expect(page.getByRole("dialog").getByText("“Five classes” gets the class back.")).toBeVisible();
});

test.describe("with an expected failure", () => {
  test.use({ expectedErrors: ["status of 409", "ERR_FAILED"] });

  test("a sale whose response is lost is recorded once", async ({ page, staff }) => {
    const member = await staff.newMember("Olga");
    await openMember(page, member);
    await page.getByRole("button", { name: "Sell a product" }).click();
    const dialog = page.getByRole("dialog", { name: new RegExp(`^Sell a .* to ${member.name}$`) });
    await dialog.getByRole("button", { name: "Five classes · $85" }).click();
    let isLost = false;
    const keys: Array<string | undefined> = [];
    await page.route("**/api/admin/orders", async (route) => {
      if (route.request().method() !== "POST") return route.fallback();
      keys.push(route.request().headers()["idempotency-key"]);
      if (isLost) return route.fallback();
      isLost = true;
      await route.fetch();
      return route.abort();
    });
    await dialog.getByRole("button", { name: "Cash" }).click();
    await expect(page.getByText(`${member.name} has “Five classes” now.`)).toBeVisible();
    expect(new Set(keys).size).toBe(1);
    expect(keys.length).toBe(2);
    await expect(page.getByRole("table", { name: "Passes" }).getByRole("row")).toHaveCount(2);
    await expect(page.getByRole("table", { name: "Sales of this member" }).getByRole("row")).toHaveCount(2);
  });

  test("a sale with an unknown outcome is shown, and another one can follow", async ({ page, staff }) => {
    const member = await staff.newMember("Olga");
    await openMember(page, member);
    const sales = page.getByRole("table", { name: "Sales of this member" });
    const dialog = page.getByRole("dialog");
    await expect(page.getByText("Nothing was sold to this member.")).toBeVisible();
    let isLost = false;
    await page.route("**/api/admin/orders", async (route) => {
      if (route.request().method() !== "POST") return route.fallback();
      if (!isLost) await route.fetch();
      isLost = true;
      return route.abort();
    });
    await page.clock.install();
    const sell = async () => {
      await page.getByRole("button", { name: "Sell a product" }).click();
      await dialog.getByRole("button", { name: "Five classes · $85" }).click();
      await dialog.getByRole("button", { name: "Cash" }).click();
    };
    await sell();
    await expect(async () => {
      await page.clock.fastForward(15_000);
      await expect(page.getByText("We do not know whether it was recorded. Look at the sales before you do it again.")).toBeVisible({ timeout: 300 });
    }).toPass();
    await expect(dialog).toHaveCount(0);
    await expect(sales.getByRole("row")).toHaveCount(2);
    await page.unroute("**/api/admin/orders");
    await sell();
    await expect(sales.getByRole("row")).toHaveCount(3);
  });

  test("a change of a pass whose response is lost is made once", async ({ page, staff }) => {
    const member = await staff.newMember("Olga");
    await staff.sell(member, "Five classes");
    await openMember(page, member);
    let isLost = false;
    await page.route("**/api/admin/passes", async (route) => {
      if (route.request().method() !== "PATCH" || isLost) return route.fallback();
      isLost = true;
      await route.fetch();
      return route.abort();
    });
    await changePass(page, "Five classes", "Add classes");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Number of classes").fill("2");
    await dialog.getByLabel("Reason").fill("A present");
    await dialog.getByRole("button", { name: "Add classes" }).click();
    await expect(rowOf(page, "Five classes").getByText("7 of 7")).toBeVisible();
  });

  test("a pass that cannot pay after all is sold, and the class stays unpaid", async ({ page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await signInAs(page, "staff");
    await open(page, rosterOf(wanted));
    await page.getByRole("button", { name: `${member.name} pays $18` }).click();
    await page.route("**/api/admin/bookings", (route) => route.fulfill({ status: 409, json: { error: "No", code: "pass_not_usable" } }), { times: 1 });
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Five classes · $85" }).click();
    await dialog.getByRole("button", { name: "Transfer" }).click();
    await expect(page.getByText(`${member.name} has “Five classes” now, but the class is still unpaid. This pass cannot pay for the class.`)).toBeVisible();
    await expect(page.getByRole("dialog")).toHaveCount(0);
    // The pass is there, and can be used with the next try.
    await page.getByRole("button", { name: `${member.name} pays $18` }).click();
    await dialog.getByRole("button", { name: "Use “Five classes”" }).click();
    await expect(page.getByText("“Five classes” pays. 4 classes are left.")).toBeVisible();
  });

  test("a pass that is sold pays once for the class, even if the response is lost", async ({ page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await signInAs(page, "staff");
    await open(page, rosterOf(wanted));
    await page.getByRole("button", { name: `${member.name} pays $18` }).click();
    let isLost = false;
    await page.route("**/api/admin/bookings", async (route) => {
      if (isLost) return route.fallback();
      isLost = true;
      await route.fetch();
      return route.abort();
    });
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Five classes · $85" }).click();
    await dialog.getByRole("button", { name: "Cash" }).click();
    await expect(page.getByText(`${member.name} has “Five classes” now. “Five classes” pays. 4 classes are left.`)).toBeVisible();
  });

  test("a class that was paid meanwhile is shown as paid", async ({ page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await signInAs(page, "staff");
    await open(page, rosterOf(wanted));
    const pays = page.getByRole("button", { name: `${member.name} pays $18` });
    await pays.click();
    await staff.recordPayment((await staff.roster(wanted)).get(member.name)?.bookingId ?? "");
    await page.getByRole("dialog").getByRole("button", { name: "$18 received" }).click();
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(pays).toHaveCount(0);
  });

  test("a pass is bought only as often as it may be, and a freeze leaves booked classes alone", async ({ page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await staff.sell(member, "Two weeks to try");
    await staff.usePass(wanted, member);
    await openMember(page, member);
    await page.getByRole("button", { name: "Sell a product" }).click();
    const trial = page.getByRole("dialog").getByRole("button", { name: "Two weeks to try · $39" });
    await expect(trial).toBeDisabled();
    await expect(trial).toContainText(`${member.name} has had it already`);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();

    await changePass(page, "Two weeks to try", "Freeze");
    const dialog = page.getByRole("dialog", { name: "Freeze “Two weeks to try”" });
    await dialog.getByLabel("First day").fill(wanted.date);
    await dialog.getByLabel("Last day").fill(wanted.date);
    await dialog.getByLabel("Reason").fill("Ill");
    await dialog.getByRole("button", { name: "Freeze" }).click();
    await expect(dialog.getByText("Nothing is changed: a freeze begins while the pass is good")).toBeVisible();
  });
});

test.describe("without a connection", () => {
  test.use({ expectedErrors: ["net::ERR_INTERNET_DISCONNECTED"] });

  test("nothing is sold until it is back", async ({ context, page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await signInAs(page, "staff");
    await open(page, rosterOf(wanted));
    await page.getByRole("button", { name: `${member.name} pays $18` }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByRole("button", { name: "Five classes · $85" })).toBeVisible();
    await context.setOffline(true);
    await expect(dialog.getByText("Without a connection, nothing can be sold, and passes cannot be used.")).toBeVisible();
    await expect(dialog.getByRole("button", { name: "Five classes · $85" })).toHaveCount(0);
    await context.setOffline(false);
    await dialog.getByRole("button", { name: "Five classes · $85" }).click();
    await context.setOffline(true);
    await expect(dialog.getByRole("button", { name: "Cash" })).toBeDisabled();
    await context.setOffline(false);
    await expect(dialog.getByRole("button", { name: "Cash" })).toBeEnabled();
  });
});

test.describe("for oneself", () => {
  test.use({ expectedErrors: ["status of 403"] });

  test("nobody of the staff sells a pass", async ({ page }) => {
    await signInAs(page, "staff");
    const { id } = (await (await page.request.get("/api/auth/me")).json()) as { id: string };
    await open(page, `/staff/members/${id}`);
    await page.getByRole("button", { name: "Sell a product" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Five classes · $85" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cash" }).click();
    await expect(page.getByRole("dialog").getByText("You cannot do this with your own purchases. Please ask a colleague.")).toBeVisible();
  });
});

test.describe("with more than was paid", () => {
  test.use({ expectedErrors: ["status of 409"] });

  test("money is given back, as much as is left of the pass, and the pass is revoked", async ({ page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await staff.sell(member, "Ten classes");
    await staff.usePass(wanted, member);
    await signInAs(page, "staff");
    await open(page, "/staff/sales");
    const row = rowOf(page, member.name);
    await expect(row).toContainText("Ten classes");
    await expect(row).toContainText("Cash");
    await row.getByLabel(`More for the sale to ${member.name}, Ten classes`).click();
    await row.getByRole("button", { name: "Refund" }).click();
    const dialog = page.getByRole("dialog", { name: `Refund ${member.name}` });
    // The class that is booked is left as well, because revoking the pass makes it unpaid.
    const revoke = dialog.getByLabel("Revoke “Ten classes” – 1 upcoming booking stays, and is then unpaid.");
    await expect(revoke).toBeChecked();
    await expect(dialog.getByLabel("Amount (USD)")).toHaveValue("150.00");
    await revoke.uncheck();
    // $150 × 9 ÷ 10.
    await expect(dialog.getByLabel("Amount (USD)")).toHaveValue("135.00");
    await revoke.check();
    await expect(dialog.getByText("“Ten classes”: 9 classes left")).toBeVisible();
    await expectAccessible(page);
    await dialog.getByLabel("Amount (USD)").fill("150.01");
    await dialog.getByRole("button", { name: "Refund" }).click();
    await expect(dialog.getByText("The amount is more than what is left of the payment.")).toBeVisible();
    await dialog.getByLabel("Amount (USD)").fill("135.00");
    // What is typed stays.
    await revoke.uncheck();
    await revoke.check();
    await expect(dialog.getByLabel("Amount (USD)")).toHaveValue("135.00");
    await dialog.getByLabel("How it is given back").selectOption("Transfer");
    await dialog.getByLabel("Reason (optional)").fill("Moves to another city");
    await dialog.getByRole("button", { name: "Refund" }).click();
    await expect(page.getByText(`The refund of $135 for ${member.name} is recorded.`)).toBeVisible();
    await expect(row).toContainText("$135 refunded");
    expect((await staff.roster(wanted)).get(member.name)).toMatchObject({ isUnpaid: true, passName: null });
    await open(page, `/staff/members/${member.id}`);
    await expect(rowOf(page, "Ten classes").getByText("Revoked")).toBeVisible();
  });
});

test("the passes of a member are extended, frozen, revoked, and restored", async ({ page, staff }) => {
  const { wanted, member } = await unpaidClass(staff);
  await staff.sell(member, "Ten classes");
  await staff.usePass(wanted, member);
  await openMember(page, member);
  const passes = page.getByRole("table", { name: "Passes" });
  const row = passes.getByRole("row").filter({ hasText: "Ten classes" });
  await expect(row).toContainText("9 of 10");
  await expect(row).toContainText("Active");
  await expect(rowOf(page, wanted.title).getByText("Ten classes")).toBeVisible();
  const dialog = page.getByRole("dialog");

  await changePass(page, "Ten classes", "Add classes");
  await dialog.getByRole("button", { name: "Add classes" }).click();
  await expect(dialog.getByText("Reason: is required.")).toBeVisible();
  await dialog.getByLabel("Number of classes").fill("2");
  await dialog.getByLabel("Reason").fill("A class was cut short");
  await dialog.getByRole("button", { name: "Add classes" }).click();
  await expect(page.getByText("The classes of “Ten classes” are changed.")).toBeVisible();
  await expect(row).toContainText("11 of 12");

  await changePass(page, "Ten classes", "Add days");
  await dialog.getByLabel("Number of days").fill("14");
  await dialog.getByLabel("Reason").fill("The studio was closed");
  await dialog.getByRole("button", { name: "Add days" }).click();
  await expect(page.getByText(/^“Ten classes” now ends on .+\.$/)).toBeVisible();

  await changePass(page, "Ten classes", "Freeze");
  const day = (inDays: number) => new Date(Date.now() + inDays * 86_400_000).toISOString().slice(0, 10);
  await dialog.getByLabel("First day").fill(day(10));
  await dialog.getByLabel("Last day").fill(day(20));
  await dialog.getByLabel("Reason").fill("Travels");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Freeze" }).click();
  await expect(page.getByText(/^“Ten classes” is frozen\. Its last day is .+ now\.$/)).toBeVisible();
  await expect(row.getByText(/^Frozen /)).toBeVisible();
  await changePass(page, "Ten classes", "End the freeze");
  await dialog.getByLabel("Reason").fill("Stays here");
  await dialog.getByRole("button", { name: "End the freeze" }).click();
  await expect(row.getByText("Active")).toBeVisible();

  await changePass(page, "Ten classes", "Revoke");
  await expect(dialog.getByText("1 upcoming booking stays, and is then unpaid.")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByLabel("Reason").fill("Sold by mistake");
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await expect(page.getByText("“Ten classes” is revoked.")).toBeVisible();
  await expect(row.getByText("Revoked")).toBeVisible();
  await expect(row).not.toContainText("of 12");
  expect((await staff.roster(wanted)).get(member.name)?.isUnpaid).toBe(true);
  await changePass(page, "Ten classes", "Restore");
  await dialog.getByLabel("Reason").fill("Was no mistake");
  await dialog.getByRole("button", { name: "Restore" }).click();
  await expect(page.getByText("“Ten classes” is restored. It pays again.")).toBeVisible();
  await expect(row.getByText("Active")).toBeVisible();
  await expectAccessible(page);

  // Who wonders about the pass later reads what was changed, by whom, and why.
  await changePass(page, "Ten classes", "History");
  const history = dialog.getByRole("listitem");
  await expect(history).toHaveText([
    /^RestoredWas no mistakeSofia Marin, /,
    /^RevokedSold by mistakeSofia Marin, /,
    /^Freeze endedStays hereSofia Marin, /,
    /^Frozen from .+ to .+TravelsSofia Marin, /,
    /^14 days addedThe studio was closedSofia Marin, /,
    /^2 classes addedA class was cut shortSofia Marin, /,
    /^Sold/,
  ]);
  await expectAccessible(page);
});

test("a payment that is pending is made with a pass, and leads to the passes of the member", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inDays: 62 });
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  const bookingId = await bookFor(member, wanted.id);
  await send(member, "/api/bookings/payment", { bookingId, method: "desk" });
  await member.context().close();

  await signInAs(page, "staff");
  await open(page, "/staff/payments?status=pending");
  const row = rowOf(page, wanted.title);
  await row.getByLabel("More for the payment").click();
  await row.getByRole("button", { name: "Pay with a pass" }).click();
  const dialog = page.getByRole("dialog", { name: /^Payment of / });
  // It ends after sixty days.
  await expect(dialog.getByRole("button", { name: "Five classes · $85" })).toContainText("not for this class");
  await dialog.getByRole("button", { name: "Ten classes · $150" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cash" }).click();
  await expect(page.getByText("“Ten classes” pays. 9 classes are left.")).toBeVisible();
  await expect(row).toHaveCount(0);
  await page.getByLabel("Show").selectOption("All payments");
  await row.getByLabel("More for the payment").click();
  await row.getByRole("button", { name: "Passes of the member" }).click();
  await expect(page).toHaveURL(/#passes$/);
  await expect(page.getByRole("heading", { name: "Passes" })).toBeInViewport();
  await expect(page.getByRole("table", { name: "Passes" })).toContainText("9 of 10");
});

test("the bookings of a member say what is unpaid, and which pass has its class back", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  const [member] = await staff.newMembersOf(wanted, ["Ana"]);
  if (!member) throw new Error("there is no member");
  await openMember(page, member);
  const row = rowOf(page, wanted.title);
  await expect(row.getByText("Unpaid $18")).toBeVisible();
  await staff.sell(member, "Ten classes");
  await staff.usePass(wanted, member);
  await page.reload();
  await expect(row.getByText("Ten classes", { exact: true })).toBeVisible();
  await row.getByLabel(`More for ${wanted.title}`).click();
  await row.getByRole("button", { name: "Cancel the booking" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the booking" }).click();
  await expect(row.getByText("Returned to “Ten classes”")).toBeVisible();
});

test("a pass that was revoked can be sold again", async ({ page, staff }) => {
  const member = await staff.newMember("Olga");
  await staff.sell(member, "Two weeks to try");
  await openMember(page, member);
  await changePass(page, "Two weeks to try", "Revoke");
  await page.getByRole("dialog").getByLabel("Reason").fill("Sold by mistake");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(rowOf(page, "Two weeks to try").getByText("Revoked")).toBeVisible();
  await page.getByRole("button", { name: "Sell a product" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Two weeks to try · $39" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cash" }).click();
  await expect(page.getByText(`${member.name} has “Two weeks to try” now.`)).toBeVisible();
});

test("a pass is sold by keyboard alone", async ({ page, staff }) => {
  const { wanted, member } = await unpaidClass(staff);
  await signInAs(page, "staff");
  await open(page, rosterOf(wanted));
  await tabTo(page, page.getByRole("button", { name: `${member.name} pays $18` }));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await tabTo(page, dialog.getByRole("button", { name: "Ten classes · $150" }));
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("It pays for this class at once.")).toBeVisible();
  // A second Enter sells nothing.
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("button", { name: "Cash" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(dialog.getByRole("button", { name: "Cash" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("“Ten classes” pays. 9 classes are left.")).toBeVisible();
});

test.describe("in Spanish", () => {
  test.use({ locale: "es-ES", viewport: { width: 390, height: 844 } });

  test("a pass is sold, and its refund is prepared", async ({ page, staff }) => {
    const { wanted, member } = await unpaidClass(staff);
    await signInAs(page, "staff");
    await open(page, rosterOf(wanted));
    await page.getByRole("button", { name: `${member.name} paga 18` }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Five classes · 85" }).click();
    await dialog.getByRole("button", { name: "Efectivo" }).click();
    await expect(page.getByText("Paga «Five classes». Quedan 4 clases.")).toBeVisible();
    await open(page, `/staff/members/${member.id}`);
    await expect(page.getByRole("table", { name: "Bonos" }).getByText("4 de 5")).toBeVisible();
    const sales = page.getByRole("table", { name: "Ventas a este miembro" });
    await sales.getByLabel(`Más para la venta a ${member.name}, Five classes`).click();
    await sales.getByRole("button", { name: "Reembolsar" }).click();
    await expect(dialog.getByLabel("Importe (USD)")).toHaveValue("85.00");
    await expect(dialog.getByText("Anular «Five classes» – 1 reserva próxima se mantiene, y queda sin pagar.")).toBeVisible();
    await expectAccessible(page);
  });
});
