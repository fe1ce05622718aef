//! Time zones.
//!
//! Jiff embeds the IANA database in 0.5 MB. chrono-tz needs 1.9 MB, which is more
//! than an executable has room for.
//!
//! Every local date and time comes from this database. Postgres has its own, which may be
//! older, so no statement converts to or from local time. Statements get the
//! bounds of the local days instead.

use std::ops::Range;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use jiff::Timestamp;
use jiff::tz::{self, AmbiguousOffset};

use super::locale::Locale;
use crate::error::{Error, Result};
use crate::runtime::config::StudioConfig;

/// The days of the week in Spanish, from Monday.
const SPANISH_WEEKDAYS: [&str; 7] = [
    "lunes",
    "martes",
    "miércoles",
    "jueves",
    "viernes",
    "sábado",
    "domingo",
];

/// The months in Spanish.
const SPANISH_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

/// A time zone of the IANA database.
#[derive(Clone, Debug)]
pub struct TimeZone {
    name: String,
    rules: tz::TimeZone,
}

/// A change of the clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The time of the change.
    pub at: DateTime<Utc>,
    /// The offset from UTC before the change.
    pub offset_before: FixedOffset,
    /// The offset from UTC after the change.
    pub offset_after: FixedOffset,
    /// The abbreviation after the change, such as `MDT`.
    pub abbreviation: String,
    /// Whether daylight saving time applies after the change.
    pub is_dst: bool,
}

impl TimeZone {
    /// Finds a time zone by name.
    pub fn named(name: &str) -> Option<Self> {
        let rules = tz::TimeZone::get(name).ok()?;
        // The lookup ignores case, so the name is taken from the database.
        let name = rules.iana_name()?.to_owned();
        Some(Self { name, rules })
    }

    /// Returns the studio's time zone.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Internal`] when `STUDIO_TIMEZONE` is unknown.
    pub fn of_studio(studio: &StudioConfig) -> Result<Self> {
        Self::named(&studio.time_zone)
            .ok_or_else(|| Error::internal("STUDIO_TIMEZONE is not a known time zone"))
    }

    /// Returns the name, such as `America/Denver`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Converts a local time to UTC. A skipped local time becomes the next one that
    /// exists. An ambiguous local time means its first occurrence.
    pub fn resolve(&self, date: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
        let local = date.and_time(time);
        let offset = match self.rules.to_ambiguous_timestamp(to_civil(local)).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            // The offset before the change converts a skipped time to a time after the change.
            // The time of the change is the next local time that exists.
            AmbiguousOffset::Gap { before, .. } => {
                let utc = local.and_utc() - seconds(before);
                return self.last_change(utc).unwrap_or(utc);
            }
        };
        local.and_utc() - seconds(offset)
    }

    /// Converts a time to local time.
    pub fn local(&self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        time.with_timezone(&to_fixed_offset(self.rules.to_offset(to_timestamp(time))))
    }

    /// Returns the local date at a time.
    pub fn date(&self, time: DateTime<Utc>) -> NaiveDate {
        self.local(time).date_naive()
    }

    /// Returns when a local day starts. If midnight is skipped, this is the first time of
    /// the day that exists. If midnight occurs twice, this is the first one.
    pub fn day_start(&self, date: NaiveDate) -> DateTime<Utc> {
        self.resolve(date, NaiveTime::MIN)
    }

    /// Returns when a local day starts and when the next one does.
    pub fn day(&self, date: NaiveDate) -> Range<DateTime<Utc>> {
        let next = date.succ_opt().unwrap_or(NaiveDate::MAX);
        self.day_start(date)..self.day_start(next)
    }

    /// Formats the local date at a time, such as `Friday, August 7, 2026` or `viernes 7 de
    /// agosto de 2026`.
    pub fn format_date(&self, time: DateTime<Utc>, locale: Locale) -> String {
        let local = self.local(time);
        match locale {
            Locale::En => local.format("%A, %B %-d, %Y").to_string(),
            Locale::Es => {
                let weekday = SPANISH_WEEKDAYS[local.weekday().num_days_from_monday() as usize];
                let month = SPANISH_MONTHS[local.month0() as usize];
                format!("{weekday} {} de {month} de {}", local.day(), local.year())
            }
        }
    }

    /// Formats the local time of day at a time, such as `7:00 PM` or `19:00`.
    pub fn format_time(&self, time: DateTime<Utc>, locale: Locale) -> String {
        let format = match locale {
            Locale::En => "%-I:%M %p",
            Locale::Es => "%-H:%M",
        };
        self.local(time).format(format).to_string()
    }

    /// Returns the part of the name that people understand, such as `Denver` for
    /// `America/Denver`.
    pub fn city(&self) -> String {
        let city = self.name.rsplit('/').next().unwrap_or_default();
        city.replace('_', " ")
    }

    /// Returns the zone's abbreviation at a time, such as `MST`.
    pub fn abbreviation(&self, time: DateTime<Utc>) -> String {
        let info = self.rules.to_offset_info(to_timestamp(time));
        info.abbreviation().to_owned()
    }

    /// Returns the changes of the clocks after `from` and before `until`, in order.
    pub fn transitions(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Transition> {
        self.rules
            .following(to_timestamp(from))
            .map(|change| Transition {
                at: to_utc(change.timestamp()),
                offset_before: self.offset_before(to_utc(change.timestamp())),
                offset_after: to_fixed_offset(change.offset()),
                abbreviation: change.abbreviation().to_owned(),
                is_dst: change.dst().is_dst(),
            })
            .take_while(|change| change.at < until)
            .collect()
    }

    fn offset_before(&self, change: DateTime<Utc>) -> FixedOffset {
        to_fixed_offset(
            self.rules
                .to_offset(to_timestamp(change - TimeDelta::seconds(1))),
        )
    }

    /// Returns the last change at or before `time`.
    fn last_change(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = to_timestamp(time + TimeDelta::seconds(1));
        let change = self.rules.preceding(after).next()?;
        Some(to_utc(change.timestamp()))
    }
}

