// The pages for developers: the reference, the guides with their samples, and the error codes.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { type Description, type Endpoint, endpoints, forViewer } from "../src/pages/docs/description.ts";
import { type GuideName, GUIDES } from "../src/pages/docs/guides.ts";
import { curlSample, scriptSample } from "../src/pages/docs/samples.ts";
import { expect, expectAccessible, open, send, test } from "./site.ts";

const DESCRIPTION = JSON.parse(readFileSync(join(import.meta.dirname, "../public/openapi.json"), "utf8")) as Description;

const ANA = { email: "ana@sabor.dev", password: "password123" };

// The reference is long, and the samples sign in, which is slow because hashing a password is
// slow on purpose.
test.describe.configure({ timeout: 90_000 });

/** GET operations whose samples need something that no sample can have. */
const NOT_RUN = [
  // They need the token of a calendar feed or of an e-mail, or a configured provider.
  "finishProviderSignIn",
  "getCalendar",
  "showUnsubscribePage",
  "startProviderSignIn",
  // It needs the cron secret.
  "runScheduledCleanup",
  // It needs an order of the member.
  "getMyOrder",
  // They need a course.
  "getCourse",
  "listCourseMembers",
  // They need the account of an instructor.
  "listOwnRoster",
  "listTaughtClasses",
];

const site = () => process.env.SITE ?? "";

/** Runs a script in a folder of its own. A response of 400 or more fails. */
function run(script: string, environment: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "sabor-docs-"));
  writeFileSync(join(folder, ".curlrc"), "fail-with-body\nsilent\nshow-error\n");
  const env = { ...process.env, CURL_HOME: folder, ...environment };
  return execFileSync("bash", ["-euo", "pipefail", "-c", script], { cwd: folder, env, encoding: "utf8" });
}

/** Runs a script as if it were pasted into the console of the page. */
async function paste(page: Page, scripts: string[]): Promise<void> {
  const console_ = await page.context().newCDPSession(page);
  for (const expression of scripts) {
    const { exceptionDetails } = await console_.send("Runtime.evaluate", { expression, replMode: true, awaitPromise: true });
    expect(exceptionDetails?.exception?.description, expression).toBeUndefined();
  }
}

/** The reference as it is shown to Ana, with a class that can be booked. */
async function loadEndpoints(page: Page): Promise<Endpoint[]> {
  const schedule = (await (await page.request.get("/api/classes/schedule")).json()) as {
    items: Array<{ id: string; classTypeId: string; placesLeft: number; instructor: { id: string } }>;
  };
  const found = schedule.items.findLast(({ placesLeft }) => placesLeft > 0);
  if (!found) throw new Error("no class has a free spot");
  const signedIn = await page.request.post("/api/auth/login", { data: { ...ANA, mode: "token" } });
  const { accessToken } = (await signedIn.json()) as { accessToken: string };
  const listed = await page.request.get("/api/bookings/list", { headers: { authorization: `Bearer ${accessToken}` } });
  const bookings = (await listed.json()) as { items: Array<{ id: string }> };
  const booking = bookings.items[0]?.id ?? "";
  const ids = { occurrence: found.id, classType: found.classTypeId, instructor: found.instructor.id, booking };
  return endpoints(forViewer(DESCRIPTION, ids));
}

/** Opens the reference and waits until Swagger UI is shown. */
async function openReference(page: Page, address = "/docs"): Promise<void> {
  await open(page, address);
  await expect(page.getByLabel("Find an operation")).toBeVisible();
}

const operation = (page: Page, id: string) => page.locator(`.opblock[id$="-${id}"]`);

test.describe("the samples", () => {
  // They act as the same member.
  test.describe.configure({ mode: "serial" });

  for (const [name, sections] of Object.entries(GUIDES) as Array<[GuideName, (typeof GUIDES)[GuideName]]>) {
    const variants = () => Object.values(sections).flatMap((sample) => (sample ? [sample(site())] : []));

    test(`the curl samples of the guide ${name} work one after another`, () => {
      const commands = variants().map(([curl]) => curl?.code ?? "");
      expect(commands.length).toBeGreaterThan(2);
      run(commands.join("\n"));
    });

    test(`the JavaScript samples of the guide ${name} work in the console`, async ({ page }) => {
      await open(page, "/docs/sign-in");
      const scripts = variants().flatMap((both) => both.filter(({ name }) => name === "JavaScript").map(({ code }) => code));
      // Without this, a sample would continue with the body of a failed request, and the test
      // would not notice the failure.
      await page.evaluate(() => {
        const original = fetch;
        window.fetch = async (...request) => {
          const response = await original(...request);
          if (!response.ok) throw new Error(`${response.url}: ${await response.text()}`);
          return response;
        };
      });
      await paste(page, scripts);
    });
  }

  test("the curl samples of the reference work", async ({ page }) => {
    const sender = { origin: site(), email: null };
    const tokens: Record<string, string> = {};
    const failed: string[] = [];
    const all = (await loadEndpoints(page)).filter(
      ({ method, operation: { operationId } }) =>
        (method === "get" && !NOT_RUN.includes(operationId)) || ["submitContactForm", "createBooking"].includes(operationId),
    );
    expect(all.length).toBeGreaterThan(35);
    for (const endpoint of all) {
      const sample = curlSample(endpoint, sender);
      // Signing in is slow, so samples with the same sign-in commands share its result.
      const [, signIn, command] = /^(token=[^]*?\n)(curl [^]*)$/.exec(sample) ?? [null, "", sample];
      if (signIn) tokens[signIn] ??= run(`${signIn}printf %s "$token"`);
      try {
        run(command ?? "", { token: tokens[signIn ?? ""] ?? "" });
      } catch (error) {
        failed.push(`${endpoint.operation.operationId}: ${(error as { stdout: string }).stdout}`);
      }
    }
    expect(failed).toEqual([]);
  });

  test("the JavaScript samples of the reference work with and without a session", async ({ page }) => {
    await open(page, "/docs/sign-in");
    const all = await loadEndpoints(page);
    const chosen = all.filter(({ operation: { operationId } }) => ["listSchedule", "listBookings", "getClassType"].includes(operationId));
    const samples = (email: string | null) =>
      chosen.map((endpoint) => `${scriptSample(endpoint, { origin: site(), email })}\nif (!response.ok) throw new Error(response.status);`);
    await paste(page, samples(null));
    await send(page, "/api/auth/login", ANA);
    await paste(page, samples(ANA.email));
  });
});

