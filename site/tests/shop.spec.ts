// Passes: what visitors see of them, and how they pay for the classes of members.

import { expectStill, watchShifts } from "./shifts.ts";
import { expect, expectAccessible, newMember, open, tabTo } from "./site.ts";
import { test } from "./studio.ts";

test("a visitor sees what passes there are, and how to buy one", async ({ page, staff }) => {
  const one = await staff.newClass();
  const pass = await staff.newProduct({ perMember: 1, description: "For a class now and then.", classTypeIds: [one.typeId] });
  await open(page, "/contact");
  await page.getByRole("navigation").getByRole("link", { name: "Passes" }).click();
  await expect(page).toHaveURL("/shop");
  await expect(page).toHaveTitle("Passes and courses · Sabor con Flow");
  const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: pass.name }) });
  for (const text of ["$150", "$15 per class", "10 classes, valid 120 days from purchase", "For a class now and then.", `Only for ${one.title}`, "Once for each member"]) {
    await expect(card.getByText(text, { exact: true })).toBeVisible();
  }
  await expect(page.getByText("Here you pay by card, and you can use the pass at once.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "My passes" })).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("link", { name: "Ask us" }).click();
  await expect(page).toHaveURL("/contact");
  await staff.retire(pass);
});

test("a studio that sells nothing says so", async ({ page }) => {
  await page.route("**/api/shop/products*", (route) => route.fulfill({ json: { items: [], nextCursor: null } }));
  await open(page, "/shop");
  await expect(page.getByText("The studio sells nothing here at the moment. You pay for each class.")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("link", { name: "See the timetable" }).click();
  await expect(page).toHaveURL("/timetable");
});

test.describe(() => {
  test.use({ expectedErrors: ["status of 503"] });
  test("passes that cannot be loaded are loaded again on request", async ({ page }) => {
    await page.route("**/api/shop/products*", (route) => route.fulfill({ status: 503, json: { code: "unavailable", error: "Down" } }), { times: 1 });
    await open(page, "/shop");
    await expect(page.getByText("The shop could not be loaded.")).toBeVisible();
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("heading", { name: "Ten classes" })).toBeVisible();
  });
});

test("a pass pays for a class by one tap, and gets the class back after a cancellation in time", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  const [name] = await staff.sellTo(page, {});
  await open(page, "/shop");
  const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name }) });
  await expect(card.getByText("10 of 10 classes left")).toBeVisible();
  await expect(card.getByText(/^Good until /)).toBeVisible();
  await expectAccessible(page);

  await open(page, wanted.timetable);
  const occurrence = page.getByRole("article").filter({ hasText: wanted.title });
  await expect(occurrence.getByTitle(`With “${name}”`)).toHaveText(/Pass$/);
  await expect(occurrence.getByText("$18")).toHaveCount(0);
  await occurrence.getByRole("button", { name: /^Book: / }).click();
  const booked = page.getByText(new RegExp(`^You are booked: ${wanted.title}, `));
  await expect(booked).toContainText(new RegExp(`Paid with “${name}”, 9 left, good until .*\\. Free to cancel until `));
  await expect(booked).not.toContainText("You pay");
  await expect(occurrence.getByText(`Paid with “${name}”, 9 left`)).toBeVisible();
  await expectAccessible(page);

  await page.getByRole("link", { name: "See my bookings" }).click();
  await expect(page.getByText(new RegExp(`^Free to cancel until .*Paid with “${name}”, 9 left, good until `))).toBeVisible();
  await expect(page.getByRole("button", { name: /^Pay / })).toHaveCount(0);
  await expect(card.getByText("9 of 10 classes left")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: /^Cancel booking: / }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
  await expect(dialog.getByText(`It costs you nothing. The class goes back to “${name}”.`)).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Cancel booking" }).click();
  await expect(page.getByText(`Your booking is cancelled. The class has gone back to “${name}”.`)).toBeVisible();
  await expect(card.getByText("10 of 10 classes left")).toBeVisible();
});

