// The roster of a class at the door.

import type { Page, Route } from "@playwright/test";
import { scriptSizes } from "./scripts.ts";
import { expect, expectAccessible, newMemberPage, open, send } from "./site.ts";
import { countTaps, type KnownMember, type NewClass, signInAs, test } from "./studio.ts";

// The address of a member who walks in again is taken.
test.use({ expectedErrors: ["status of 409"] });

const rosterOf = ({ id }: NewClass) => `/staff/roster/${id}`;

async function openRoster(page: Page, wanted: NewClass): Promise<void> {
  await signInAs(page, "staff");
  await open(page, rosterOf(wanted));
}

const checkInOf = (page: Page, name: string) => page.getByRole("button", { name: `Check in ${name}` });

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, contextOptions: { reducedMotion: "reduce" } });

  test("forty members are checked in with one tap each, on targets that a thumb hits", async ({ page, staff }) => {
    test.slow();
    const full = await staff.newClass({ spots: 40, inMinutes: 30 });
    await staff.newMembersOf(full, Array.from({ length: 40 }, (_, index) => `Member${String(index).padStart(2, "0")}`));
    await openRoster(page, full);
    const list = page.getByRole("list", { name: "Roster" });
    await expect(list.getByRole("listitem")).toHaveCount(40);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page);
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);

    const small = await page.locator("main button:visible, main a:visible, main input:visible").evaluateAll((elements) =>
      elements.flatMap((element) => {
        const { width, height } = element.getBoundingClientRect();
        return width < 48 || height < 48 ? [`${element.outerHTML.slice(0, 80)} ${width}x${height}`] : [];
      }),
    );
    expect(small, "smaller than 48 pixels").toEqual([]);

    const buttons = list.getByRole("button", { name: /^Check in / });
    await buttons.evaluateAll((all) => (all as HTMLButtonElement[]).slice(0, 20).forEach((button) => button.click()));
    await expect(page.getByText("20 of 40 here")).toBeVisible();
    await expect.poll(async () => [...(await staff.roster(full)).values()].filter(({ status }) => status === "attended").length).toBe(20);
  });
});

test("a check-in is undone from the message or from the row, and members are found by their name", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [jose, ana] = await staff.newMembersOf(wanted, ["José", "Ana"]);
  if (!jose || !ana) throw new Error("there are no members");
  await openRoster(page, wanted);
  await page.getByRole("searchbox", { name: "Find a member" }).fill("jose");
  await expect(checkInOf(page, ana.name)).toHaveCount(0);
  await checkInOf(page, jose.name).click();
  await expect(page.getByText(`${jose.name} is here.`)).toBeVisible();
  await expect(checkInOf(page, jose.name)).toHaveAttribute("aria-pressed", "true");
  await expect.poll(async () => (await staff.roster(wanted)).get(jose.name)?.status).toBe("attended");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText(`The check-in of ${jose.name} is undone.`)).toBeVisible();
  await expect.poll(async () => (await staff.roster(wanted)).get(jose.name)?.status).toBe("booked");
  expect((await staff.attendance(wanted)).map(({ status }) => status)).toEqual(["attended", "booked"]);

  await page.getByRole("button", { name: "Clear the search" }).click();
  await checkInOf(page, ana.name).click();
  await page.getByRole("button", { name: "Expected 1" }).click();
  await expect(checkInOf(page, ana.name)).toHaveCount(0);
  await page.getByRole("button", { name: "Everyone 2" }).click();
  await checkInOf(page, ana.name).click();
  await expect.poll(async () => (await staff.roster(wanted)).get(ana.name)?.status).toBe("booked");
});

test("the roster loads little script, and is accessible on a desktop", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  await staff.newMembersOf(wanted, ["Ana"]);
  await signInAs(page, "staff");
  const sizes = await scriptSizes(page, rosterOf(wanted));
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  expect(total, JSON.stringify(sizes)).toBeLessThanOrEqual(80_000);
  await expectAccessible(page);
});

test("check-in is closed until an hour before the class", async ({ page, staff }) => {
  const later = await staff.newClass({ inMinutes: 90 });
  const [member] = await staff.newMembersOf(later, ["Ana"]);
  await openRoster(page, later);
  await expect(page.getByText(/^Check-in opens /)).toBeVisible();
  await expect(checkInOf(page, member?.name ?? "")).toBeDisabled();
});

