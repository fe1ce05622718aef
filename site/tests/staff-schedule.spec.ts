// How staff plan the week.

import { randomUUID } from "node:crypto";
import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

test("another week is loaded without the class types, instructors and rooms", async ({ page }) => {
  await signInAs(page, "staff");
  await open(page, "/staff/schedule");
  const week = await page.getByRole("main").locator(".page-head .hint").textContent();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.getByRole("button", { name: "Next week" }).click();
  await expect(page.getByRole("main").locator(".page-head .hint")).not.toHaveText(week ?? "");
  await expect(page.locator(".skeletons")).toHaveCount(0);
  expect(asked).toContain("/api/classes/schedule");
  for (const path of ["/api/admin/classes", "/api/admin/instructors", "/api/admin/rooms"]) expect(asked).not.toContain(path);
});

test("staff move a class to another day, and see first who gets an e-mail", async ({ browser, page, staff }) => {
  const wanted = await staff.newClass({ inDays: 70 });
  const member = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  await newMember(member);
  await bookFor(member, wanted.id);
  await signInAs(page, "staff");
  await open(page, `/staff/schedule?week=${wanted.date}`);
  const block = page.getByRole("article").filter({ hasText: wanted.title });
  await expect(block.getByLabel("1 of 10 spots taken")).toBeVisible();
  await block.getByLabel(`More for ${wanted.title}`).click();
  await block.getByRole("button", { name: "Change" }).click();
  const dialog = page.getByRole("dialog", { name: `Change ${wanted.title}` });
  await dialog.getByLabel("Time").fill("20:30");
  await expect(dialog.getByText("1 date changes. 1 member gets an e-mail.")).toBeVisible();
  await expectAccessible(page);
  // Nothing is saved before the button is pressed.
  expect(await staff.timeOf(wanted)).toBe("18:00");
  await dialog.getByRole("button", { name: "Save the change" }).click();
  await expect(page.getByText(`${wanted.title} is changed.`)).toBeVisible();
  await expect(block.getByText("8:30 PM")).toBeVisible();

  // A drag opens the same dialog with the new day.
  const days = page.locator(".week-day");
  const from = await days.evaluateAll((all, title) => all.findIndex((day) => day.textContent?.includes(title)), wanted.title);
  const to = from === 0 ? 1 : from - 1;
  await block.dragTo(days.nth(to));
  await expect(dialog.getByText("1 date changes. 1 member gets an e-mail.")).toBeVisible();
  await dialog.getByRole("button", { name: "Save the change" }).click();
  await expect(days.nth(to).getByText(wanted.title)).toBeVisible();

  await block.getByLabel(`More for ${wanted.title}`).click();
  await block.getByRole("button", { name: "Cancel", exact: true }).click();
  const cancel = page.getByRole("dialog", { name: `Cancel ${wanted.title}?` });
  await expect(cancel.getByText("1 date and 1 booking are cancelled. 1 member gets an e-mail.")).toBeVisible();
  await cancel.getByLabel("Message to the members").fill("The teacher is ill.");
  await cancel.getByRole("button", { name: "Cancel the class" }).click();
  await expect(block.getByText("Cancelled")).toBeVisible();
  const bookings = await member.request.get("/api/bookings/list?when=all&status=cancelled");
  expect(await bookings.text()).toContain("The teacher is ill.");
  await member.context().close();
});

test("a new studio comes from its first room to a weekly class, and a conflict is shown before it is saved", async ({ page }) => {
  const id = randomUUID().slice(0, 6);
  await signInAs(page, "staff");
  await open(page, "/staff/setup");
  const dialog = page.getByRole("dialog");
  for (const [button, name] of [
    ["Add a room", `Sala ${id}`],
    ["Add a teacher", `Teo ${id}`],
  ] as const) {
    await page.getByRole("button", { name: button }).click();
    await dialog.getByLabel("Name", { exact: true }).fill(name);
    await dialog.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText(`${name} is added.`)).toBeVisible();
  }
  await page.getByRole("button", { name: "Add a pass" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill(`Pass ${id}`);
  await dialog.getByLabel("Price", { exact: false }).fill("150");
  await dialog.getByLabel("Number of classes").fill("10");
  await dialog.getByLabel("Valid for how many days").fill("120");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`Pass ${id} is added.`)).toBeVisible();

  await page.getByRole("button", { name: "Add a class type" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill(`Bomba ${id}`);
  await dialog.getByLabel("Price of one class").fill("18");
  await dialog.getByLabel("Tax included (%)").fill("19");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`Bomba ${id} is added.`)).toBeVisible();

  const plan = async () => {
    await page.getByRole("button", { name: /^Add a (weekly )?class$/ }).click();
    await dialog.getByLabel("Class type").selectOption(`Bomba ${id}`);
    await dialog.getByLabel("Teacher").selectOption(`Teo ${id}`);
    await dialog.getByLabel("Room").selectOption(`Sala ${id}`);
    await dialog.getByLabel("Time").fill("06:15");
  };
  await plan();
  await expect(dialog.getByText(/^[789] dates in the coming weeks\.$/)).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Add a class" }).click();
  await expect(page.getByText(new RegExp(`^Bomba ${id} is in the schedule: [789] dates so far`))).toBeVisible();
  await expect(page.getByText("Everything is ready: visitors can book your classes.")).toBeVisible();

  await open(page, "/staff/schedule");
  await plan();
  await expect(dialog.getByText("These dates stay as they are:")).toBeVisible();
  await expect(dialog.getByText("the room is taken").first()).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Weekly classes" }).click();
  const row = page.getByRole("row").filter({ hasText: `Bomba ${id}` });
  await row.getByLabel(`More for Bomba ${id}`).click();
  await row.getByRole("button", { name: "End" }).click();
  await expect(dialog.getByText(/^[789] dates and 0 bookings are cancelled\. Nobody gets an e-mail\.$/)).toBeVisible();
  await dialog.getByRole("button", { name: "End" }).click();
  await expect(row.getByText("Ended")).toBeVisible();
});
