// What staff do in the office: members, messages, payments, and what the studio has.

import { randomInt, randomUUID } from "node:crypto";
import { bookFor, expect, expectAccessible, mailedPath, newEmail, newMember, open, send } from "./site.ts";
import { countTaps, signInAs, test } from "./studio.ts";

test("staff add a member who comes without an account, and book a class for them", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 60 });
  const [email, name] = [newEmail(), `Inés ${randomUUID().slice(0, 6)}`];
  await signInAs(page, "staff");
  await open(page, "/staff/members");
  await page.getByRole("button", { name: "Add a member" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a member" });
  await dialog.getByLabel("First name").fill(name);
  await dialog.getByLabel("E-mail address").fill(email);
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Add and invite" }).click();
  await expect(page.getByText(`${name} is a member now, and gets an invitation.`)).toBeVisible();
  expect(await mailedPath(email, "verify-email")).toContain("#token=");

  await page.getByLabel("Search by name or e-mail address").fill(email);
  // The heading of the table, and the member.
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.getByRole("link", { name, exact: true }).click();
  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
  await page.getByRole("button", { name: "Book a class" }).click();
  const booking = page.getByRole("dialog", { name: `Book a class for ${name}` });
  await booking.getByLabel("Day").fill(wanted.date);
  await booking.getByRole("button", { name: `6:00 PM ${wanted.title} 10 spots` }).click();
  await expect(page.getByText(`${wanted.title} is booked.`)).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: wanted.title });
  await expect(row.getByText("Booked")).toBeVisible();
  await expectAccessible(page);

  await row.getByLabel(`More for ${wanted.title}`).click();
  await row.getByRole("button", { name: "Cancel the booking" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the booking" }).click();
  await expect(page.getByText(`The booking of ${name} is cancelled.`)).toBeVisible();
  await expect(row.getByText("Cancelled")).toBeVisible();
});

test.describe("with an expected failure", () => {
  test.use({ expectedErrors: ["status of 503"] });

  test("the classes of a day that could not be loaded are asked for again", async ({ page, staff }) => {
    const wanted = await staff.newClass({ inDays: 62 });
    const member = await staff.newMember("Olga");
    await signInAs(page, "staff");
    await open(page, `/staff/members/${member.id}`);
    await page.route("**/api/classes/schedule?*", (route) => route.fulfill({ status: 503, json: { error: "Down", code: "unavailable" } }), { times: 1 });
    await page.getByRole("button", { name: "Book a class" }).click();
    const dialog = page.getByRole("dialog", { name: `Book a class for ${member.name}` });
    await expect(dialog.getByText(/^The classes could not be loaded\./)).toBeVisible();
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Try again" }).click();
    await expect(dialog.getByText(/^The classes could not be loaded\./)).toHaveCount(0);
    await dialog.getByLabel("Day").fill(wanted.date);
    await dialog.getByRole("button", { name: `6:00 PM ${wanted.title} 10 spots` }).click();
    await expect(page.getByText(`${wanted.title} is booked.`)).toBeVisible();
  });
});

test("a late cancellation on the page of a member can be made without a consequence", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  await signInAs(page, "staff");
  // The hour after a booking in which it can be cancelled ends with the start of the class.
  await page.clock.setFixedTime(Date.now() + 31 * 60_000);
  await open(page, `/staff/members/${ana?.id}`);
  const row = page.getByRole("row").filter({ hasText: wanted.title });
  await row.getByLabel(`More for ${wanted.title}`).click();
  await row.getByRole("button", { name: "Cancel the booking" }).click();
  const dialog = page.getByRole("dialog");
  const sent = page.waitForRequest((request) => request.method() === "PATCH");
  await dialog.getByRole("button", { name: "Cancel free of charge" }).click();
  expect((await sent).postDataJSON()).toMatchObject({ action: "cancel", lenient: true });
  await expect(page.getByText(`The booking of ${ana?.name} is cancelled.`)).toBeVisible();
});

