// Screenshots of every page for people to look at, in `screenshots/`: as a visitor, as a
// member and as staff, on a desktop and a phone, light and dark, in English and Spanish.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "@playwright/test";
import { bookFor, expect, newMember, open, send, test } from "../tests/site.ts";
import { signInAs } from "../tests/studio.ts";

const FOLDER = join(import.meta.dirname, "../screenshots");

const WINDOWS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

const PAGES_OF_VISITORS = {
  home: "/",
  timetable: "/timetable",
  classes: "/classes",
  instructors: "/instructors",
  shop: "/shop",
  contact: "/contact",
  "sign-in": "/account",
  register: "/account#register",
  forgot: "/account#forgot",
  bookings: "/bookings",
  receipts: "/receipts",
  "verify-email": `/verify-email#token=${"0".repeat(64)}`,
  "reset-password": `/reset-password#token=${"0".repeat(64)}`,
  unsubscribe: `/unsubscribe#token=reminders.${"0".repeat(36)}.${"0".repeat(64)}`,
  continue: "/continue",
  offline: "/offline",
  "not-found": "/no-such-page",
  docs: "/docs",
  "docs-guide": "/docs/book-a-class",
  "docs-errors": "/docs/errors",
};

/** The pages of the console, as an administrator sees them. */
const PAGES_OF_STAFF = {
  today: "/staff",
  schedule: "/staff/schedule",
  members: "/staff/members",
  messages: "/staff/messages",
  payments: "/staff/payments",
  sales: "/staff/sales",
  products: "/staff/sales?show=products",
  reports: "/staff/reports",
  analytics: "/staff/analytics",
  "class-types": "/staff/classes",
  teachers: "/staff/instructors",
  rooms: "/staff/rooms",
  closures: "/staff/closures",
  setup: "/staff/setup",
  users: "/admin/users",
  applications: "/admin/apps",
  organizations: "/admin/organizations",
  "security-log": "/admin/security",
  sessions: "/admin/sessions",
};

const PAGES_OF_MEMBERS = { home: "/", timetable: "/timetable", shop: "/shop", bookings: "/bookings", account: "/account" };

interface Occurrence {
  id: string;
  classTypeId: string;
  instructor: { id: string };
  placesLeft: number;
  isCancelled: boolean;
  startTime: string;
}

async function schedule(page: Page): Promise<Occurrence[]> {
  const response = await page.request.get("/api/classes/schedule?limit=100");
  const { items } = (await response.json()) as { items: Occurrence[] };
  return items.filter(({ isCancelled, startTime }) => !isCancelled && new Date(startTime) > new Date());
}

/** At most so many members book at the same time: one for each window and language. */
const MEMBERS = 2 * Object.keys(WINDOWS).length;

/** Books two classes for the member, and joins the waitlist of a full one. */
async function bookSome(page: Page): Promise<void> {
  const coming = await schedule(page);
  const isFree = ({ placesLeft }: Occurrence) => placesLeft > 0;
  const hasRoom = coming.filter(({ placesLeft }) => placesLeft >= MEMBERS);
  const [first] = hasRoom;
  const later = hasRoom.at(-1);
  // The waitlist of a class that starts soon is closed, and no two bookings are at the same time.
  const isApart = (one: Occurrence, moment: number) => Math.abs(Date.parse(one.startTime) - moment) > 3 * 60 * 60 * 1000;
  const others = [Date.now(), ...[first, later].flatMap((booked) => (booked ? [Date.parse(booked.startTime)] : []))];
  const full = coming.find((occurrence) => !isFree(occurrence) && others.every((moment) => isApart(occurrence, moment)));
  for (const occurrence of [first, later]) if (occurrence) await bookFor(page, occurrence.id);
  if (full) await send(page, "/api/bookings/create", { scheduledClassId: full.id, joinWaitlist: true });
}

interface View {
  locale: string;
  window: keyof typeof WINDOWS;
  person: "visitor" | "member" | "staff";
}

/** Prepares the person. Returns the pages that the person sees. */
async function pagesOf(page: Page, person: View["person"]): Promise<Record<string, string>> {
  if (person === "staff") {
    await signInAs(page, "admin");
    const { classes } = (await (await page.request.get("/api/admin/dashboard")).json()) as { classes: Array<{ id: string }> };
    return { ...PAGES_OF_STAFF, roster: `/staff/roster/${classes[0]?.id}` };
  }
  if (person === "member") {
    await newMember(page);
    await bookSome(page);
  }
  const [first] = await schedule(page);
  return {
    ...(person === "member" ? PAGES_OF_MEMBERS : PAGES_OF_VISITORS),
    class: `/classes/${first?.classTypeId}`,
    "class-date": `/classes/${first?.classTypeId}?class=${first?.id}`,
    instructor: `/instructors/${first?.instructor.id}`,
  };
}

/** Takes the screenshots of all pages in one view. Each page is loaded once. */
async function take(browser: Browser, { locale, window, person }: View): Promise<number> {
  const context = await browser.newContext({ baseURL: process.env.SITE ?? "", viewport: WINDOWS[window], locale, timezoneId: "America/Denver", reducedMotion: "reduce" });
  const page = await context.newPage();
  const pages = await pagesOf(page, person);
  let taken = 0;
  for (const [name, path] of Object.entries(pages)) {
    await page.goto("about:blank");
    await open(page, path);
    await page.evaluate(() => document.fonts.ready);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const file = [name, person, window, colorScheme, locale.slice(0, 2)].join("-");
      await page.screenshot({ path: join(FOLDER, `${file}.jpg`), type: "jpeg", quality: 80, fullPage: true });
      taken += 1;
    }
  }
  await context.close();
  return taken;
}

test.describe(() => {
  test.use({ expectedErrors: ["status of 404"] });
  test("screenshots are taken of every page", async ({ browser }) => {
    test.slow();
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    const locales = ["en-US", "es-ES"];
    const windows = Object.keys(WINDOWS) as Array<keyof typeof WINDOWS>;
    const views = locales.flatMap((locale) => windows.flatMap((window) => (["visitor", "member", "staff"] as const).map((person) => ({ locale, window, person }))));
    const taken = await Promise.all(views.map((view) => take(browser, view)));
    console.log(`${taken.reduce((sum, count) => sum + count, 0)} screenshots in ${FOLDER}`);
    expect(Math.min(...taken)).toBeGreaterThan(0);
  });
});