test("a member pays at the desk", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [member] = await staff.newMembersOf(wanted, ["Ana"]);
  const name = member?.name ?? "";
  await openRoster(page, wanted);
  await page.getByRole("button", { name: `${name} pays $18` }).click();
  await page.getByRole("dialog", { name: `Payment of ${name}` }).getByRole("button", { name: "$18 received" }).click();
  await expect(page.getByText(`${name} has paid $18.`)).toBeVisible();
  await expect(page.getByRole("button", { name: `${name} pays $18` })).toHaveCount(0);
  expect((await staff.roster(wanted)).get(name)?.isUnpaid).toBe(false);
});

test("someone new walks in, is checked in, and comes again with the same address", async ({ page, staff }) => {
  const [first, second] = [await staff.newClass({ inMinutes: 30 }), await staff.newClass({ inMinutes: 100 })];
  const email = `walk-in-${Date.now()}@example.com`;
  const walkIn = async (wanted: NewClass, firstName: string, email: string) => {
    await open(page, rosterOf(wanted));
    await page.getByRole("button", { name: "Add", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Add to the class" });
    await dialog.getByRole("button", { name: "Someone new" }).click();
    await dialog.getByRole("button", { name: "Add to the class" }).click();
    await expect(dialog.getByText("First name: is required.")).toBeVisible();
    await dialog.getByLabel("First name").fill(firstName);
    await dialog.getByLabel("E-mail address").fill(email);
    await dialog.getByRole("button", { name: "Add to the class" }).click();
  };
  await signInAs(page, "staff");
  await walkIn(first, "Nora", email);
  await expect(page.getByText("Nora is in the class and checked in.")).toBeVisible();
  await expect(page.getByText("1 of 1 here")).toBeVisible();
  await walkIn(second, "Nora", email);
  await expect(page.getByText("Nora has an account already, and is in the class.")).toBeVisible();
  expect([...(await staff.roster(second)).values()].map(({ status }) => status)).toEqual(["booked"]);
  const third = await staff.newClass({ inMinutes: 30 });
  const known = await staff.newMember("Olga");
  await walkIn(third, "Olga", known.email);
  await expect(page.getByText("Olga has an account already, is in the class, and is checked in.")).toBeVisible();
  expect([...(await staff.roster(third)).values()].map(({ status }) => status)).toEqual(["attended"]);
});

/** Answers the next request of a method to the bookings with a failure. */
async function failOnce(page: Page, method: "POST" | "PATCH"): Promise<void> {
  let isFailed = false;
  await page.route("**/api/admin/bookings", (route) => {
    if (isFailed || route.request().method() !== method) return route.fallback();
    isFailed = true;
    return route.fulfill({ status: 409, json: { error: "Something has changed meanwhile." } });
  });
}

/** Finds a member in the dialog of a roster, and books the class. */
async function addMember(page: Page, { name }: KnownMember): Promise<void> {
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Add to the class" });
  await dialog.getByRole("searchbox").fill(name);
  await dialog.getByRole("button", { name: `Book for ${name}` }).click();
}

test("a check-in that fails after the booking is reported, and is repeated on the roster", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const member = await staff.newMember("Olga");
  await openRoster(page, wanted);
  await failOnce(page, "PATCH");
  await addMember(page, member);
  await expect(page.getByText(`${member.name} is in the class, but not checked in. Something has changed meanwhile.`)).toBeVisible();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(checkInOf(page, member.name)).toHaveAttribute("aria-pressed", "false");
  await checkInOf(page, member.name).click();
  await expect.poll(async () => (await staff.roster(wanted)).get(member.name)?.status).toBe("attended");
});

test("a full class gets one more member, even if the booking is repeated", async ({ page, staff }) => {
  const full = await staff.newClass({ inMinutes: 30, spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);
  const member = await staff.newMember("Olga");
  await openRoster(page, full);
  await addMember(page, member);
  const dialog = page.getByRole("dialog", { name: `Add ${member.name} to the full class?` });
  // The waitlist closes hours before the class.
  await expect(dialog.getByRole("button", { name: "Add to the waitlist" })).toHaveCount(0);
  await failOnce(page, "POST");
  await dialog.getByLabel("Reason").fill("Came by train");
  await dialog.getByRole("button", { name: "Add although full" }).click();
  await expect(dialog.getByText("Something has changed meanwhile.")).toBeVisible();
  await expect(dialog.getByLabel("Reason")).toHaveValue("Came by train");
  await dialog.getByRole("button", { name: "Add although full" }).click();
  await expect(page.getByText(`${member.name} is in the class and checked in.`)).toBeVisible();
  await expect(page.getByText("There are 2 members for 1 spot.")).toBeVisible();
});

test("a member without a booking is found and added", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30, spots: 1 });
  const member = await staff.newMember("Íñigo");
  await openRoster(page, wanted);
  await expect(page.getByText("Nobody has booked this class yet.")).toBeVisible();
  const taps = await countTaps(page);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Add to the class" });
  await expect(dialog.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type(`inigo ${member.name.split(" ")[1]}`);
  await expect(dialog.getByRole("button", { name: /^Book for / })).toHaveCount(1);
  await dialog.getByRole("button", { name: `Book for ${member.name}` }).click();
  const message = page.getByRole("status").filter({ hasText: `${member.name} is in the class and checked in.` });
  await expect(checkInOf(page, member.name)).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByText("First visit")).toBeVisible();
  expect(taps()).toBe(2);
  // Who has just come pays next.
  await message.getByRole("button", { name: "Take the payment" }).click();
  await page.getByRole("dialog", { name: `Payment of ${member.name}` }).getByRole("button", { name: "$18 received" }).click();
  await expect(page.getByText(`${member.name} has paid $18.`)).toBeVisible();
  expect(taps()).toBe(4);
});

