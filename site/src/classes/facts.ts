// Facts about a class that several pages show.

import type { ClassTexts } from "../texts/classes.en.ts";
import { formatPrice } from "../tools/time.ts";

/** The path of the page about a class on one date. */
export function classPath({ classTypeId, id }: { classTypeId: string; id: string }): string {
  return `/classes/${classTypeId}?class=${id}`;
}

export function minutesOf({ startTime, endTime }: { startTime: string; endTime: string }): number {
  return Math.round((Date.parse(endTime) - Date.parse(startTime)) / 60_000);
}

/** Returns the price, or that there is none. */
export function priceText(t: ClassTexts, { price, currency }: { price: string; currency: string }): string {
  return Number(price) === 0 ? t.free : formatPrice(price, currency);
}

/** The place of a course in the shop. */
export function coursePath({ id }: { id: string }): string {
  return `/shop#course-${id}`;
}

/** Whether members book the class with its course only. */
export function isBookedWithCourse({ course }: { course: { dropIn: boolean } | null }): boolean {
  return course !== null && !course.dropIn;
}
