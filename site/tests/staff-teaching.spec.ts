// What an instructor who is not staff sees: their own classes, and who comes to them.

import { scriptSizes } from "./scripts.ts";
import { expect, expectAccessible, newMember, open } from "./site.ts";
import { test } from "./studio.ts";

test("an instructor sees their own classes and checks members in, without prices", async ({ page, staff }) => {
  const own = await staff.newClass({ inMinutes: 30 });
  const other = await staff.newClass({ inMinutes: 30 });
  const [ana] = await staff.newMembersOf(own, ["Ana"]);
  if (!ana) throw new Error("there is no member");
  await newMember(page);
  await staff.linkInstructor(own, page);
  const asked: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/admin/")) asked.push(pathname);
  });

  await page.goto("/staff");
  await expect(page).toHaveURL("/staff/teaching");
  await expect(page.getByRole("heading", { name: "My classes", level: 1 })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Staff console" }).getByRole("link")).toHaveText(["My classes"]);
  await expect(page.getByText(other.title)).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("link", { name: new RegExp(`^${own.title}, `) }).click();

  const row = page.getByRole("listitem").filter({ hasText: ana.name });
  await expect(row).toBeVisible();
  await expect(page.getByText("Unpaid")).toHaveCount(0);
  await expect(page.getByText("$18")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Add", exact: true })).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("button", { name: `Check in ${ana.name}` }).click();
  await expect.poll(async () => (await staff.roster(own)).get(ana.name)?.status).toBe("attended");
  expect(asked, "requests for what only staff may see").toEqual([]);
});

test("the page with an instructor's own classes is Spanish in a Spanish browser, and loads little script", async ({ browser, staff }) => {
  const own = await staff.newClass({ inMinutes: 90 });
  const page = await (await browser.newContext({ baseURL: process.env.SITE ?? "", locale: "es-ES" })).newPage();
  await newMember(page);
  await staff.linkInstructor(own, page);
  const sizes = await scriptSizes(page, "/staff/teaching");
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  expect(total, JSON.stringify(sizes)).toBeLessThanOrEqual(80_000);
  await expect(page.getByRole("heading", { name: "Mis clases", level: 1 })).toBeVisible();
  await page.context().close();
});

test.describe("with an expected rejection", () => {
  test.use({ expectedErrors: ["status of 404"] });
  test("an instructor does not see the roster of another class", async ({ page, staff }) => {
    const [own, other] = [await staff.newClass({ inMinutes: 30 }), await staff.newClass({ inMinutes: 30 })];
    const [ana] = await staff.newMembersOf(other, ["Ana"]);
    await newMember(page);
    await staff.linkInstructor(own, page);
    await open(page, `/staff/roster/${other.id}`);
    await expect(page.getByText("The roster could not be loaded.")).toBeVisible();
    await expect(page.getByText(ana?.name ?? "")).toHaveCount(0);
  });
});
