//! The sums of the analytics by local day, which the clean-up keeps.

use std::time::Instant;

use super::local_days::{local_days, offsets};
use crate::App;
use crate::error::Result;
use crate::models::report::daily_sums::{self, Days, SummableTime};
use crate::models::report::visits;
use crate::values::time_zone::TimeZone;

/// How many days are summed up in a transaction.
const DAYS_PER_BATCH: usize = 31;

/// How many members' visits are updated in a transaction.
const MEMBERS_PER_BATCH: i64 = 2_000;

/// What was updated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Updated {
    /// The number of days or of members.
    pub(crate) count: u64,
    /// Whether some are left, because time ran out.
    pub(crate) remaining: bool,
}

/// Sums up the days that are over and not summed up, and those with changed figures, latest
/// first, until none is left or time runs out.
pub(crate) async fn sum_days(app: &App, until: Instant) -> Result<Updated> {
    let zone = TimeZone::of_studio(&app.config().studio)?;
    let unsummed = {
        let client = app.db().client().await?;
        let days = summable_days(daily_sums::summable_time(&client).await?, &zone);
        daily_sums::list_unsummed(&client, &days).await?
    };
    let mut updated = Updated::default();
    for batch in unsummed.chunks(DAYS_PER_BATCH) {
        if Instant::now() >= until {
            updated.remaining = true;
            break;
        }
        let days = local_days(batch.iter().copied(), &zone);
        let offsets = offsets(&days.ranges(), &zone);
        let summed = app
            .transaction()
            .run(async |tx| daily_sums::sum(tx, &days, &offsets).await);
        if !summed.await? {
            break;
        }
        updated.count += batch.len() as u64;
    }
    Ok(updated)
}

/// Updates the visits of the members whose visits have changed, until none is left or time runs
/// out.
pub(crate) async fn update_visits(app: &App, until: Instant) -> Result<Updated> {
    let mut updated = Updated::default();
    loop {
        if Instant::now() >= until {
            updated.remaining = true;
            return Ok(updated);
        }
        let batch = app
            .transaction()
            .run(async |tx| visits::update(tx, MEMBERS_PER_BATCH).await);
        let Some(count) = batch.await? else {
            return Ok(updated);
        };
        updated.count += count as u64;
        if (count as i64) < MEMBERS_PER_BATCH {
            return Ok(updated);
        }
    }
}

/// Returns the days that have ended, from the first one with a figure.
fn summable_days(time: SummableTime, zone: &TimeZone) -> Days {
    let Some(first) = time.first else {
        return Days::default();
    };
    let days = zone.date(first).iter_days();
    let end = zone.date(time.last);
    local_days(days.take_while(|day| *day < end), zone)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn only_days_that_have_ended_are_summed_up() {
        let zone = TimeZone::named("America/Denver").unwrap();
        let time = |text: &str| text.parse().unwrap();
        let dates = |first: Option<&str>, last: &str| {
            let first = first.map(time);
            let last = time(last);
            summable_days(SummableTime { first, last }, &zone).dates
        };
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(
            dates(Some("2026-05-04T05:00:00Z"), "2026-05-05T06:00:00Z"),
            [date("2026-05-03"), date("2026-05-04")]
        );
        assert_eq!(
            dates(Some("2026-05-04T05:00:00Z"), "2026-05-05T05:59:00Z"),
            [date("2026-05-03")]
        );
        assert!(dates(Some("2027-05-04T05:00:00Z"), "2026-05-05T05:59:00Z").is_empty());
        assert!(dates(None, "2026-05-05T05:59:00Z").is_empty());
    }
}
