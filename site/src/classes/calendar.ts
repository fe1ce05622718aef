// One class as a file for a calendar program (RFC 5545).

import { addressLines, studio, studioName } from "../tools/studio.ts";

interface CalendarEntry {
  /** The id of the booking, which the calendar feed uses too, or of a class that is not booked. */
  id: string;
  title: string;
  localDate: string;
  startTime: string;
  endTime: string;
  room: string;
  /** The instructor's name. */
  instructor: string;
}

/** Returns the attributes of a link to the file. Its name has the title and the day. */
export function calendarLink(entry: CalendarEntry): { href: string; download: string } {
  const title = entry.title.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const words = [...title.matchAll(/[\p{L}\p{N}]+/gu), entry.localDate];
  return { href: contentOf(entry), download: `${words.join("-")}.ics` };
}

function contentOf({ id, title, startTime, endTime, room, instructor }: CalendarEntry): string {
  const address = studio.value?.address;
  const place = [room, studioName(), ...(address ? addressLines(address) : [])].join(", ");
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Sabor//Site//EN",
    "BEGIN:VEVENT",
    // As in the feed, so that a program that has both shows the class once (RFC 7986, 5.3).
    `UID:${id}`,
    `DTSTAMP:${stamp(new Date())}`,
    `DTSTART:${stamp(new Date(startTime))}`,
    `DTEND:${stamp(new Date(endTime))}`,
    `SUMMARY:${escape(title)}`,
    `LOCATION:${escape(place)}`,
    `DESCRIPTION:${escape(instructor)}`,
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return `data:text/calendar;charset=utf-8,${encodeURIComponent(`${lines.join("\r\n")}\r\n`)}`;
}

function stamp(moment: Date): string {
  return moment.toISOString().replace(/[-:]|\.\d+/g, "");
}

function escape(text: string): string {
  return text.replace(/[\\;,]/g, "\\$&").replace(/\r?\n/g, "\\n");
}
