// Days in the tables and sentences of the console.

import { formatDay } from "../tools/time.ts";

/** Formats a day with its year, such as "Nov 27, 2026". */
export function longDay(day: string): string {
  return formatDay(day, { year: "numeric", month: "short", day: "numeric" });
}