test("medical notes are read only after a confirmation", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inDays: 61 });
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  const email = await newMember(member);
  await member.request.patch("/api/auth/me", { headers: { Origin: process.env.SITE ?? "" }, data: { medicalConditions: "Asthma" } });
  await bookFor(member, wanted.id);
  await member.context().close();

  await signInAs(page, "staff");
  await open(page, `/staff/members?search=${email}`);
  await page.getByRole("row").filter({ hasText: email }).getByRole("link").first().click();
  const row = page.getByRole("row").filter({ hasText: wanted.title });
  await row.getByLabel(`More for ${wanted.title}`).click();
  await row.getByRole("button", { name: "Read the medical notes" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("recorded with your name")).toBeVisible();
  await expect(page.getByText("Asthma")).toHaveCount(0);
  await dialog.getByRole("button", { name: "Read them" }).click();
  await expect(dialog.getByText("Asthma")).toBeVisible();
});

test("a message is answered by e-mail, marked, and put back", async ({ page }) => {
  const subject = `Wedding dance ${randomUUID().slice(0, 6)}`;
  await page.goto("/contact");
  await send(page, "/api/contact/submit", { name: "Ana Ruiz", email: "ana.ruiz@example.com", subject, message: "Do you teach couples?\nWe are two." });
  await signInAs(page, "staff");
  await open(page, "/staff/messages");
  const card = page.getByRole("article").filter({ hasText: subject });
  const reply = new URL((await card.getByRole("link", { name: "Reply by e-mail" }).getAttribute("href")) ?? "");
  expect(reply.protocol + decodeURIComponent(reply.pathname)).toBe("mailto:ana.ruiz@example.com");
  expect(reply.searchParams.get("subject")).toBe(`Re: ${subject}`);
  expect(reply.searchParams.get("body")).toContain("> Do you teach couples?\r\n> We are two.");

  await card.getByRole("button", { name: "Mark as answered" }).click();
  await expect(page.getByText("The message of Ana Ruiz is marked as answered.")).toBeVisible();
  await expect(card).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(card).toBeVisible();
  await card.getByRole("button", { name: "Mark as answered" }).click();
  await page.getByRole("button", { name: "Answered", exact: true }).click();
  await expect(card.getByText(/^Answered on /)).toBeVisible();
});

test("a payment is recorded at the desk, and refunded", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inDays: 62 });
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  const bookingId = await bookFor(member, wanted.id);
  await send(member, "/api/bookings/payment", { bookingId, method: "desk" });
  await member.context().close();

  await signInAs(page, "staff");
  await open(page, "/staff/payments");
  await page.getByLabel("Show").selectOption("Not paid");
  await expect(page).toHaveURL("/staff/payments?status=pending");
  const row = page.getByRole("row").filter({ hasText: wanted.title });
  await row.getByLabel("More for the payment").click();
  await row.getByRole("button", { name: "Record payment at the desk" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Record payment at the desk" }).click();
  await expect(page.getByText(/^The payment of .* is recorded\.$/)).toBeVisible();
  await expect(row).toHaveCount(0);

  await page.getByLabel("Show").selectOption("Paid");
  await row.getByLabel("More for the payment").click();
  await row.getByRole("button", { name: "Refund" }).click();
  const dialog = page.getByRole("dialog", { name: "Refund this payment?" });
  await expect(dialog.getByText(/^Give .* \$18 for .* back at the desk\./)).toBeVisible();
  await expect(dialog.getByText("A booking stays.")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Refund" }).click();
  await expect(page.getByText(/^The refund of \$18 for .* is recorded\.$/)).toBeVisible();
  await page.getByLabel("Show").selectOption("Refunded");
  await expect(row.getByText("$18 refunded")).toBeVisible();
});

test("a refund that is due is one tap and a confirmation away", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 62 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  const name = ana?.name ?? "";
  await staff.recordPayment((await staff.roster(wanted)).get(name)?.bookingId ?? "");
  await staff.cancel(wanted);
  await signInAs(page, "staff");
  await open(page, "/staff/payments?status=refund_due");
  const row = page.getByRole("row").filter({ hasText: wanted.title });
  const taps = await countTaps(page);
  await row.getByRole("button", { name: `Refund ${name}, ${wanted.title}` }).click();
  await expectAccessible(page);
  const dialog = page.getByRole("dialog", { name: "Refund this payment?" });
  await expect(dialog.getByText(`Give ${name} $18 for ${wanted.title} back at the desk.`)).toBeVisible();
  // A class that is cancelled has no spots.
  await expect(dialog.getByText("spot")).toHaveCount(0);
  await dialog.getByRole("button", { name: "Refund" }).click();
  await expect(page.getByText(`The refund of $18 for ${name} is recorded.`)).toBeVisible();
  await expect(row).toHaveCount(0);
  expect(taps()).toBe(2);
});

