// What the staff of the studio do in the tests, through the API.

import { randomUUID } from "node:crypto";
import { type APIRequestContext, type Page, request } from "@playwright/test";
import { expect, mailedPath, newEmail, PASSWORD, PASSWORD_OF_DEMO, send, test as base } from "./site.ts";

/** The demo accounts that may open the console. */
const STAFF_ACCOUNTS = { staff: "sofia@sabor.dev", admin: "admin@sabor.dev" };

/** Signs in one of the staff in the browser of the page. */
export async function signInAs(page: Page, role: keyof typeof STAFF_ACCOUNTS): Promise<void> {
  await send(page, "/api/auth/login", { email: STAFF_ACCOUNTS[role], password: PASSWORD_OF_DEMO });
}

/** Counts the taps on a page that is open. Typing and choosing with the keyboard do not count. */
export async function countTaps(page: Page): Promise<() => number> {
  let taps = 0;
  await page.exposeFunction("tapped", () => {
    taps += 1;
  });
  await page.evaluate(() => addEventListener("pointerdown", () => (window as unknown as { tapped: () => void }).tapped(), true));
  return () => taps;
}

/** A class of its own type, instructor and room, which no other test uses. */
export interface NewClass {
  id: string;
  typeId: string;
  title: string;
  /** The day, such as 2026-03-08. */
  date: string;
  /** The timetable with this class. */
  timetable: string;
  /** The name of the instructor. */
  instructor: string;
  instructorId: string;
  /** The page of its class type, with this date only. */
  page: string;
}

interface Wanted {
  spots?: number;
  /** Days from today. The demo data have classes in the first weeks. */
  inDays?: number;
  /** Minutes from now, for a class that members can be checked in to. */
  inMinutes?: number;
  /** How long it takes. */
  minutes?: number;
  price?: string;
}

/** A pass that the studio sells. */
export interface Product {
  id: string;
  name: string;
}

interface WantedProduct {
  /** Null: as many classes as the member likes. */
  credits?: number | null;
  days?: number;
  starts?: "purchase" | "first_class";
  price?: string;
  perMember?: number;
  description?: string;
  classTypeIds?: string[];
}

/** A member whom staff know by name. */
export interface KnownMember {
  id: string;
  name: string;
  email: string;
}

/** A booking on a roster. */
export interface RosterEntry {
  bookingId: string;
  name: string;
  status: string;
  isUnpaid: boolean;
  passName: string | null;
  checkedInAt: string | null;
  checkedInBy: { name: string } | null;
}

/** The date and time of a moment in a time zone. */
function localTime(moment: Date, timeZone: string): { date: string; time: string } {
  const [date = "", time = ""] = moment.toLocaleString("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" }).split(" ");
  return { date, time };
}

