// One class as a file for a calendar program (RFC 5545).

import { addressLines, studio, studioName } from "../tools/studio.ts";

interface CalendarEntry {
  /** The id of the booking, which the calendar feed uses too, or of a class that is not booked. */
  id: string;
  title: string;
  startTime: string;
  endTime: string;
  room: string;
  /** The instructor's name. */
  instructor: string;
}

/** Returns the address of the file, for a link. */
export function calendarFile({ id, title, startTime, endTime, room, instructor }: CalendarEntry): string {
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