test("someone who is not found is added with the name that was searched for, to a class that is full", async ({ page, staff }) => {
  const full = await staff.newClass({ inMinutes: 30, spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);
  const lastName = `Q${Date.now()}`;
  await openRoster(page, full);
  const taps = await countTaps(page);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Add to the class" });
  await expect(dialog.getByRole("searchbox")).toBeFocused();
  // A pause after the first name sends it, and keeps the space.
  const sent = page.waitForResponse((response) => response.url().includes("search=Zoe"));
  await page.keyboard.type("Zoe ");
  await sent;
  await expect(dialog.getByRole("searchbox")).toHaveValue("Zoe ");
  await page.keyboard.type(lastName);
  await dialog.getByRole("button", { name: `Add “Zoe ${lastName}” as someone new` }).click();
  await expect(dialog.getByLabel("E-mail address")).toBeFocused();
  await page.keyboard.type(`${lastName}@example.com`);
  await page.keyboard.press("Enter");
  const beyond = page.getByRole("dialog", { name: `Add Zoe ${lastName} to the full class?` });
  await expect(beyond.getByLabel("Reason")).toBeFocused();
  await expectAccessible(page);
  await page.keyboard.type("Came by train");
  await page.keyboard.press("Enter");
  await expect(page.getByText(`Zoe ${lastName} is in the class and checked in.`)).toBeVisible();
  await expect(page.getByText("1 of 2 here")).toBeVisible();
  expect(taps()).toBe(2);
});

test("somebody on the waitlist of a full class gets a spot, with a reason", async ({ page, staff }) => {
  const full = await staff.newClass({ spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);
  const [first, second] = [await staff.newMember("Berta"), await staff.newMember("Carla")];
  for (const member of [first, second]) await staff.book(member, full.id, true);
  await openRoster(page, full);
  const waitlist = page.getByRole("list", { name: "Waitlist" });
  await waitlist.getByRole("button", { name: `Give ${first.name} a spot` }).click();
  const dialog = page.getByRole("dialog", { name: `Add ${first.name} to the full class?` });
  await expect(dialog.getByRole("button", { name: "Add to the waitlist" })).toHaveCount(0);
  await dialog.getByLabel("Reason").fill("Comes from far away");
  await dialog.getByRole("button", { name: "Add although full" }).click();
  await expect(page.getByText(`${first.name} has a spot.`)).toBeVisible();
  await expect(checkInOf(page, first.name)).toBeVisible();
  await expect(waitlist.getByRole("listitem")).toHaveCount(1);
});

test("staff move a member to another date, and cancel a booking", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  const other = await staff.newDate(wanted);
  const [ana, berta] = await staff.newMembersOf(wanted, ["Ana", "Berta"]);
  if (!ana || !berta) throw new Error("there are no members");
  await openRoster(page, wanted);
  const taps = await countTaps(page);
  await page.getByRole("button", { name: `More about ${ana.name}` }).click();
  await page.getByRole("button", { name: "Move to another date" }).click();
  const move = page.getByRole("dialog", { name: `Move ${ana.name} to …` });
  await move.getByRole("button", { name: "10 spots left" }).click();
  await expect(page.getByText(new RegExp(`^${ana.name} comes on `))).toBeVisible();
  expect(taps()).toBe(3);
  await expect(checkInOf(page, ana.name)).toHaveCount(0);
  expect((await staff.roster({ ...wanted, id: other })).has(ana.name)).toBe(true);

  await page.getByRole("button", { name: `More about ${berta.name}` }).click();
  await page.getByRole("button", { name: "Cancel the booking" }).click();
  const cancel = page.getByRole("dialog", { name: `Cancel the booking of ${berta.name}?` });
  await expect(cancel.getByText("Cancelling is still free of charge.")).toBeVisible();
  await cancel.getByRole("button", { name: "Cancel the booking" }).click();
  await expect(page.getByText(`The booking of ${berta.name} is cancelled.`)).toBeVisible();
  await expect(page.getByText("Nobody has booked this class yet.")).toBeVisible();
});

test("a late cancellation can be made without a consequence", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const member = await newMemberPage(browser);
  const { id } = await send(member, "/api/bookings/create", { scheduledClassId: wanted.id });
  await openRoster(page, wanted);
  // The hour after a booking in which a member can cancel it ends with the start of the class.
  await page.clock.setFixedTime(Date.now() + 31 * 60_000);
  await page.reload();
  const taps = await countTaps(page);
  await page.getByRole("button", { name: /^More about / }).click();
  await page.getByRole("button", { name: "Cancel the booking" }).click();
  const dialog = page.getByRole("dialog", { name: /^Cancel the booking of / });
  await expect(dialog.getByText("It is too late to cancel free of charge.")).toBeVisible();
  await expectAccessible(page);
  const held: Route[] = [];
  await page.route("**/api/admin/bookings", (route) => (route.request().method() === "PATCH" ? void held.push(route) : route.continue()));
  const lenient = dialog.getByRole("button", { name: "Cancel free of charge" });
  await lenient.click();
  await expect.poll(() => held.length).toBe(1);
  expect(held[0]?.request().postDataJSON()).toMatchObject({ bookingId: id, action: "cancel", lenient: true });
  // Only the button that was pressed shows progress.
  await expect(lenient).toHaveAttribute("aria-busy", "true");
  await expect(dialog.getByRole("button", { name: "Cancel as late" })).not.toHaveAttribute("aria-busy");
  await held[0]?.continue();
  await expect(page.getByText(/^The booking of .* is cancelled\.$/)).toBeVisible();
  expect(taps()).toBe(3);
  await member.context().close();
});