/** The day that is so many days from today. */
function dayIn(days: number): string {
  return new Date(Date.now() + days * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
}

/**
 * Lets the home page show this class as the only one to come. Other tests add classes that come
 * sooner than those that it shows.
 */
export async function showAsNext(page: Page, { id, date }: NewClass): Promise<void> {
  await page.route("**/api/classes/schedule?*", async (route) => {
    const response = await route.fetch({ url: `${process.env.SITE}/api/classes/schedule?from=${date}&to=${date}&limit=100` });
    const { items } = (await response.json()) as { items: Array<{ id: string }> };
    await route.fulfill({ response, json: { items: items.filter((item) => item.id === id), nextCursor: null } });
  });
}

export class Staff {
  #invitations = 0;

  constructor(
    private readonly api: APIRequestContext,
    private readonly colleagues: APIRequestContext[],
  ) {}

  async #timeIn(minutes: number): Promise<{ date: string; time: string }> {
    const { timeZone } = await this.#read<{ timeZone: string }>("/api/studio");
    return localTime(new Date(Date.now() + minutes * 60_000), timeZone);
  }

  /** Creates a class. */
  async newClass({ spots = 10, inDays = 40, inMinutes, minutes = 60, price = "18.00" }: Wanted = {}): Promise<NewClass> {
    const name = randomUUID().slice(0, 8);
    const title = `Rueda ${name}`;
    // Beginners who look for a class of this week find only those of the demo data.
    const level = inMinutes === undefined ? "beginner" : "intermediate";
    const type = await this.#send("POST", "/api/admin/classes", { name: title, price, level, maxParticipants: spots, durationMinutes: minutes });
    const instructor = await this.#send("POST", "/api/admin/instructors", { name: `Marisol ${name}` });
    const room = `Studio ${name}`;
    await this.#send("POST", "/api/admin/rooms", { name: room });
    const { date, time } = inMinutes === undefined ? { date: dayIn(inDays), time: "18:00" } : await this.#timeIn(inMinutes);
    const occurrence = { classTypeId: type.id, instructorId: instructor.id, room, date, time };
    const { occurrenceId } = await this.#send("POST", "/api/admin/schedule", { occurrence });
    return { id: String(occurrenceId), typeId: String(type.id), title, date, instructor: String(instructor.name), instructorId: String(instructor.id), timetable: `/timetable?week=${date}`, page: `/classes/${type.id}` };
  }

  /** Moves a class to another time of its day. */
  async move({ id, date }: NewClass, time: string): Promise<void> {
    await this.#send("PATCH", "/api/admin/schedule", { occurrence: { id, date, time } });
  }

  /** The time of a class, such as 18:00. */
  async timeOf({ id }: NewClass): Promise<string> {
    return (await this.#read<{ localTime: string }>(`/api/classes/occurrence?id=${id}`)).localTime;
  }

  /** Records a payment at the desk. */
  async recordPayment(bookingId: string): Promise<void> {
    await this.#send("PATCH", "/api/admin/bookings", { bookingId, action: "markPaid" });
  }

  /** Refunds what was paid for a booking. */
  async refund(bookingId: string): Promise<void> {
    await this.#send("PATCH", "/api/admin/bookings", { bookingId, action: "refund" });
  }

  /** Cancels a booking, in time or late. */
  async cancelBooking(bookingId: string): Promise<void> {
    await this.#send("PATCH", "/api/admin/bookings", { bookingId, action: "cancel" });
  }

  async cancel({ id }: NewClass): Promise<void> {
    await this.#send("DELETE", `/api/admin/schedule?occurrenceId=${id}`);
  }

  /** Creates another date of a class, on the day after it. */
  async newDate({ typeId, date }: NewClass): Promise<string> {
    const instructor = await this.#send("POST", "/api/admin/instructors", { name: `Elena ${randomUUID().slice(0, 8)}` });
    const room = `Studio ${randomUUID().slice(0, 8)}`;
    await this.#send("POST", "/api/admin/rooms", { name: room });
    const next = new Date(Date.parse(date) + 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
    const occurrence = { classTypeId: typeId, instructorId: instructor.id, room, date: next, time: "18:00" };
    return String((await this.#send("POST", "/api/admin/schedule", { occurrence })).occurrenceId);
  }

  /** Creates a member, who is invited by mail. The last name is unique. */
  async newMember(firstName: string): Promise<KnownMember> {
    const lastName = `Q${randomUUID().slice(0, 8)}`;
    const email = `${lastName}@example.com`.toLowerCase();
    // Each of the staff may invite 60 people in an hour.
    const inviting = [this.api, ...this.colleagues];
    this.#invitations += 1;
    const { id } = await this.#send("POST", "/api/admin/members", { firstName, lastName, email }, inviting[this.#invitations % inviting.length]);
    return { id: String(id), name: `${firstName} ${lastName}`, email };
  }

  /** Books a class for a member. Returns the id of the booking. */
  async book(member: KnownMember, scheduledClassId: string, joinWaitlist = false): Promise<string> {
    return String((await this.#send("POST", "/api/admin/bookings", { userId: member.id, scheduledClassId, joinWaitlist })).id);
  }

  /** Lets the member of a page see the classes of an instructor. */
  async linkInstructor({ instructorId }: NewClass, member: Page): Promise<void> {
    const { id: userId } = (await (await member.request.get("/api/auth/me")).json()) as { id: string };
    await this.#send("PATCH", "/api/admin/instructors", { id: instructorId, userId });
  }

  /** Creates members who have booked a class. */
  async newMembersOf({ id }: NewClass, firstNames: string[]): Promise<KnownMember[]> {
    const members: KnownMember[] = [];
    for (const firstName of firstNames) {
      const member = await this.newMember(firstName);
      await this.book(member, id);
      members.push(member);
    }
    return members;
  }

  /** Sells a pass of the demo data to a member, for cash. */
  async sell({ id: userId }: KnownMember, product: string): Promise<void> {
    const { items } = await this.#read<{ items: Array<{ id: string; name: string }> }>("/api/shop/products?limit=100");
    const found = items.find(({ name }) => name === product);
    await this.#send("POST", "/api/admin/orders", { userId, productIds: [found?.id], tender: "cash" });
  }

  /** Lets a pass pay for the booking of a member. */
  async usePass(wanted: NewClass, { name }: KnownMember): Promise<void> {
    const bookingId = (await this.roster(wanted)).get(name)?.bookingId;
    await this.#send("PATCH", "/api/admin/bookings", { bookingId, action: "usePass" });
  }

  async checkIn({ id }: NewClass, bookingId: string): Promise<void> {
    await this.#send("POST", "/api/admin/check-ins", { scheduledClassId: id, bookingIds: [bookingId] });
  }

  /** The roster of a class by the name of the member. */
  async roster({ id }: NewClass): Promise<Map<string, RosterEntry>> {
    const { items } = await this.#read<{ items: RosterEntry[] }>(`/api/admin/bookings?scheduledClassId=${id}&limit=100`);
    return new Map(items.map((entry) => [entry.name, entry]));
  }

  /** The attendance that was recorded for a class: the bookings and their status, in order. */
  async attendance({ id, date }: NewClass): Promise<Array<{ bookingId: string; status: string }>> {
    type Event = { kind: string; data: { bookingId: string; scheduledClassId: string; status: string } };
    const { items } = await this.#read<{ items: Event[] }>(`/api/admin/events?date=${date}&limit=100`);
    const found = items.filter(({ kind, data }) => kind === "attendance_changed" && data.scheduledClassId === id);
    return found.map(({ data: { bookingId, status } }) => ({ bookingId, status })).reverse();
  }

  async #read<T>(path: string): Promise<T> {
    const response = await this.api.get(path);
    expect(response.ok(), `GET ${path}: ${await response.text()}`).toBe(true);
    return (await response.json()) as T;
  }

  /** Creates an instructor. Returns the name. */
  async newInstructor(name = `Camila ${randomUUID().slice(0, 8)}`): Promise<string> {
    await this.#send("POST", "/api/admin/instructors", { name });
    return name;
  }

  /** Creates a pass that no other test sells. */
  async newProduct({ credits = 10, days = 120, ...more }: WantedProduct = {}): Promise<Product> {
    const name = `Pass ${randomUUID().slice(0, 8)}`;
    const { id } = await this.#send("POST", "/api/admin/products", { name, price: "150.00", credits, days, ...more });
    return { id: String(id), name };
  }

  /** Creates a course of these classes that no other test sells. */
  async newCourse(price: string, classes: NewClass[]): Promise<Product> {
    const name = `Course ${randomUUID().slice(0, 8)}`;
    const { id } = await this.#send("POST", "/api/admin/products", { kind: "course", name, price });
    await this.#send("PUT", "/api/admin/course-classes", { courseId: id, classIds: classes.map((one) => one.id) });
    return { id: String(id), name };
  }

  /** Creates a promo code that takes a part off the price of courses. */
  async newPromoCode(percent: number): Promise<string> {
    const code = `C-${randomUUID().slice(0, 8)}`.toUpperCase();
    await this.#send("POST", "/api/admin/promo-codes", { code, percent, appliesTo: ["course"] });
    return code;
  }

  /** Creates a gift card that no other test sells. */
  async newGiftCard(price: string): Promise<Product> {
    const name = `Gift card ${randomUUID().slice(0, 8)}`;
    const { id } = await this.#send("POST", "/api/admin/products", { kind: "gift_card", name, price });
    return { id: String(id), name };
  }

  /** Creates a membership of 8 classes a month that no other test sells. Without class types, it covers all. */
  async newMembership(classTypeIds: string[] = []): Promise<Product> {
    const name = `Membership ${randomUUID().slice(0, 8)}`;
    const { id } = await this.#send("POST", "/api/admin/products", { kind: "membership", name, price: "80.00", every: "month", credits: 8, classTypeIds });
    return { id: String(id), name };
  }

  /** No longer sells a product. */
  async retire({ id }: Product): Promise<void> {
    await this.#send("PATCH", "/api/admin/products", { id, isActive: false });
  }

  /** Sells passes to the member of a page, which visitors do not see. Returns their names. */
  async sellTo(member: Page, first: WantedProduct, ...others: WantedProduct[]): Promise<[string, ...string[]]> {
    const { id: userId } = (await (await member.request.get("/api/auth/me")).json()) as { id: string };
    const products: [Product, ...Product[]] = [await this.newProduct(first)];
    for (const product of others) products.push(await this.newProduct(product));
    await this.#send("POST", "/api/admin/orders", { userId, productIds: products.map(({ id }) => id), tender: "cash" });
    for (const product of products) await this.retire(product);
    const [{ name }, ...rest] = products;
    return [name, ...rest.map(({ name }) => name)];
  }

  async #send(method: string, path: string, data?: unknown, api = this.api): Promise<Record<string, unknown>> {
    const response = await api.fetch(path, { method, headers: { Origin: process.env.SITE ?? "" }, ...(data ? { data } : {}) });
    expect(response.ok(), `${method} ${path}: ${await response.text()}`).toBe(true);
    return (await response.json()) as Record<string, unknown>;
  }
}

/** Signs in one of the staff for requests without a page. */
async function openApi(role: keyof typeof STAFF_ACCOUNTS): Promise<APIRequestContext> {
  const site = process.env.SITE ?? "";
  const api = await request.newContext({ baseURL: site });
  const signIn = await api.post("/api/auth/login", { data: { email: STAFF_ACCOUNTS[role], password: PASSWORD_OF_DEMO }, headers: { Origin: site } });
  expect(signIn.ok(), await signIn.text()).toBe(true);
  return api;
}

/** Gives the role of staff to someone new, and signs in there. */
async function newColleague(admin: APIRequestContext): Promise<APIRequestContext> {
  const site = process.env.SITE ?? "";
  const api = await request.newContext({ baseURL: site });
  const account = { email: newEmail(), password: PASSWORD };
  const send = async (from: APIRequestContext, method: string, path: string, data: unknown) => {
    const response = await from.fetch(path, { method, data, headers: { Origin: site } });
    expect(response.ok(), await response.text()).toBe(true);
  };
  await send(api, "POST", "/api/auth/register", { ...account, firstName: "Camila" });
  const [, token] = (await mailedPath(account.email, "verify-email")).split("=");
  await send(api, "POST", "/api/auth/verify-email", { token });
  const { id } = (await (await api.get("/api/auth/me")).json()) as { id: string };
  await send(admin, "PATCH", "/api/admin/users", { id, role: "staff", currentPassword: PASSWORD_OF_DEMO });
  await send(api, "POST", "/api/auth/login", account);
  return api;
}

/** Signs in the staff of the studio, and signs them out after `use`. */
export async function withStaff(use: (staff: Staff) => Promise<void>): Promise<void> {
  const [api, admin] = await Promise.all([openApi("staff"), openApi("admin")]);
  const colleague = await newColleague(admin);
  await use(new Staff(api, [admin, colleague]));
  await Promise.all([api, admin, colleague].map((one) => one.dispose()));
}

/** A test in which the staff take part. They sign in once for each process. */
export const test = base.extend<object, { staff: Staff }>({
  staff: [({}, use) => withStaff(use), { scope: "worker" }],
});
