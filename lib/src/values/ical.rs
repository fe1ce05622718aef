//! iCalendar files (RFC 5545) with an embedded time zone.
//!
//! The crate `icalendar` is not used, because it writes no `VTIMEZONE`, adds random ids
//! and the current time, and folds some lines after 76 octets instead of 75.

use std::fmt::Display;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeZone as _, Utc};
use uuid::Uuid;

use crate::values::time_zone::TimeZone;

/// The media type of a calendar.
pub const CONTENT_TYPE: &str = "text/calendar; charset=utf-8";

/// The maximum length of a line, without its line break (section 3.1).
const LINE_OCTETS: usize = 75;

/// The status of an event (section 3.8.1.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The event takes place.
    Confirmed,
    /// The event may take place.
    Tentative,
    /// The event is cancelled. Calendar programs remove it.
    Cancelled,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "CONFIRMED",
            Self::Tentative => "TENTATIVE",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// An entry of a calendar, which is written as an event (section 3.6.1).
#[derive(Clone, Debug)]
pub struct Entry {
    /// The id, which stays the same when the event changes.
    pub uid: Uuid,
    /// The revision, which increases with every change.
    pub sequence: i32,
    /// The status.
    pub status: Status,
    /// The start.
    pub start: DateTime<Utc>,
    /// The end.
    pub end: DateTime<Utc>,
    /// The title.
    pub summary: String,
    /// The location.
    pub location: String,
    /// The description. The URL of the site is appended to it.
    pub description: String,
    /// The time of the last change.
    pub modified: DateTime<Utc>,
}

/// Writes a calendar of these events in the local times of `zone`. `name` is the
/// calendar's name, and each event links to `site_url`.
pub fn render(zone: &TimeZone, name: &str, site_url: &str, entries: &[Entry]) -> String {
    let mut lines = Lines::default();
    lines.add("BEGIN", "VCALENDAR");
    lines.add("VERSION", "2.0");
    lines.add("PRODID", "-//Sabor//Calendar//EN");
    lines.add("CALSCALE", "GREGORIAN");
    lines.add_text("X-WR-CALNAME", name);
    lines.add("X-WR-TIMEZONE", zone.name());
    lines.add("REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
    // The same interval in the form that Outlook reads.
    lines.add("X-PUBLISHED-TTL", "PT1H");
    add_time_zone(&mut lines, zone, entries);
    for entry in entries {
        add_event(&mut lines, zone, site_url, entry);
    }
    lines.add("END", "VCALENDAR");
    lines.0
}

/// Writes the time zone for the years of the events, starting with the year before
/// the first event, so that an offset is defined even for an event on January 1. Each
/// change of the clocks is listed, because a recurrence rule becomes wrong when the law changes.
fn add_time_zone(lines: &mut Lines, zone: &TimeZone, entries: &[Entry]) {
    // A calendar needs at least one component (section 3.6), so the zone is written
    // even without events.
    let first = entries.iter().map(|entry| entry.start).min();
    let last = entries.iter().map(|entry| entry.end).max();
    let since = new_year(first.unwrap_or_default().year() - 1);
    let until = new_year(last.unwrap_or_default().year() + 1);
    let first_time = zone.local(since);
    lines.add("BEGIN", "VTIMEZONE");
    lines.add("TZID", zone.name());
    Observance {
        kind: "STANDARD",
        since: first_time.naive_local(),
        offset_from: first_time.offset(),
        offset_to: first_time.offset(),
        name: &zone.abbreviation(since),
    }
    .add_to(lines);
    for change in zone.transitions(since, until) {
        Observance {
            kind: if change.is_dst {
                "DAYLIGHT"
            } else {
                "STANDARD"
            },
            since: change.at.with_timezone(&change.offset_before).naive_local(),
            offset_from: &change.offset_before,
            offset_to: &change.offset_after,
            name: &change.abbreviation,
        }
        .add_to(lines);
    }
    lines.add("END", "VTIMEZONE");
}

fn new_year(year: i32) -> DateTime<Utc> {
    let day = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0);
    day.single().unwrap_or_default()
}

/// A time zone observance (section 3.6.5).
struct Observance<'a, Offset> {
    kind: &'a str,
    /// The start, in local time before the change.
    since: NaiveDateTime,
    offset_from: Offset,
    offset_to: Offset,
    /// The abbreviation, such as `MST`.
    name: &'a str,
}

impl<Offset: Display> Observance<'_, Offset> {
    fn add_to(&self, lines: &mut Lines) {
        // `+02:00` is written `+0200` (section 3.3.14).
        let digits = |offset: &Offset| offset.to_string().replace(':', "");
        lines.add("BEGIN", self.kind);
        lines.add("DTSTART", &format_local(self.since));
        lines.add("TZOFFSETFROM", &digits(&self.offset_from));
        lines.add("TZOFFSETTO", &digits(&self.offset_to));
        lines.add("TZNAME", self.name);
        lines.add("END", self.kind);
    }
}