test("a member chooses what pays, by keyboard alone, and reads why a pass cannot", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  const other = await staff.newClass();
  await newMember(page);
  const [first, later, wrong] = await staff.sellTo(page, { days: 60 }, { days: 90, credits: null }, { classTypeIds: [other.typeId] });
  await open(page, wanted.timetable);
  await tabTo(page, page.getByRole("button", { name: `Choose how to pay: ${wanted.title}` }));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "How would you like to pay?" });
  // The heading of the day stays at the top of the window.
  await expect(dialog.getByRole("heading")).toHaveCSS("position", "static");
  const ways = dialog.getByRole("button");
  await expect(ways).toHaveText([new RegExp(`^Book with “${first}”10 left, good until `), new RegExp(`^Book with “${later}”good until `), /^Book for \$18You pay later/, "Not now"]);
  await expect(dialog.getByRole("listitem").filter({ hasText: wrong ?? "" })).toContainText(`It is only for ${other.title}.`);
  await expectAccessible(page);
  await tabTo(page, ways.nth(1));
  await page.keyboard.press("Enter");
  await expect(page.getByText(new RegExp(`Paid with “${later}”, good until `)).first()).toBeVisible();
  await expect(page.getByRole("link", { name: `Booked: ${wanted.title}` })).toBeFocused();
});

test("the page of a class says what pays, and lets the member pay otherwise", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  const other = await staff.newClass();
  await newMember(page);
  const [pass] = await staff.sellTo(page, { classTypeIds: [wanted.typeId] });
  await open(page, `${other.page}?class=${other.id}`);
  await expect(page.getByText("None of your passes can pay for this class.")).toBeVisible();
  await page.getByRole("button", { name: /^Why\?: / }).click();
  const dialog = page.getByRole("dialog", { name: "How would you like to pay?" });
  await expect(dialog.getByText(`It is only for ${wanted.title}.`)).toBeVisible();
  await dialog.getByRole("button", { name: "Not now" }).click();

  await open(page, `${wanted.page}?class=${wanted.id}`);
  await expect(page.getByText(new RegExp(`^“${pass}” pays for this class: 10 left, good until `))).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: /^Pay another way: / }).click();
  await dialog.getByRole("button", { name: "Book for $18" }).click();
  await expect(page.getByText(/^You are booked: .* You pay \$18 later/)).toBeVisible();
  await open(page, "/bookings");
  await expect(page.getByText(/\$18 · Not paid yet$/)).toBeVisible();
  await expect(page.getByText("10 of 10 classes left")).toBeVisible();
});

test("passes that take long keep no booking waiting, and are loaded once", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await staff.sellTo(page, {});
  await page.request.post("/api/bookings/create", { data: { scheduledClassId: wanted.id }, headers: { Origin: process.env.SITE ?? "" } });
  let loads = 0;
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/shop/passes*", async (route) => {
    loads += 1;
    await answered;
    await route.continue();
  });
  await open(page, "/bookings");
  await expect(page.getByRole("link", { name: wanted.title, exact: true })).toBeVisible();
  await expect(page.getByText(/Paid with “.*”, 9 left/)).toBeVisible();
  await expect(page.getByRole("heading", { name: "My passes" })).toHaveCount(0);
  answer();
  await expect(page.getByText("9 of 10 classes left")).toBeVisible();
  expect(loads).toBe(1);
});

test.describe("when the API fails", () => {
  test.use({ expectedErrors: ["status of 503", "status of 409"] });
  const down = { status: 503, json: { code: "unavailable", error: "Down" } };

  test("a member can still choose what pays", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    await newMember(page);
    const [pass] = await staff.sellTo(page, {});
    await page.route("**/api/shop/cover*", (route) => route.fulfill(down), { times: 1 });
    await open(page, `${wanted.page}?class=${wanted.id}`);
    await page.getByRole("button", { name: /^Choose how to pay: / }).click();
    const dialog = page.getByRole("dialog", { name: "How would you like to pay?" });
    const way = dialog.getByRole("button", { name: `Book with “${pass}”` });
    await expect(way).toBeVisible();

    // The pass is used up meanwhile.
    await page.route("**/api/bookings/create", (route) => route.fulfill({ status: 409, json: { code: "pass_not_usable", error: "It has no classes left." } }), { times: 1 });
    await page.route("**/api/shop/cover*", async (route) => {
      const cover = (await (await route.fetch()).json()) as { passes: object[] };
      await route.fulfill({ json: { ...cover, passId: null, passes: cover.passes.map((one) => ({ ...one, refusal: "used_up" })) } });
    });
    await way.click();
    await expect(dialog.getByText("It has no classes left.", { exact: true }).first()).toBeVisible();
    await expect(way).toHaveCount(0);
    await expect(dialog.getByRole("button", { name: "Book for $18" })).toBeFocused();
  });

  test("the page of passes says that the member's own could not be loaded", async ({ page, staff }) => {
    await newMember(page);
    await staff.sellTo(page, {});
    let isDown = true;
    await page.route("**/api/shop/passes*", (route) => (isDown ? route.fulfill(down) : route.continue()));
    await open(page, "/shop");
    await expect(page.getByText("Your passes could not be loaded.")).toBeVisible();
    isDown = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByText("10 of 10 classes left")).toBeVisible();
  });
});

