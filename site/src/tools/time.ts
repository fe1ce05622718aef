// Days and times of the studio. A day is a text such as 2026-03-08, without a time zone.

import { language } from "./language.ts";

/** The formats that were used, because creating one takes long. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(key, known);
  return known;
}

/**
 * Creates a format. The first one of a page takes about as long as all of its cards: 20 ms on a
 * desktop, because the browser then reads what it knows about all locales.
 */
export function prepareFormats(): void {
  formatTime("00:00");
}

/** The day of a moment in a time zone. The default is the browser's. */
export function dayOf(moment: Date, timeZone?: string): string {
  // This locale writes the year first.
  return formatOf("en-CA", { dateStyle: "short", ...(timeZone ? { timeZone } : {}) }).format(moment);
}

/** Returns the text if it is a day of the years 2000 to 2199, which the API knows. */
export function parseDay(text: string | null): string | null {
  if (!text || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  if (Number.isNaN(Date.parse(text)) || text < "2000" || text >= "2200") return null;
  // The browser takes February 31 for March 3.
  return addDays(text, 0) === text ? text : null;
}

export function addDays(day: string, count: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + count);
  return date.toISOString().slice(0, 10);
}

/** Formats a day, such as "Thursday, March 8". */
export function formatDay(day: string, options: Intl.DateTimeFormatOptions = { weekday: "long", month: "long", day: "numeric" }): string {
  return formatOf(language.value, { ...options, timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));
}

/** Formats a time such as `19:00` as the language writes it. */
export function formatTime(time: string): string {
  return formatOf(language.value, { timeStyle: "short", timeZone: "UTC" }).format(new Date(`2000-01-01T${time}:00Z`));
}

/** Formats a moment in a time zone, such as "Thu, Mar 8, 6:00 PM". */
export function formatMomentIn(moment: string, timeZone?: string): string {
  const options = { weekday: "short", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" } as const;
  return formatOf(language.value, { ...options, ...(timeZone ? { timeZone } : {}) }).format(new Date(moment));
}

/** Formats the time of a moment in a time zone, such as "6:00 PM". */
export function formatTimeIn(moment: string, timeZone?: string): string {
  return formatOf(language.value, { timeStyle: "short", ...(timeZone ? { timeZone } : {}) }).format(new Date(moment));
}

/** Formats a past moment in the browser's time zone: the time, and the day if it is not today. */
export function formatRecent(moment: Date): string {
  const time = { hour: "numeric", minute: "2-digit" } as const;
  const isToday = dayOf(moment) === dayOf(new Date());
  return formatOf(language.value, isToday ? time : { ...time, weekday: "short", month: "short", day: "numeric" }).format(moment);
}

/** The formats of prices that were used. */
const priceFormats = new Map<string, Intl.NumberFormat>();

export function formatPrice(price: string, currency: string): string {
  const amount = Number(price);
  const isWhole = Number.isInteger(amount);
  const key = [language.value, currency, isWhole].join();
  const format = priceFormats.get(key) ?? new Intl.NumberFormat(language.value, { style: "currency", currency, ...(isWhole ? { minimumFractionDigits: 0 } : {}) });
  priceFormats.set(key, format);
  return format.format(amount);
}