test("medical notes are behind a tap that says it is recorded", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const member = await newMemberPage(browser);
  const saved = await member.request.patch("/api/auth/me", {
    data: { medicalConditions: "Left knee, since 2019", emergencyContactName: "Luis Ríos", emergencyContactPhone: "+13035550123" },
    headers: { Origin: process.env.SITE ?? "" },
  });
  expect(saved.ok(), await saved.text()).toBe(true);
  await send(member, "/api/bookings/create", { scheduledClassId: wanted.id });
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("medical-notes")) asked.push(request.method());
  });
  await openRoster(page, wanted);
  await page.getByRole("button", { name: /^More about / }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("Reading medical notes is recorded with your name.")).toBeVisible();
  await expect(dialog.getByText("Luis Ríos")).toHaveCount(0);
  await expectAccessible(page);
  expect(asked).toEqual([]);
  await dialog.getByRole("button", { name: "Show emergency contact and notes" }).click();
  await expect(dialog.getByText("Left knee, since 2019")).toBeVisible();
  await expect(dialog.getByText("Luis Ríos")).toBeVisible();
  expect(asked).toEqual(["POST"]);
  await member.context().close();
});

test("who does not come is recorded after the start, and that is undone", async ({ page, staff }) => {
  // The class starts with the next minute.
  test.slow();
  const wanted = await staff.newClass({ inMinutes: 1 });
  const [member] = await staff.newMembersOf(wanted, ["Ana"]);
  const name = member?.name ?? "";
  await openRoster(page, wanted);
  const missed = page.getByRole("dialog", { name }).getByRole("button", { name: "Did not come" });
  await expect(async () => {
    await page.getByRole("button", { name: `More about ${name}` }).click();
    await expect(page.getByRole("dialog", { name })).toBeVisible();
    if (await missed.isVisible()) return;
    await page.keyboard.press("Escape");
    throw new Error("the class has not started");
  }).toPass({ timeout: 150_000 });
  await missed.click();
  await expect(page.getByText(`${name} did not come.`)).toBeVisible();
  await expect(page.getByRole("listitem").getByText("Did not come")).toBeVisible();
  expect((await staff.roster(wanted)).get(name)?.status).toBe("no_show");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText(`${name} is expected again.`)).toBeVisible();
  await expect.poll(async () => (await staff.roster(wanted)).get(name)?.status).toBe("booked");
});

