// The staff's page of the day.

import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { countTaps, signInAs, test } from "./studio.ts";

// What fails here fails on purpose.
test.use({ expectedErrors: ["status of 409", "net::ERR"] });

test("the page of a day shows how full its classes are, and leads to other days", async ({ browser, page, staff }) => {
  const full = await staff.newClass({ spots: 1, inDays: 50 });
  const members = [];
  for (const joinWaitlist of [false, true]) {
    const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
    await newMember(member);
    await bookFor(member, full.id, joinWaitlist);
    members.push(member);
  }
  await signInAs(page, "staff");
  await open(page, `/staff?date=${full.date}`);
  const row = page.getByRole("article").filter({ hasText: full.title });
  await expect(row.getByLabel("1 of 1 spot taken")).toBeVisible();
  await expect(row.getByText("1 unpaid")).toBeVisible();
  await expect(row.getByText("1 waiting")).toBeVisible();
  await expect(row.getByRole("link", { name: `${full.title}, 6:00 PM: open the roster` })).toHaveAttribute("href", `/staff/roster/${full.id}`);

  await page.getByRole("button", { name: "Next day" }).click();
  await expect(row).toHaveCount(0);
  await page.goBack();
  await expect(row).toBeVisible();
  await page.getByLabel("Date", { exact: true }).and(page.locator("input")).fill("2026-01-05");
  await expect(page).toHaveURL("/staff?date=2026-01-05");
  await expect(page.getByRole("heading", { name: "Monday" })).toBeVisible();
  await page.getByRole("button", { name: "Today", exact: true }).click();
  await expect(page).toHaveURL("/staff");
  for (const member of members) await member.context().close();
});

test("staff give a class to a substitute, and are told how many members get an e-mail", async ({ browser, page, staff }) => {
  const [booked, other] = [await staff.newClass({ inDays: 51 }), await staff.newClass({ inDays: 51 })];
  const substitute = await staff.newInstructor();
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  await bookFor(member, booked.id);

  await signInAs(page, "staff");
  await open(page, `/staff?date=${booked.date}`);
  const row = page.getByRole("article").filter({ hasText: booked.title });
  await expect(row.getByText(booked.instructor)).toBeVisible();
  const taps = await countTaps(page);
  await row.getByLabel(`More for ${booked.title}`).click();
  await row.getByRole("button", { name: "Find a substitute" }).click();
  const dialog = page.getByRole("dialog", { name: `Who teaches ${booked.title}?` });
  await expect(dialog.getByText("1 member gets an e-mail.")).toBeVisible();
  await expect(dialog.getByRole("button", { name: booked.instructor })).toHaveCount(0);
  await expect(dialog.getByRole("button", { name: `${other.instructor} Teaches ${other.title} at 6:00 PM` })).toBeDisabled();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: substitute }).click();
  await expect(page.getByText(`${substitute} teaches ${booked.title}.`)).toBeVisible();
  expect(taps()).toBe(3);
  await expect(row.getByText(substitute)).toBeVisible();
  await member.context().close();
});

test("a substitute may have the name of the one who cannot come, and the problem of one is not that of all", async ({ page, staff }) => {
  const wanted = await staff.newClass({ inDays: 54 });
  const namesake = await staff.newInstructor(wanted.instructor);
  await signInAs(page, "staff");
  await open(page, `/staff?date=${wanted.date}`);
  const row = page.getByRole("article").filter({ hasText: wanted.title });
  const asked = page.waitForRequest((request) => request.method() === "PATCH");
  await page.route("**/api/admin/schedule", (route) => {
    const isPreview = route.request().method() === "PATCH" && (route.request().postDataJSON() as { preview?: boolean }).preview;
    return isPreview ? route.fulfill({ status: 409, json: { error: "The instructor teaches another class." } }) : route.fallback();
  });
  await row.getByLabel(`More for ${wanted.title}`).click();
  await row.getByRole("button", { name: "Find a substitute" }).click();
  const dialog = page.getByRole("dialog", { name: `Who teaches ${wanted.title}?` });
  await (await asked).response();
  await expect(dialog.getByRole("status")).toHaveCount(0);
  await expect(dialog.locator(".problem").filter({ hasText: /./ })).toHaveCount(0);
  await dialog.getByRole("button", { name: namesake }).click();
  await expect(page.getByText(`${namesake} teaches ${wanted.title}.`)).toBeVisible();
});

test("what a cancellation does is asked again when the connection is back", async ({ context, page, staff }) => {
  const wanted = await staff.newClass({ inDays: 55 });
  await signInAs(page, "staff");
  await open(page, `/staff?date=${wanted.date}`);
  const row = page.getByRole("article").filter({ hasText: wanted.title });
  await context.setOffline(true);
  await row.getByLabel(`More for ${wanted.title}`).click();
  await row.getByRole("button", { name: "Cancel the class" }).click();
  const effect = page.getByRole("dialog", { name: `Cancel ${wanted.title}?` }).getByRole("status");
  await expect(effect).toHaveClass(/problem/);
  await context.setOffline(false);
  await expect(effect).toHaveText("Nobody has booked it, so nobody gets an e-mail.");
});

test("staff cancel a class, and are told how many members get an e-mail", async ({ browser, page, staff }) => {
  const booked = await staff.newClass({ inDays: 52 });
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  await bookFor(member, booked.id);

  await signInAs(page, "staff");
  await open(page, `/staff?date=${booked.date}`);
  const row = page.getByRole("article").filter({ hasText: booked.title });
  const cancel = async () => {
    await row.getByLabel(`More for ${booked.title}`).click();
    await row.getByRole("button", { name: "Cancel the class" }).click();
  };
  await cancel();
  const dialog = page.getByRole("dialog", { name: `Cancel ${booked.title}?` });
  await expect(dialog.getByText("1 member gets an e-mail.")).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(row.getByText("Cancelled")).toHaveCount(0);
  await cancel();
  await dialog.getByLabel("Message to the members").fill("The floor is wet.");
  await dialog.getByRole("button", { name: "Cancel the class" }).click();
  await expect(page.getByText(`${booked.title} is cancelled.`)).toBeVisible();
  await expect(row.getByText("Cancelled")).toBeVisible();
  const bookings = await member.request.get("/api/bookings/list?when=all&status=cancelled");
  expect(await bookings.text()).toContain("The floor is wet.");
  await member.context().close();
});

test("the page of a day follows what happens elsewhere", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inDays: 53 });
  await page.clock.install();
  await signInAs(page, "staff");
  await open(page, `/staff?date=${wanted.date}`);
  const row = page.getByRole("article").filter({ hasText: wanted.title });
  await expect(row.getByLabel("0 of 10 spots taken")).toBeVisible();
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  await bookFor(member, wanted.id);
  await page.clock.runFor(20_000);
  await expect(row.getByLabel("1 of 10 spots taken")).toBeVisible();
  await member.context().close();
});
