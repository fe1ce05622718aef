// The data of the schedule, and the choices for the fields of a class.

import { api, call, readAllPages, type Schema } from "../../../api/client.ts";
import { addDays } from "../../../tools/time.ts";

export type Occurrence = Schema<"Occurrence">;
export type Scope = Schema<"ScheduleScope">;

/** The choices for the fields of a class. Retired ones are left out. */
export interface Parts {
  classTypes: Array<Schema<"StaffClassType">>;
  instructors: Array<Schema<"StaffInstructor">>;
  rooms: Array<Schema<"Room">>;
}

/** Returns the Monday of the week of a day. */
export function mondayOf(day: string): string {
  const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
  return addDays(day, -((weekday + 6) % 7));
}

/** All classes of a week, also cancelled ones. */
export function loadWeek(monday: string): Promise<Occurrence[]> {
  const days = { from: monday, to: addDays(monday, 6) };
  return readAllPages((page) => call(api.GET("/api/classes/schedule", { params: { query: { ...days, ...page } } })));
}

export async function loadParts(): Promise<Parts> {
  const active = { active: true };
  const [classTypes, instructors, rooms] = await Promise.all([
    readAllPages((page) => call(api.GET("/api/admin/classes", { params: { query: { ...active, ...page } } }))),
    readAllPages((page) => call(api.GET("/api/admin/instructors", { params: { query: { ...active, ...page } } }))),
    readAllPages((page) => call(api.GET("/api/admin/rooms", { params: { query: { ...active, ...page } } }))),
  ]);
  const byName = (one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name);
  return { classTypes: classTypes.sort(byName), instructors: instructors.sort(byName), rooms: rooms.sort(byName) };
}