fn add_event(lines: &mut Lines, zone: &TimeZone, site_url: &str, entry: &Entry) {
    let modified = format_utc(entry.modified);
    lines.add("BEGIN", "VEVENT");
    lines.add("UID", &entry.uid.to_string());
    lines.add("SEQUENCE", &entry.sequence.to_string());
    lines.add("STATUS", entry.status.as_str());
    // Both are the same in a calendar without METHOD (section 3.8.7.2).
    lines.add("DTSTAMP", &modified);
    lines.add("LAST-MODIFIED", &modified);
    add_time(lines, "DTSTART", zone, entry.start);
    add_time(lines, "DTEND", zone, entry.end);
    lines.add_text("SUMMARY", &entry.summary);
    lines.add_text("LOCATION", &entry.location);
    let description = format!("{}\n{site_url}", entry.description);
    lines.add_text("DESCRIPTION", description.trim_start());
    lines.add("URL", site_url);
    lines.add("END", "VEVENT");
}

/// Writes a time in the zone. The second occurrence of an ambiguous local time is
/// written in UTC, because a local time means the first one (section 3.3.5).
fn add_time(lines: &mut Lines, name: &str, zone: &TimeZone, time: DateTime<Utc>) {
    let local_time = zone.local(time).naive_local();
    if zone.resolve(local_time.date(), local_time.time()) == time {
        lines.add(
            &format!("{name};TZID={}", zone.name()),
            &format_local(local_time),
        );
    } else {
        lines.add(name, &format_utc(time));
    }
}

fn format_local(time: NaiveDateTime) -> String {
    time.format("%Y%m%dT%H%M%S").to_string()
}

fn format_utc(time: DateTime<Utc>) -> String {
    time.format("%Y%m%dT%H%M%SZ").to_string()
}