test("the roster follows colleagues, and says whose check-in it was", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  const name = ana?.name ?? "";
  const connected = page.waitForResponse((response) => response.url().includes("/api/admin/events"));
  await openRoster(page, wanted);
  await connected;
  const bookingId = (await staff.roster(wanted)).get(name)?.bookingId ?? "";
  await staff.checkIn(wanted, bookingId);
  await expect(checkInOf(page, name)).toHaveAttribute("aria-pressed", "true", { timeout: 10_000 });
  await page.getByRole("button", { name: `More about ${name}` }).click();
  await expect(page.getByRole("dialog", { name }).getByText(/^Here since .*, checked in by Sofia /)).toBeVisible();
  await page.keyboard.press("Escape");
  const [berta] = await staff.newMembersOf(wanted, ["Berta"]);
  await expect(checkInOf(page, berta?.name ?? "")).toBeVisible({ timeout: 10_000 });
});

test.describe("with an expected failure", () => {
  test.use({ expectedErrors: ["net::ERR"] });

  test("a check-in whose response is lost is sent again with the same key", async ({ page, staff }) => {
    const wanted = await staff.newClass({ inMinutes: 30 });
    const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
    const name = ana?.name ?? "";
    const keys: string[] = [];
    await page.route("**/api/admin/check-ins", async (route) => {
      keys.push(route.request().headers()["idempotency-key"] ?? "");
      if (keys.length > 1) return route.continue();
      // The member is checked in, and the response does not arrive.
      await route.fetch();
      await route.abort("connectionreset");
    });
    await page.clock.install();
    await openRoster(page, wanted);
    await checkInOf(page, name).click();
    const afterSomeTime = async () => {
      await page.clock.runFor(5_000);
      return keys.length;
    };
    await expect.poll(afterSomeTime).toBe(2);
    await expect(page.getByText("Not sent yet")).toHaveCount(0);
    expect(keys[1]).toBe(keys[0]);
    await expect(page.getByText("had already been checked in")).toHaveCount(0);
    expect((await staff.attendance(wanted)).map(({ status }) => status)).toEqual(["attended"]);
  });
});

test("on paper the roster has the names and no buttons", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  await openRoster(page, wanted);
  await page.emulateMedia({ media: "print" });
  await expect(page.getByText(ana?.name ?? "", { exact: true })).toBeVisible();
  await expect(page.getByRole("navigation")).toHaveCount(0);
  await expect(page.getByRole("searchbox")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Add", exact: true })).toHaveCount(0);
});

test("the roster of a cancelled class shows who had booked it, and who gets money back", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 82 });
  const [ana, berta, carla] = await staff.newMembersOf(wanted, ["Ana", "Berta", "Carla"]);
  const idOf = async (member?: KnownMember) => (await staff.roster(wanted)).get(member?.name ?? "")?.bookingId ?? "";
  await staff.recordPayment(await idOf(ana));
  await staff.cancelBooking(await idOf(berta));
  await staff.cancel(wanted);

  await signInAs(page, "staff");
  await open(page, `/staff/roster/${wanted.id}`);
  await expect(page.getByText("This class is cancelled.")).toBeVisible();
  const rows = page.getByRole("list", { name: "Who had booked" }).getByRole("listitem");
  await expect(rows).toHaveText([
    new RegExp(`^${ana?.name}Refund dueat the desk\\$18$`),
    new RegExp(`^${carla?.name}Not paid$`),
    new RegExp(`^${berta?.name}had cancelled before, `),
  ]);
  await expectAccessible(page);
  await page.getByRole("button", { name: `More about ${ana?.name}` }).click();
  const dialog = page.getByRole("dialog", { name: ana?.name ?? "" });
  await expect(dialog.getByRole("link", { name: `Write to ${ana?.email}` })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Cancel the booking" })).toHaveCount(0);
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.getByRole("link", { name: "Give money back" }).click();
  await expect(page.getByRole("button", { name: `Refund ${ana?.name}, ${wanted.title}` })).toBeVisible();
});
