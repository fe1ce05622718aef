// Stories of visitors who look for a teacher, and the address of the studio.

import type { Route } from "@playwright/test";
import { expect, expectAccessible, newMember, open, test } from "./site.ts";

test("a visitor chooses a teacher and books one of their classes after the sign-in", async ({ page }) => {
  const email = await newMember(page);
  await page.context().clearCookies();
  await open(page, "/instructors");
  await expect(page.getByRole("heading", { level: 2 })).not.toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("link", { name: "See the classes of Camila Duarte" }).click();
  await expect(page).toHaveURL(/\/instructors\/[0-9a-f-]{36}$/);
  await expect(page).toHaveTitle("Camila Duarte · Sabor con Flow");
  await expectAccessible(page);
  const teacher = page.url();

  await page.getByRole("button", { name: /^Book: / }).last().click();
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill("three small blue boats");
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(teacher);
  await expect(page.getByText(/^You are booked: /)).toBeVisible();
});

test("a class leads to its teacher", async ({ page }) => {
  await open(page, "/timetable");
  await page.getByRole("article").first().getByRole("link").first().click();
  const link = page.getByRole("link", { name: /^with / });
  const name = (await link.innerText()).replace("with ", "");
  await link.click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 404"] });
  test("the page of a teacher who is not there leads on", async ({ page }) => {
    await open(page, "/instructors/00000000-0000-4000-8000-000000000000");
    await expect(page.getByRole("heading", { name: "This teacher no longer teaches here" })).toBeVisible();
    await page.getByRole("link", { name: "All teachers" }).click();
    await expect(page).toHaveURL(/\/instructors$/);
  });
});

test("two pages show the studio's address after one request", async ({ page }) => {
  let requests = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/api/studio")) requests += 1;
  });
  await open(page, "/");
  const footer = page.getByRole("contentinfo");
  await expect(footer.getByText("410 Larkspur Walk")).toBeVisible();
  await expect(footer.getByRole("link", { name: "Show on the map" })).toHaveAttribute("href", /^https:\/\/www\.openstreetmap\.org\/\?mlat=/);
  await open(page, "/contact");
  await expect(page.getByRole("main").getByText("410 Larkspur Walk")).toBeVisible();
  await expect(page.getByRole("link", { name: "hello@sabor.dev" })).toBeVisible();
  expect(requests).toBe(1);
});

test("parts of a page that need the studio at the same time share a request", async ({ page }) => {
  await newMember(page);
  const held: Route[] = [];
  await page.route("**/api/studio", (route) => void held.push(route));
  // The bookings are asked for together with the studio.
  const asked = page.waitForRequest("**/api/bookings/list?*");
  await page.goto("/");
  await asked;
  await Promise.all(held.map((route) => route.continue()));
  await expect(page.getByRole("contentinfo").getByText("410 Larkspur Walk")).toBeVisible();
  expect(held).toHaveLength(1);
});
