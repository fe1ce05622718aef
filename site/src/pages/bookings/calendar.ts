// One class as a file for a calendar program (RFC 5545).

import type { Booking } from "../../classes/live.ts";

/** Returns the address of the file, for a link. */
export function calendarFile(booking: Booking): string {
  const { title, startTime, endTime, room, instructor } = booking.class;
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Sabor//Site//EN",
    "BEGIN:VEVENT",
    `UID:${booking.id}@${location.hostname}`,
    `DTSTAMP:${stamp(booking.bookedAt)}`,
    `DTSTART:${stamp(startTime)}`,
    `DTEND:${stamp(endTime)}`,
    `SUMMARY:${escape(title)}`,
    `LOCATION:${escape(room)}`,
    `DESCRIPTION:${escape(instructor)}`,
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return `data:text/calendar;charset=utf-8,${encodeURIComponent(`${lines.join("\r\n")}\r\n`)}`;
}

function stamp(moment: string): string {
  return new Date(moment).toISOString().replace(/[-:]|\.\d+/g, "");
}

function escape(text: string): string {
  return text.replace(/[\\;,]/g, "\\$&").replace(/\r?\n/g, "\\n");
}
