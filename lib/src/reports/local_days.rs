//! The days and the hours of the studio's time zone, as parameters of statements.

use chrono::NaiveDate;

use crate::models::report::daily_sums::Days;
use crate::models::report::figures::{Offsets, Ranges};
use crate::values::time_zone::TimeZone;

/// Returns the start and the end of local days.
pub(super) fn local_days(dates: impl Iterator<Item = NaiveDate>, zone: &TimeZone) -> Days {
    let mut days = Days::default();
    for date in dates {
        let day = zone.day(date);
        days.push(date, day.start, day.end);
    }
    days
}

/// Returns the offsets of local time within these ranges.
pub(super) fn offsets(ranges: &Ranges, zone: &TimeZone) -> Offsets {
    let (Some(start), Some(end)) = (ranges.starts.iter().min(), ranges.ends.iter().max()) else {
        return Offsets::default();
    };
    let changes = zone.transitions(*start, *end);
    let changes = changes.iter().map(|change| change.at);
    let starts: Vec<_> = std::iter::once(*start).chain(changes).collect();
    Offsets {
        ends: starts.iter().skip(1).copied().chain([*end]).collect(),
        seconds: starts
            .iter()
            .map(|start| zone.local(*start).offset().local_minus_utc())
            .collect(),
        starts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offsets_cover_the_days_across_a_change_of_the_clocks() {
        let zone = TimeZone::named("America/Denver").unwrap();
        let first: NaiveDate = "2026-10-31".parse().unwrap();
        let ranges = local_days(first.iter_days().take(3), &zone).ranges();
        assert_eq!(ranges.buckets, [0, 1, 2]);
        let offsets = offsets(&ranges, &zone);
        assert_eq!(offsets.seconds, [-6 * 3600, -7 * 3600]);
        assert_eq!(offsets.starts[0], ranges.starts[0]);
        assert_eq!(offsets.ends, [offsets.starts[1], ranges.ends[2]]);
    }
}
