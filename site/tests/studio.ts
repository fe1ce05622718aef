// What the staff of the studio do in the tests, through the API.

import { randomUUID } from "node:crypto";
import { type APIRequestContext, type Page, request } from "@playwright/test";
import { expect, PASSWORD_OF_DEMO, send, test as base } from "./site.ts";

/** The demo accounts that may open the console. */
const STAFF_ACCOUNTS = { staff: "sofia@sabor.dev", admin: "admin@sabor.dev" };

/** Signs in one of the staff in the browser of the page. */
export async function signInAs(page: Page, role: keyof typeof STAFF_ACCOUNTS): Promise<void> {
  await send(page, "/api/auth/login", { email: STAFF_ACCOUNTS[role], password: PASSWORD_OF_DEMO });
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
  /** The page of its class type, with this date only. */
  page: string;
}

interface Wanted {
  spots?: number;
  /** Days from today. The demo data have classes in the first weeks. */
  inDays?: number;
}

export class Staff {
  constructor(private readonly api: APIRequestContext) {}

  /** Creates a class. */
  async newClass({ spots = 10, inDays = 40 }: Wanted = {}): Promise<NewClass> {
    const name = randomUUID().slice(0, 8);
    const title = `Rueda ${name}`;
    const type = await this.#send("POST", "/api/admin/classes", { name: title, price: "18.00", level: "beginner", maxParticipants: spots });
    const instructor = await this.#send("POST", "/api/admin/instructors", { name: `Marisol ${name}` });
    const room = `Studio ${name}`;
    await this.#send("POST", "/api/admin/rooms", { name: room });
    const date = new Date(Date.now() + inDays * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
    const occurrence = { classTypeId: type.id, instructorId: instructor.id, room, date, time: "18:00" };
    const { occurrenceId } = await this.#send("POST", "/api/admin/schedule", { occurrence });
    return { id: String(occurrenceId), typeId: String(type.id), title, date, instructor: String(instructor.name), timetable: `/timetable?week=${date}`, page: `/classes/${type.id}` };
  }

  /** Moves a class to another time of its day. */
  async move({ id, date }: NewClass, time: string): Promise<void> {
    await this.#send("PATCH", "/api/admin/schedule", { occurrence: { id, date, time } });
  }

  /** Records a payment at the desk. */
  async recordPayment(bookingId: string): Promise<void> {
    await this.#send("PATCH", "/api/admin/bookings", { bookingId, action: "markPaid" });
  }

  async cancel({ id }: NewClass): Promise<void> {
    await this.#send("DELETE", `/api/admin/schedule?occurrenceId=${id}`);
  }

  /** Creates an instructor. Returns the name. */
  async newInstructor(): Promise<string> {
    const name = `Camila ${randomUUID().slice(0, 8)}`;
    await this.#send("POST", "/api/admin/instructors", { name });
    return name;
  }

  async #send(method: string, path: string, data?: unknown): Promise<Record<string, unknown>> {
    const response = await this.api.fetch(path, { method, headers: { Origin: process.env.SITE ?? "" }, ...(data ? { data } : {}) });
    expect(response.ok(), `${method} ${path}: ${await response.text()}`).toBe(true);
    return (await response.json()) as Record<string, unknown>;
  }
}

/** A test in which the staff take part. They sign in once for each process. */
export const test = base.extend<object, { staff: Staff }>({
  staff: [
    async ({}, use) => {
      const site = process.env.SITE ?? "";
      const api = await request.newContext({ baseURL: site });
      const signIn = await api.post("/api/auth/login", { data: { email: STAFF_ACCOUNTS.staff, password: PASSWORD_OF_DEMO }, headers: { Origin: site } });
      expect(signIn.ok(), await signIn.text()).toBe(true);
      await use(new Staff(api));
      await api.dispose();
    },
    { scope: "worker" },
  ],
});