test("members without passes see only where there are some", async ({ page }) => {
  await newMember(page);
  await open(page, "/bookings");
  await expect(page.getByRole("link", { name: "See all passes" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "My passes" })).toHaveCount(0);
  await page.getByRole("link", { name: "See all passes" }).click();
  await expect(page).toHaveURL("/shop");
  // The passes of the shop have arrived, so that those of the timetable are waited for.
  await expect(page.getByRole("heading", { name: "How it works" })).toBeVisible();
  const loaded = page.waitForResponse("**/api/shop/passes*");
  await open(page, "/timetable");
  await (await loaded).finished();
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
  await expect(page.getByRole("button", { name: /^Choose how to pay/ })).toHaveCount(0);
});

test("a pass that is used up is folded away", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  const [name] = await staff.sellTo(page, { credits: 1 });
  await open(page, wanted.timetable);
  await page.getByRole("button", { name: `Book: ${wanted.title}` }).click();
  await expect(page.getByText(new RegExp(`Paid with “${name}”, none left\\.`))).toBeVisible();
  await open(page, "/bookings");
  await page.getByText("Earlier passes (1)").click();
  await expect(page.getByRole("listitem").filter({ hasText: name ?? "" }).getByText("Used up")).toBeVisible();
  await expectAccessible(page);
});

test("nothing moves while the pages load for a member with passes", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await staff.sellTo(page, {}, { credits: 30 });
  await page.request.post("/api/bookings/create", { data: { scheduledClassId: wanted.id }, headers: { Origin: process.env.SITE ?? "" } });
  // A member is expected from the second page on.
  await open(page, "/contact");
  await watchShifts(page);
  for (const path of ["/shop", "/bookings", "/timetable"]) {
    await page.goto("about:blank");
    await open(page, path);
    if (path !== "/timetable") await expect(page.getByRole("heading", { name: "My passes" })).toBeVisible();
    await expectStill(page);
  }
});

test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES", viewport: { width: 390, height: 844 } });

  test("a member books with a pass and cancels in Spanish", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    await newMember(page);
    const [name] = await staff.sellTo(page, {});
    await open(page, "/shop");
    await expect(page).toHaveTitle("Bonos y cursos · Sabor con Flow");
    await expect(page.getByText("Quedan 10 de 10 clases")).toBeVisible();
    await expect(page.getByText("10 clases, válido 120 días desde la compra").first()).toBeVisible();
    await expectAccessible(page);
    await open(page, wanted.timetable);
    await expect(page.getByRole("article").filter({ hasText: wanted.title }).getByText(`Con «${name}»`)).toBeVisible();
    await page.getByRole("button", { name: `Elegir cómo pagar: ${wanted.title}` }).click();
    const ways = page.getByRole("dialog", { name: "¿Cómo quieres pagar?" });
    await expect(ways.getByRole("button", { name: "Reservar por 18 US$" })).toBeVisible();
    await expectAccessible(page);
    await ways.getByRole("button", { name: `Reservar con «${name}»` }).click();
    await expect(page.getByText(new RegExp(`^Has reservado: .* Pagada con «${name}», quedan 9, válido hasta el `))).toBeVisible();
    await page.getByRole("link", { name: "Ver mis reservas" }).click();
    await expect(page.getByText("Quedan 9 de 10 clases")).toBeVisible();
    await page.getByRole("button", { name: /^Cancelar la reserva: / }).click();
    const dialog = page.getByRole("dialog", { name: "¿Cancelar esta reserva?" });
    await expect(dialog.getByText(`La clase vuelve a «${name}».`)).toBeVisible();
    await dialog.getByRole("button", { name: "Cancelar la reserva" }).click();
    await expect(page.getByText(`Tu reserva está cancelada. La clase ha vuelto a «${name}».`)).toBeVisible();
  });
});
