// Stories of courses: staff create one, a member buys it and drops a class, and staff sell it.

import { randomUUID } from "node:crypto";
import { expect, expectAccessible, newMember, open } from "./site.ts";
import { signInAs, test } from "./studio.ts";

// A promo code for courses is also tried on the other products. Another person signs in on a page that
// still loads.
test.use({ expectedErrors: ["status of 401", "status of 409"] });

test("staff create a course, and a member buys it and drops a class", async ({ page, staff }) => {
  const name = `Course ${randomUUID().slice(0, 6)}`;
  const first = await staff.newClass({ inDays: 45, spots: 4 });
  const second = await staff.newClass({ inDays: 52, spots: 2 });
  await signInAs(page, "staff");
  await open(page, "/staff/sales?show=products");
  await page.getByRole("button", { name: "Add a product" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What it is").selectOption("A course, several classes together");
  await expect(dialog.getByLabel("Number of classes")).toHaveCount(0);
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Price (USD)").fill("31");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`${name} is added.`)).toBeVisible();

  await page.getByRole("button", { name: "Courses", exact: true }).click();
  await page.getByLabel("Course", { exact: true }).selectOption(name);
  await expect(page.getByText("The course has no classes yet.")).toBeVisible();
  for (const [one, saved] of [[first, "The course has 1 class now."], [second, "The course has 2 classes now."]] as const) {
    await page.getByLabel("From").fill(one.date);
    await page.getByLabel("To", { exact: true }).fill(one.date);
    await page.getByRole("button", { name: "Find classes" }).click();
    await page.getByRole("checkbox", { name: new RegExp(one.title) }).check();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Save the classes" }).click();
    await expect(page.getByText(saved)).toBeVisible();
  }
  await expect(page.getByText("Nobody is in the course yet.")).toBeVisible();

  // The class says what it is part of, and leads to the course.
  await newMember(page);
  await open(page, first.timetable);
  const card = page.getByRole("article").filter({ hasText: first.title });
  await expect(card.getByText("Only with the course")).toBeVisible();
  await expectAccessible(page);
  await card.getByRole("link", { name: /^See the course/ }).click();
  await expect(page).toHaveURL(/\/shop#course-/);
  const course = page.locator(".product").filter({ has: page.getByRole("heading", { name }) });
  await expect(course).toBeInViewport();
  await expect(course.getByText("$31")).toBeVisible();
  await expect(course.getByText("2 spots left")).toBeVisible();
  await course.getByText("All dates").click();
  await expectAccessible(page);
  await course.getByRole("button", { name: `Buy: ${name}` }).click();
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText("Thank you. You have a spot in each class of")).toBeVisible();

  await open(page, "/bookings");
  await expect(page.getByRole("heading", { name: "Courses" })).toBeVisible();
  await expect(page.getByText("2 classes are left")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: new RegExp(`Cancel.*${first.title}`) }).click();
  await expect(page.getByRole("dialog").getByText("Nothing is refunded.")).toBeVisible();
  await page.getByRole("dialog").getByRole("button", { name: /^Cancel/ }).click();
  await expect(page.getByText("1 class is left")).toBeVisible();
  // It was cancelled by mistake.
  await open(page, first.timetable);
  await card.getByRole("button", { name: /^Book/ }).click();
  await expect(card.getByText("Paid with the course")).toBeVisible();
  await open(page, "/bookings");
  await expect(page.getByText("2 classes are left")).toBeVisible();

  // Staff see the member, and sell the course to another one.
  const buyer = await staff.newMember("Ben");
  await signInAs(page, "staff");
  await open(page, `/staff/members/${buyer.id}`);
  await page.getByRole("button", { name: "Sell a product" }).click();
  await dialog.getByRole("button", { name: new RegExp(name) }).click();
  await dialog.getByRole("button", { name: "Cash" }).click();
  await expect(page.getByText(`has “${name}” now.`)).toBeVisible();
  await open(page, "/staff/sales?show=courses");
  await page.getByLabel("Course", { exact: true }).selectOption(name);
  await expect(page.getByText("its classes cannot be changed")).toBeVisible();
  await expect(page.getByRole("link", { name: buyer.name })).toBeVisible();
  await expectAccessible(page);

  // Staff choose whether a part of the price is refunded, and record when it was paid out.
  await open(page, `/staff/roster/${first.id}`);
  await page.getByRole("button", { name: `More about ${buyer.name}` }).click();
  await page.getByRole("button", { name: "Cancel the booking" }).click();
  await expect(dialog.getByText("Choose whether its part of the course price is refunded.")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Cancel and refund" }).click();
  await expect(page.getByText(`The booking of ${buyer.name} is cancelled.`)).toBeVisible();
  await open(page, `/staff/members/${buyer.id}`);
  await expect(page.getByText("Refund due at the desk: $15.50")).toBeVisible();
  await page.getByLabel(`More for the sale to ${buyer.name}, ${name}`).click();
  await page.getByRole("button", { name: "Record the refund as paid out" }).click();
  await expect(dialog.getByText("Pay out $15.50 at the desk")).toBeVisible();
  await dialog.getByRole("button", { name: "Record the refund as paid out" }).click();
  await expect(page.getByText(`The refund to ${buyer.name} is recorded.`)).toBeVisible();
});

test("a member who comes back goes on paying for a course at the price of the order", async ({ page, browser, staff }) => {
  const classes = [await staff.newClass({ inDays: 46 }), await staff.newClass({ inDays: 53 })] as const;
  const course = await staff.newCourse("40.00", [...classes]);
  const code = await staff.newPromoCode(25);
  await newMember(page);
  await open(page, "/shop");
  const card = page.locator(".product").filter({ has: page.getByRole("heading", { name: course.name }) });
  await page.getByText("I have a promo code or a gift card").click();
  await page.getByLabel("Promo code").fill(code);
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(card.getByText("$30", { exact: true })).toBeVisible();
  await card.getByRole("button", { name: `Buy: ${course.name}` }).click();
  await page.getByRole("button", { name: "Back", exact: true }).click();
  await expect(page.getByText("You have not paid")).toBeVisible();

  // Nothing is entered any more, but the order has its code.
  const goOn = card.getByRole("button", { name: `Go on paying: ${course.name}` });
  await expect(goOn).toBeVisible();
  await expect(card.getByText("$30", { exact: true })).toBeVisible();
  await expect(card.getByText(`instead of $40, with ${code}`)).toBeVisible();
  await expectAccessible(page);
  await goOn.click();
  await expect(page.getByRole("heading", { name: "Checkout" })).toBeVisible();
  const checkout = page.url();
  await page.getByRole("button", { name: "Back", exact: true }).click();
  await expect(goOn).toBeVisible();

  // Staff see that nothing is refunded as long as nothing is paid.
  const desk = await (await browser.newContext({ baseURL: process.env.SITE ?? "" })).newPage();
  const dialog = desk.getByRole("dialog");
  const askToCancel = async () => {
    await open(desk, `/staff/roster/${classes[0].id}`);
    await desk.getByRole("button", { name: "More about Marta" }).click();
    await desk.getByRole("button", { name: "Cancel the booking" }).click();
  };
  await signInAs(desk, "staff");
  await askToCancel();
  await expect(dialog.getByText("which is not paid yet")).toBeVisible();
  await expect(dialog.getByText("Cancelling is still free of charge.")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Cancel and refund" })).toHaveCount(0);

  await open(page, "/bookings");
  await expect(page.getByText("$30 is still to be paid.")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: `Pay for the course: ${course.name}` }).click();
  await expect(page.getByRole("heading", { name: "Checkout" })).toBeVisible();
  expect(page.url()).toBe(checkout);
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  await expect(page.getByText("Thank you. You have a spot in each class of")).toBeVisible();
  await expect(card.getByText("You are in this course.")).toBeVisible();
  await open(page, "/bookings");
  await expect(page.getByText("2 classes are left")).toBeVisible();
  await expect(page.getByText("is still to be paid")).toHaveCount(0);

  // The share of a class that the studio has changed is refunded in any case.
  await staff.move(classes[0], "19:30");
  await askToCancel();
  await expect(dialog.getByText("The studio has changed the class")).toBeVisible();
  await expectAccessible(desk);
  await expect(dialog.getByRole("button", { name: "Cancel without a refund" })).toHaveCount(0);
  await dialog.getByRole("button", { name: "Cancel and refund" }).click();
  await expect(desk.getByText(/The booking of Marta.* is cancelled\./)).toBeVisible();
  await open(page, "/bookings");
  await expect(page.getByText("1 class is left")).toBeVisible();
  await signInAs(page, "staff");
  await open(page, "/staff/sales");
  await expect(page.getByRole("row").filter({ hasText: course.name })).toContainText("$15");
  await staff.retire(course);
});
