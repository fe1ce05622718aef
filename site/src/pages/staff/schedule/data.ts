// What the schedule shows, and what a class can be made of.

import { useEffect, useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../../../api/client.ts";
import { Failure } from "../../../api/failure.ts";
import { report } from "../../../tools/action.ts";
import { addDays } from "../../../tools/time.ts";

export type Occurrence = Schema<"Occurrence">;
export type Result = Schema<"TimetableResult">;
export type Scope = Schema<"ScheduleScope">;

/** What a class can be made of: only what is not retired. */
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

/** What a change would do: nothing known yet, the answer, or why it is not possible. */
export interface Preview {
  result: Result | null;
  failure: Failure | null;
}

/** Asks what a change would do, anew whenever `key` changes. Without a key there is no change. */
export function usePreview(key: string, ask: () => Promise<Result>): Preview {
  const [preview, setPreview] = useState<Preview>({ result: null, failure: null });
  useEffect(() => {
    setPreview({ result: null, failure: null });
    if (!key) return;
    let isLatest = true;
    ask().then(
      (result) => isLatest && setPreview({ result, failure: null }),
      (failure) => {
        if (!(failure instanceof Failure)) return report(failure);
        if (isLatest) setPreview({ result: null, failure });
      },
    );
    return () => {
      isLatest = false;
    };
  }, [key]);
  return preview;
}