test("nobody has to give back what is due by card, and staff are told when it cannot be sent", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 63 });
  const [ana] = await staff.newMembersOf(wanted, ["Ana"]);
  await staff.recordPayment((await staff.roster(wanted)).get(ana?.name ?? "")?.bookingId ?? "");
  await staff.cancel(wanted);
  await page.route("**/api/admin/payments?*", async (route) => {
    const response = await route.fetch();
    const { items, ...more } = (await response.json()) as { items: Array<{ class: { title: string } }> };
    const byCard = items.map((item) => (item.class.title === wanted.title ? { ...item, method: "card" } : item));
    await route.fulfill({ response, json: { items: byCard, ...more } });
  });
  await signInAs(page, "staff");
  await open(page, "/staff/payments?status=refund_due");
  const row = page.getByRole("row").filter({ hasText: wanted.title });
  await expect(row.getByText("The refund is sent to the card automatically.")).toBeVisible();
  await expect(row.getByRole("button", { name: /^Refund / })).toHaveCount(0);
  await page.route("**/api/studio", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), paymentMethods: ["desk"] } });
  });
  await page.evaluate(() => sessionStorage.clear());
  await open(page, "/staff/payments?status=refund_due");
  await expect(row.getByText("The refund cannot be sent to the card before card payments are set up.")).toBeVisible();
});

test("a room is added, renamed, retired, and brought back", async ({ page }) => {
  const name = `Sala ${randomUUID().slice(0, 6)}`;
  await signInAs(page, "staff");
  await open(page, "/staff/rooms");
  await page.getByRole("button", { name: "Add a room" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`${name} is added.`)).toBeVisible();
  const row = (text: string) => page.getByRole("row").filter({ hasText: text });
  await row(name).getByLabel(`More for ${name}`).click();
  await row(name).getByRole("button", { name: "Change" }).click();
  await dialog.getByLabel("Name").fill(`${name} B`);
  await dialog.getByRole("button", { name: "Save" }).click();
  await row(`${name} B`).getByLabel(`More for ${name} B`).click();
  await row(`${name} B`).getByRole("button", { name: "Retire" }).click();
  await dialog.getByRole("button", { name: "Retire" }).click();
  await expect(page.getByText(`${name} B is retired.`)).toBeVisible();
  await expect(row(name)).toHaveCount(0);
  await page.getByRole("button", { name: "Retired", exact: true }).click();
  await row(name).getByLabel(`More for ${name} B`).click();
  await row(name).getByRole("button", { name: "Bring back" }).click();
  await expect(page.getByText(`${name} B is in use again.`)).toBeVisible();
  await expect(row(name)).toHaveCount(0);
  await page.reload();
  await expect(row(name)).toBeVisible();
});

test("a closure says what it cancels before it is saved", async ({ browser, page, staff }) => {
  // A day far ahead, on which no other test has classes, and no earlier attempt of this one.
  const wanted = await staff.newClass({ inDays: randomInt(200, 1_000) });
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  await bookFor(member, wanted.id);
  await signInAs(page, "staff");
  await open(page, "/staff/closures");
  await page.getByRole("button", { name: "Add a closure" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a closure" });
  await dialog.getByLabel("First day").fill(wanted.date);
  await expect(dialog.getByLabel("Last day")).toHaveValue(wanted.date);
  await dialog.getByLabel("Reason").fill("The floor is being renewed");
  await expect(dialog.getByText("1 class takes place on these days. Nothing is cancelled.")).toBeVisible();
  await dialog.getByLabel("Cancel the classes").check();
  await expect(dialog.getByText("1 class and 1 booking will be cancelled. 1 member gets an e-mail.")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save the closure" }).click();
  await expect(page.getByText("The closure is saved.")).toBeVisible();
  await expect(page.getByRole("row").filter({ hasText: "The floor is being renewed" })).toBeVisible();
  const bookings = await member.request.get("/api/bookings/list?when=all&status=cancelled");
  expect(await bookings.text()).toContain("The floor is being renewed");
  await member.context().close();
});