test("an old link opens its operation, whose samples have the id of a real class", async ({ page }) => {
  await openReference(page, "/docs#createBooking");
  await expect(page).toHaveURL(/\/docs#\/bookings\/createBooking$/);
  await expect(operation(page, "createBooking").locator("h4").first()).toBeInViewport();
  const sample = operation(page, "createBooking").locator("pre").first();
  const id = /"scheduledClassId":"([^"]+)"/.exec(await sample.innerText())?.[1];
  const found = await page.request.get(`/api/classes/availability?ids=${id}`);
  expect(await found.text()).toContain(id);
  await expect(operation(page, "createBooking").getByRole("button", { name: "Run", exact: true })).toBeVisible();
  // Swagger UI scrolls there slowly.
  let before = -1;
  const isSettled = async () => {
    const last = before;
    before = await page.evaluate(() => scrollY);
    return before === last;
  };
  await expect.poll(isSettled, { intervals: [700], timeout: 20_000 }).toBe(true);
  // A link on the page does the same.
  await page.evaluate(() => {
    location.hash = "#listSchedule";
  });
  await expect(page).toHaveURL(/#\/classes\/listSchedule$/);
  await expect(operation(page, "listSchedule").locator(".opblock-summary")).toBeInViewport();
});

test("the search finds operations by path, method and error code", async ({ page }) => {
  await openReference(page);
  await page.getByLabel("Find an operation").fill("class_full POST");
  await expect(operation(page, "createBooking")).toBeVisible();
  await expect(operation(page, "listRooms")).toHaveCount(0);
  await expect(page.getByText(/^\d+ operations$/)).toHaveText(`${await page.locator(".opblock").count()} operations`);
  await page.getByLabel("Find an operation").fill("");
  await expect(operation(page, "listRooms")).toBeVisible();
});

test("Run sends the request with the session, and codes lead to their meaning", async ({ page, context }) => {
  // The accessibility of the whole reference takes long to check on a busy machine.
  test.slow();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await send(page, "/api/auth/login", ANA);
  await openReference(page, "/docs#getProfile");
  await expect(page.getByText("Requests are sent with your session, as Ana.")).toBeVisible();
  const profile = operation(page, "getProfile");
  await profile.getByRole("button", { name: "Run", exact: true }).click();
  await expect(profile.locator(".live-responses-table td.response-col_status:not(.col_header)")).toContainText("200");
  await expect(profile.locator(".live-responses-table")).toContainText('"email": "ana@sabor.dev"');
  await expectAccessible(page);

  await profile.getByRole("button", { name: "JavaScript" }).click();
  await profile.getByRole("button", { name: /^Copy: Samples/ }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("await fetch(");

  await profile.getByRole("link", { name: "not_signed_in" }).click();
  await expect(page).toHaveURL("/docs/errors#not_signed_in");
  await expect(page.locator("#not_signed_in")).toBeInViewport();
});

test.describe("a request that deletes something", () => {
  test.use({ expectedErrors: ["status of 401"] });
  test("is sent after a question", async ({ page }) => {
    await openReference(page, "/docs#deleteCalendarToken");
    let deletions = 0;
    page.on("request", (request) => {
      if (request.method() === "DELETE") deletions += 1;
    });
    const calendar = operation(page, "deleteCalendarToken");
    const dialog = page.getByRole("dialog");
    await calendar.getByRole("button", { name: "Run", exact: true }).click();
    await expect(dialog).toContainText("DELETE /api/calendar/token");
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await expect(dialog).toBeHidden();
    expect(deletions).toBe(0);
    await calendar.getByRole("button", { name: "Run", exact: true }).click();
    await dialog.getByRole("button", { name: "Send the request" }).click();
    await expect(calendar.locator(".live-responses-table td.response-col_status:not(.col_header)")).toContainText("401");
    expect(deletions).toBe(1);
  });
});

test("each error code has an anchor, a meaning, and the operations that return it", async ({ page }) => {
  await open(page, "/docs/errors#class_full");
  await expect(page.locator("#class_full")).toBeInViewport();
  await expect(page.locator("#class_full")).toContainText("409");
  await expect(page.locator("#class_full").getByRole("link", { name: "createBooking", exact: true })).toHaveAttribute("href", "/docs#createBooking");
  const codes = DESCRIPTION.components.schemas.ErrorCode.enum;
  const shown = await page.locator(".error-codes section").evaluateAll((sections) => sections.map(({ id }) => id));
  expect(shown).toEqual(codes);
  await page.getByLabel("Find a code").fill("waitlist");
  await expect(page.locator("#waitlist_closed")).toBeVisible();
  await expect(page.locator("#already_paid")).toHaveCount(0);
});
