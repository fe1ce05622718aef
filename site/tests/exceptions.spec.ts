// What staff do as an exception, with a reason: a member beyond the capacity, and a spot for free.

import type { Page } from "@playwright/test";
import { expect, expectAccessible, newEmail, newMemberPage, open, send } from "./site.ts";
import { type KnownMember, type NewClass, signInAs, test } from "./studio.ts";

test.use({ viewport: { width: 390, height: 844 }, contextOptions: { reducedMotion: "reduce" } });

const rosterOf = ({ id }: NewClass) => `/staff/roster/${id}`;

async function openRoster(page: Page, wanted: NewClass): Promise<void> {
  await signInAs(page, "staff");
  await open(page, rosterOf(wanted));
}

/** Opens the dialog of a roster that adds someone, and finds a member in it. */
async function findMember(page: Page, { name }: KnownMember) {
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Add to the class" });
  await dialog.getByRole("searchbox").fill(name);
  await expect(dialog.getByRole("button", { name: `Book for ${name}` })).toBeVisible();
  return { dialog, book: dialog.getByRole("button", { name: `Book for ${name}` }) };
}

/** Expects that a thumb hits every button and field of the open dialog. */
async function expectLargeTargets(page: Page): Promise<void> {
  const small = await page.locator("dialog[open] button:visible, dialog[open] input:not([type=checkbox]):visible, dialog[open] .check:visible").evaluateAll((elements) =>
    elements.flatMap((element) => {
      const { width, height } = element.getBoundingClientRect();
      return width < 44 || height < 44 ? [`${element.outerHTML.slice(0, 80)} ${width}x${height}`] : [];
    }),
  );
  expect(small, "smaller than 44 pixels").toEqual([]);
}

test("a full class gets a member beyond its capacity, and nobody moves up when one leaves", async ({ page, staff }) => {
  const full = await staff.newClass({ spots: 1 });
  const [ana] = await staff.newMembersOf(full, ["Ana"]);
  const [berta, olga, carla] = [await staff.newMember("Berta"), await staff.newMember("Olga"), await staff.newMember("Carla")];
  await staff.book(berta, full.id, true);
  await openRoster(page, full);

  await (await findMember(page, olga)).book.click();
  const dialog = page.getByRole("dialog", { name: `Add ${olga.name} to the full class?` });
  await expect(dialog.getByText("The only spot is taken. 1 member is on the waitlist.")).toBeVisible();
  await expect(dialog.getByLabel("Reason")).toBeFocused();
  await expectAccessible(page);
  await expectLargeTargets(page);
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("Reason: is required.")).toBeVisible();
  await page.keyboard.type("Her sister dances too");
  await page.keyboard.press("Enter");
  await expect(page.getByText(`${olga.name} is in the class.`)).toBeVisible();
  await expect(page.getByText("There are 2 members for 1 spot.")).toBeVisible();

  // Someone else joins the waitlist.
  await (await findMember(page, carla)).book.click();
  await page.getByRole("dialog", { name: `Add ${carla.name} to the full class?` }).getByRole("button", { name: "Add to the waitlist" }).click();
  await expect(page.getByText(`The class is full. ${carla.name} is on the waitlist.`)).toBeVisible();

  const anasBooking = (await staff.roster(full)).get(ana?.name ?? "")?.bookingId ?? "";
  await staff.cancelBooking(anasBooking);
  await expect(page.getByText("There are 2 members for 1 spot.")).toHaveCount(0);
  const roster = await staff.roster(full);
  expect([olga, berta, carla].map(({ name }) => roster.get(name)?.status)).toEqual(["booked", "waitlisted", "waitlisted"]);

  // One of them gets a spot beyond the capacity too, with a reason. The class keeps its capacity.
  await page.getByRole("button", { name: `Give ${carla.name} a spot` }).click();
  const beyond = page.getByRole("dialog", { name: `Add ${carla.name} to the full class?` });
  await beyond.getByLabel("Reason").fill("Has waited for weeks");
  await beyond.getByRole("button", { name: "Add although full" }).click();
  await expect(page.getByText(`${carla.name} has a spot.`)).toBeVisible();
  await expect(page.getByText("There are 2 members for 1 spot.")).toBeVisible();
  const after = await staff.roster(full);
  expect([olga, berta, carla].map(({ name }) => after.get(name)?.status)).toEqual(["booked", "waitlisted", "booked"]);
});

