// A booking from its beginning to its end: by keyboard alone, and in Spanish.

import { bookFor, expect, expectAccessible, newMember, open, tabTo } from "./site.ts";
import { test } from "./studio.ts";

test("a member books, chooses to pay at the desk, and cancels by keyboard alone", async ({ page, staff }) => {
  const wanted = await staff.newClass();
  await newMember(page);
  await open(page, wanted.timetable);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("button", { name: `Book: ${wanted.title}` }));
  await page.keyboard.press("Enter");
  // The focus stays at the class.
  await expect(page.getByRole("link", { name: `Booked: ${wanted.title}` })).toBeFocused();
  await expect(page.getByText(`You are booked: ${wanted.title}`)).toBeVisible();
  await page.keyboard.press("Enter");

  await expect(page).toHaveURL("/bookings");
  await tabTo(page, page.getByRole("button", { name: /^Pay at the desk: / }));
  await page.keyboard.press("Enter");
  await expect(page.getByText("Please pay at the desk before the class.")).toBeVisible();
  const cancel = page.getByRole("button", { name: /^Cancel booking: / });
  await tabTo(page, cancel);
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Cancel this booking?" });
  await expect(dialog).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(cancel).toBeFocused();
  await page.keyboard.press("Enter");
  await tabTo(page, dialog.getByRole("button", { name: "Cancel booking" }));
  await page.keyboard.press("Enter");
  await expect(page.getByText("Your booking is cancelled.")).toBeVisible();
  // The card with the button is gone.
  await expect(page.getByRole("heading", { name: "Coming up" })).toBeFocused();
});

test("a member joins a waitlist and leaves it by keyboard alone", async ({ page, staff }) => {
  const full = await staff.newClass({ spots: 1 });
  await staff.newMembersOf(full, ["Ana"]);

  await newMember(page);
  await open(page, full.timetable);
  await tabTo(page, page.getByRole("button", { name: `Join waitlist: ${full.title}` }));
  await page.keyboard.press("Enter");
  const place = page.getByRole("button", { name: `No. 1 on the waitlist: ${full.title}` });
  await expect(place).toBeFocused();
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("dialog").getByRole("button", { name: "Leave the waitlist" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: `Join waitlist: ${full.title}` })).toBeFocused();
});

test.describe("in a Spanish browser", () => {
  test.use({ locale: "es-ES" });

  test("a member books, chooses to pay at the desk, and cancels in Spanish", async ({ page, staff }) => {
    const wanted = await staff.newClass();
    await newMember(page);
    await open(page, wanted.timetable);
    const card = page.getByRole("article").filter({ hasText: wanted.title });
    await expect(card.getByText("Principiantes · 18 US$")).toBeVisible();
    await card.getByRole("button", { name: /^Reservar: / }).click();
    await expect(page.getByText(`Has reservado: ${wanted.title}`)).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("link", { name: "Ver mis reservas" }).click();

    await expect(page).toHaveTitle("Mis reservas · Sabor con Flow");
    await expect(page.getByText("Cancelación gratis hasta")).toBeVisible();
    await page.getByRole("button", { name: /^Pagar en recepción: / }).click();
    await expect(page.getByText("Paga en recepción antes de la clase.")).toBeVisible();
    await page.getByRole("button", { name: /^Cancelar la reserva: / }).click();
    const dialog = page.getByRole("dialog", { name: "¿Cancelar esta reserva?" });
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Cancelar la reserva" }).click();
    await expect(page.getByText("Tu reserva está cancelada.")).toBeVisible();
    await expect(page.getByText("No has reservado ninguna clase.")).toBeVisible();
  });
});

test("nobody is asked to join the waitlist of a class that starts soon, because it is closed", async ({ page, staff }) => {
  const full = await staff.newClass({ spots: 1, inMinutes: 60 });
  await staff.newMembersOf(full, ["Ana"]);
  await newMember(page);
  await open(page, "/timetable");
  const card = page.getByRole("article").filter({ hasText: full.title });
  await expect(card.getByText("Full")).toBeVisible();
  await expect(card.getByRole("button")).toHaveCount(0);
});

test("a member sees in the bookings that the studio has cancelled a class, and what has become of the money", async ({ page, staff }) => {
  const booked = await staff.newClass();
  await newMember(page);
  const bookingId = await bookFor(page, booked.id);
  await staff.recordPayment(bookingId);
  await open(page, "/bookings");
  await staff.cancel(booked);
  const card = page.locator(".booking").filter({ hasText: booked.title });
  await expect(card.getByText("The studio has cancelled this class")).toBeVisible({ timeout: 10_000 });
  await expect(card.getByText("You get your money back at the desk.")).toBeVisible();
  await expect(card.getByRole("button")).toHaveCount(0);
});