/// Content lines (section 3.1).
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// Adds a line whose value needs no escaping.
    fn add(&mut self, name: &str, value: &str) {
        let mut remaining = LINE_OCTETS;
        for c in name.chars().chain([':']).chain(value.chars()) {
            if c.len_utf8() > remaining {
                self.0.push_str("\r\n ");
                remaining = LINE_OCTETS - 1;
            }
            self.0.push(c);
            remaining -= c.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    /// Adds a line whose value may need escaping (section 3.3.11). Control characters except
    /// tabs and line breaks cannot be escaped, so they become spaces.
    fn add_text(&mut self, name: &str, text: &str) {
        let mut escaped = String::with_capacity(text.len());
        for c in text.replace("\r\n", "\n").chars() {
            match c {
                '\n' => escaped.push_str("\\n"),
                '\\' | ';' | ',' => escaped.extend(['\\', c]),
                c if c.is_control() && c != '\t' => escaped.push(' '),
                c => escaped.push(c),
            }
        }
        self.add(name, &escaped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let mut lines = Lines::default();
        lines.add_text("SUMMARY", text);
        lines.0
    }

    fn entry(start: &str, end: &str) -> Entry {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        Entry {
            uid: Uuid::nil(),
            sequence: 0,
            status: Status::Confirmed,
            start: at(start),
            end: at(end),
            summary: "Salsa".to_owned(),
            location: "Room 1".to_owned(),
            description: "With Marisol".to_owned(),
            modified: at(start),
        }
    }

    fn rendered(zone: &str, entries: &[Entry]) -> String {
        render(
            &TimeZone::named(zone).unwrap(),
            "Sabor",
            "https://sabor.example",
            entries,
        )
    }

    #[test]
    fn text_becomes_one_escaped_line() {
        assert_eq!(
            line("a, b; c\\d\r\ne\nf:g"),
            "SUMMARY:a\\, b\\; c\\\\d\\ne\\nf:g\r\n"
        );
        assert_eq!(line("a\rEND:VEVENT\u{85}\0"), "SUMMARY:a END:VEVENT  \r\n");
    }

    #[test]
    fn lines_are_folded_at_75_octets_between_characters() {
        for text in ["x".repeat(142), "x".repeat(143), "💃é老".repeat(60)] {
            let folded = line(&text);
            assert!(folded.split("\r\n").all(|line| line.len() <= 75));
            let unfolded = folded.replace("\r\n ", "");
            assert_eq!(unfolded.strip_prefix("SUMMARY:").unwrap().trim_end(), text);
        }
        // A line of exactly 75 octets is not folded.
        assert_eq!(line(&"x".repeat(67)).matches("\r\n").count(), 1);
        assert_eq!(line(&"x".repeat(68)).matches("\r\n").count(), 2);
    }

    #[test]
    fn the_second_occurrence_of_a_local_time_is_written_in_utc() {
        let text = rendered(
            "America/Denver",
            &[entry("2026-11-01T07:30:00Z", "2026-11-01T08:30:00Z")],
        );
        assert!(text.contains("DTSTART;TZID=America/Denver:20261101T013000\r\n"));
        assert!(text.contains("DTEND:20261101T083000Z\r\n"), "{text}");
    }

    #[test]
    fn the_time_zone_is_written_even_without_clock_changes_or_events() {
        for (zone, offset) in [("UTC", "+0000"), ("America/Phoenix", "-0700")] {
            let text = rendered(
                zone,
                &[entry("2026-07-01T02:00:00Z", "2026-07-01T03:00:00Z")],
            );
            assert_eq!(text.matches("BEGIN:STANDARD").count(), 1);
            assert!(text.contains(&format!("TZOFFSETTO:{offset}\r\n")), "{text}");
            assert!(rendered(zone, &[]).contains("BEGIN:VTIMEZONE"));
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::testing::arbitrary::{text, uuid};

    fn unfolded(text: &str) -> Vec<String> {
        let lines = text.strip_suffix("\r\n").unwrap().split("\r\n");
        let mut joined: Vec<String> = Vec::new();
        for line in lines {
            match line.strip_prefix(' ') {
                Some(more) => joined.last_mut().unwrap().push_str(more),
                None => joined.push(line.to_owned()),
            }
        }
        joined
    }

    /// Reverses the escaping of RFC 5545, section 3.3.11.
    fn unescaped(value: &str) -> String {
        let mut text = String::new();
        let mut characters = value.chars();
        while let Some(c) = characters.next() {
            if c == '\\' {
                match characters.next().unwrap() {
                    'n' => text.push('\n'),
                    escaped => text.push(escaped),
                }
            } else {
                text.push(c);
            }
        }
        text
    }

    /// Returns the text that is read back from a calendar.
    fn sanitized(text: &str) -> String {
        let replace_control = |c: char| {
            if c.is_control() && c != '\n' && c != '\t' {
                ' '
            } else {
                c
            }
        };
        text.replace("\r\n", "\n")
            .chars()
            .map(replace_control)
            .collect()
    }

    fn assert_lines(text: &str) {
        for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
            assert!(line.len() <= LINE_OCTETS && !line.is_empty(), "{line:?}");
            assert!(
                !line.contains(|c: char| c.is_control() && c != '\t'),
                "{line:?}"
            );
        }
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let texts = (text(), text(), text());
        let times = (946_684_800..7_258_118_400_i64, 1..2_000_i64);
        (texts, times, uuid(), any::<i32>()).prop_map(|(texts, (start, length), uid, sequence)| {
            let start = DateTime::from_timestamp(start, 0).unwrap();
            Entry {
                uid,
                sequence,
                status: Status::Tentative,
                start,
                end: start + chrono::TimeDelta::minutes(length),
                summary: texts.0,
                location: texts.1,
                description: texts.2,
                modified: start,
            }
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_from_an_unfolded_line(text in text()) {
            let mut lines = Lines::default();
            lines.add_text("SUMMARY", &text);
            assert_lines(&lines.0);
            let [line] = &unfolded(&lines.0)[..] else { panic!("{:?}", lines.0) };
            assert_eq!(unescaped(line.strip_prefix("SUMMARY:").unwrap()), sanitized(&text));
        }

        #[test]
        fn no_text_adds_a_line_or_an_event(
            entries in vec(entry(), 0..3), zone in select(vec!["UTC", "America/Denver", "Europe/Madrid"]),
        ) {
            let text = render(&TimeZone::named(zone).unwrap(), "Sabor", "https://sabor.example", &entries);
            assert_lines(&text);
            let lines = unfolded(&text);
            let count = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
            assert_eq!((count("BEGIN:VEVENT"), count("END:VEVENT")), (entries.len(), entries.len()));
            assert_eq!((count("BEGIN:VCALENDAR"), count("BEGIN:VTIMEZONE")), (1, 1));
            for (name, texts) in [
                ("SUMMARY:", entries.iter().map(|entry| &entry.summary).collect::<Vec<_>>()),
                ("LOCATION:", entries.iter().map(|entry| &entry.location).collect()),
            ] {
                let read = lines.iter().filter_map(|line| line.strip_prefix(name)).map(unescaped);
                assert!(read.eq(texts.into_iter().map(|text| sanitized(text))));
            }
        }
    }
}