fn to_civil(local: chrono::NaiveDateTime) -> jiff::civil::DateTime {
    let days = local.date() - NaiveDate::default();
    let date = jiff::civil::date(1970, 1, 1);
    let span = jiff::Span::new().days(days.num_days().clamp(-3_000_000, 3_000_000));
    let (hour, minute, second) = (local.hour(), local.minute(), local.second());
    // jiff supports no date after the year 9999. The addition returns the last date instead of
    // an error.
    date.saturating_add(span)
        .at(hour as i8, minute as i8, second as i8, 0)
}

fn to_timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}

fn to_utc(timestamp: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(timestamp.as_second(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn seconds(offset: tz::Offset) -> TimeDelta {
    TimeDelta::seconds(i64::from(offset.seconds()))
}

fn to_fixed_offset(offset: tz::Offset) -> FixedOffset {
    FixedOffset::east_opt(offset.seconds()).unwrap_or_else(|| {
        // Offsets are always less than a day.
        FixedOffset::east_opt(0).expect("zero is an offset")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(zone: &str, local: &str) -> String {
        let (date, time) = local.split_once(' ').unwrap();
        let time = NaiveTime::parse_from_str(time, "%H:%M").unwrap();
        let zone = TimeZone::named(zone).unwrap();
        let utc = zone.resolve(date.parse().unwrap(), time);
        let local = zone.local(utc).format("%m-%d %H:%M");
        format!(
            "{} = {local} {}",
            utc.format("%H:%MZ"),
            zone.abbreviation(utc)
        )
    }

    #[test]
    fn a_local_time_stays_the_same_all_year() {
        for (zone, date, expected) in [
            ("America/Denver", "2026-03-07", "02:00Z = 03-07 19:00 MST"),
            ("America/Denver", "2026-03-08", "01:00Z = 03-08 19:00 MDT"),
            ("America/Denver", "2026-10-31", "01:00Z = 10-31 19:00 MDT"),
            ("America/Denver", "2026-11-01", "02:00Z = 11-01 19:00 MST"),
            ("Europe/Madrid", "2026-03-28", "18:00Z = 03-28 19:00 CET"),
            ("Europe/Madrid", "2026-03-29", "17:00Z = 03-29 19:00 CEST"),
            ("Europe/Madrid", "2026-10-24", "17:00Z = 10-24 19:00 CEST"),
            ("Europe/Madrid", "2026-10-25", "18:00Z = 10-25 19:00 CET"),
        ] {
            assert_eq!(resolved(zone, &format!("{date} 19:00")), expected);
        }
    }

    #[test]
    fn a_skipped_local_time_becomes_the_next_one() {
        for (zone, local, expected) in [
            (
                "America/Denver",
                "2026-03-08 01:59",
                "08:59Z = 03-08 01:59 MST",
            ),
            (
                "America/Denver",
                "2026-03-08 02:00",
                "09:00Z = 03-08 03:00 MDT",
            ),
            (
                "America/Denver",
                "2026-03-08 02:30",
                "09:00Z = 03-08 03:00 MDT",
            ),
            (
                "America/Denver",
                "2026-03-08 02:59",
                "09:00Z = 03-08 03:00 MDT",
            ),
            (
                "America/Denver",
                "2026-03-08 03:00",
                "09:00Z = 03-08 03:00 MDT",
            ),
            (
                "Europe/Madrid",
                "2026-03-29 02:30",
                "01:00Z = 03-29 03:00 CEST",
            ),
            // Midnight is skipped in Santiago.
            (
                "America/Santiago",
                "2026-09-06 00:00",
                "04:00Z = 09-06 01:00 -03",
            ),
        ] {
            assert_eq!(resolved(zone, local), expected, "{local}");
        }
    }

    #[test]
    fn an_ambiguous_local_time_means_its_first_occurrence() {
        for (zone, local, expected) in [
            (
                "America/Denver",
                "2026-11-01 01:30",
                "07:30Z = 11-01 01:30 MDT",
            ),
            (
                "America/Denver",
                "2026-11-01 02:00",
                "09:00Z = 11-01 02:00 MST",
            ),
            (
                "Europe/Madrid",
                "2026-10-25 02:30",
                "00:30Z = 10-25 02:30 CEST",
            ),
        ] {
            assert_eq!(resolved(zone, local), expected, "{local}");
        }
    }

    #[test]
    fn denver_has_two_changes_a_year_and_utc_has_none() {
        let year = |name: &str| {
            let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            let zone = TimeZone::named(name).unwrap();
            zone.transitions(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"))
        };
        let [spring, autumn] = <[_; 2]>::try_from(year("America/Denver")).unwrap();
        assert_eq!(spring.at.to_rfc3339(), "2026-03-08T09:00:00+00:00");
        assert_eq!((spring.abbreviation.as_str(), spring.is_dst), ("MDT", true));
        assert_eq!(spring.offset_before.to_string(), "-07:00");
        assert_eq!(spring.offset_after.to_string(), "-06:00");
        assert_eq!(autumn.at.to_rfc3339(), "2026-11-01T08:00:00+00:00");
        assert_eq!(autumn.offset_before, spring.offset_after);
        assert!(year("UTC").is_empty());
    }

    #[test]
    fn only_names_of_the_database_are_found() {
        assert_eq!(
            TimeZone::named("europe/madrid").unwrap().name(),
            "Europe/Madrid"
        );
        for name in [
            "",
            "Denver",
            "America/Denvr",
            "../etc/passwd",
            "America/Denver\0",
            "+02:00",
        ] {
            assert!(TimeZone::named(name).is_none(), "{name}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::text;

    fn zone() -> impl Strategy<Value = TimeZone> {
        let names: Vec<_> = tz::db().available().map(|name| name.to_string()).collect();
        prop::sample::select(names).prop_map(|name| TimeZone::named(&name).unwrap())
    }

    proptest! {
        #[test]
        fn a_local_time_resolves_to_a_time_with_that_local_time(
            zone in zone(), seconds in 946_684_800..7_258_118_400_i64,
        ) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let local_time = zone.local(time).naive_local();
            let resolved = zone.resolve(local_time.date(), local_time.time());
            // An ambiguous time resolves to its first occurrence.
            assert_eq!(zone.local(resolved).naive_local(), local_time);
            assert!(resolved <= time && time - resolved < TimeDelta::hours(25));
        }

        #[test]
        fn every_date_and_time_resolves(
            zone in zone(), days in any::<i32>(), second in 0..86_400_u32, name in text(),
        ) {
            let date = NaiveDate::from_num_days_from_ce_opt(days);
            let time = NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap();
            if let Some(date) = date.filter(|date| (1900..9_000).contains(&chrono::Datelike::year(date))) {
                let local_time = zone.local(zone.resolve(date, time)).naive_local();
                let delay = local_time - date.and_time(time);
                assert!(delay >= TimeDelta::zero() && delay <= TimeDelta::hours(24), "{local_time}");
            }
            if let Some(zone) = TimeZone::named(&name) {
                assert!(zone.name().eq_ignore_ascii_case(&name));
            }
        }
    }
}