test("the studio gives a spot for free, and everyone sees what they need to know", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [member, instructor] = [await newMemberPage(browser), await newMemberPage(browser)];
  await staff.linkInstructor(wanted, instructor);
  await send(member, "/api/bookings/create", { scheduledClassId: wanted.id });
  const olga = await staff.newMember("Olga");
  await openRoster(page, wanted);

  // With the booking.
  const { dialog, book } = await findMember(page, olga);
  await dialog.getByLabel("Give the spot for free").check();
  await expectAccessible(page);
  await expectLargeTargets(page);
  await book.click();
  const why = page.getByRole("dialog", { name: `Give ${olga.name} the spot for free?` });
  await expect(why.getByLabel("Reason")).toBeFocused();
  await expectLargeTargets(page);
  await page.keyboard.press("Enter");
  await expect(why.getByText("Reason: is required.")).toBeVisible();
  await page.keyboard.type("Helped at the door");
  await page.keyboard.press("Enter");
  await expect(page.getByText(`${olga.name} is in the class and checked in. Given by the studio.`)).toBeVisible();
  await expect(page.getByText("Free", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: `More about ${olga.name}` }).click();
  await expect(page.getByText("Reason: Helped at the door")).toBeVisible();
  await page.keyboard.press("Escape");

  // Afterwards, for a member who has booked.
  await open(instructor, rosterOf(wanted));
  await expect(instructor.getByText("Nothing to pay")).toHaveCount(1);
  await expect(instructor.getByText("Not paid")).toHaveCount(1);
  const name = [...(await staff.roster(wanted)).keys()].find((one) => one !== olga.name) ?? "";
  await page.getByRole("button", { name: `More about ${name}` }).click();
  await page.getByRole("button", { name: "Give the spot for free" }).click();
  const ask = page.getByRole("dialog", { name: `Give ${name} the spot for free?` });
  await expect(ask.getByLabel("Reason")).toBeFocused();
  await expectLargeTargets(page);
  await page.keyboard.type("First class of a friend");
  await page.keyboard.press("Enter");
  await expect(page.getByText(`${name} has the spot for free.`)).toBeVisible();
  await expect(page.getByRole("button", { name: /pays/ })).toHaveCount(0);

  await open(member, "/bookings");
  await expect(member.getByText("Given by the studio")).toBeVisible();
  await expect(member.getByText("First class of a friend")).toHaveCount(0);
  await expect(member.getByRole("button", { name: /^Pay/ })).toHaveCount(0);
  await instructor.reload();
  await expect(instructor.getByText("Nothing to pay")).toHaveCount(2);
  await expect(instructor.getByText("$")).toHaveCount(0);
});

test("a spot in a full class can be free, and one in a free class cannot", async ({ page, staff }) => {
  const full = await staff.newClass({ inMinutes: 30, spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);
  const olga = await staff.newMember("Olga");
  await openRoster(page, full);
  const { dialog, book } = await findMember(page, olga);
  await dialog.getByLabel("Give the spot for free").check();
  await book.click();
  const beyond = page.getByRole("dialog", { name: `Add ${olga.name} to the full class?` });
  await expect(beyond.getByText("The member then pays nothing for this class.")).toBeVisible();
  await beyond.getByLabel("Reason").fill("Helped at the door");
  await beyond.getByRole("button", { name: "Add although full" }).click();
  await expect(page.getByText(`${olga.name} is in the class and checked in. Given by the studio.`)).toBeVisible();
  expect((await staff.roster(full)).get(olga.name)?.isUnpaid).toBe(false);

  const free = await staff.newClass({ inMinutes: 30, price: "0.00" });
  await open(page, rosterOf(free));
  const added = (await findMember(page, olga)).dialog;
  await expect(added.getByLabel("Check in right away")).toBeVisible();
  await expect(added.getByLabel("Give the spot for free")).toHaveCount(0);
});

test("on the page of a member, a full class is booked with a reason or on the waitlist", async ({ page, staff }) => {
  const full = await staff.newClass({ spots: 1, inDays: 41 });
  await staff.newMembersOf(full, ["Ana"]);
  const [olga, berta] = [await staff.newMember("Olga"), await staff.newMember("Berta")];
  await signInAs(page, "staff");
  const choose = async ({ id, name }: KnownMember) => {
    await open(page, `/staff/members/${id}`);
    await page.getByRole("button", { name: "Book a class" }).click();
    await page.getByLabel("Day").fill(full.date);
    await page.getByRole("button", { name: full.title }).click();
    return page.getByRole("dialog", { name: `Add ${name} to the full class?` });
  };
  const waits = await choose(berta);
  await expectAccessible(page);
  await waits.getByRole("button", { name: "Add to the waitlist" }).click();
  await expect(page.getByText(`${full.title}: on the waitlist.`)).toBeVisible();
  const beyond = await choose(olga);
  await expect(beyond.getByText("1 member is on the waitlist.")).toBeVisible();
  await beyond.getByLabel("Reason").fill("Her sister dances too");
  await beyond.getByRole("button", { name: "Add although full" }).click();
  await expect(page.getByText(`${full.title} is booked.`)).toBeVisible();
  const roster = await staff.roster(full);
  expect([olga, berta].map(({ name }) => roster.get(name)?.status)).toEqual(["booked", "waitlisted"]);
});

test("staff who do not say why someone new gets a spot are told that only the account is there", async ({ page, staff }) => {
  const full = await staff.newClass({ inMinutes: 30, spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);
  await openRoster(page, full);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Add to the class" });
  await dialog.getByRole("button", { name: "Someone new" }).click();
  await dialog.getByLabel("First name").fill("Zoe");
  await dialog.getByLabel("E-mail address").fill(newEmail());
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Add Zoe to the full class?" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText("Zoe has an account, but is not in the class.")).toBeVisible();
});
