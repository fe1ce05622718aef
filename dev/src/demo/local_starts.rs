//! When the demo classes start, computed with the time zones of the program.

use std::iter::repeat_n;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use sabor::runtime::clock::Clock;
use sabor::runtime::config::StudioConfig;
use sabor::values::time_zone::TimeZone;
use tokio_postgres::GenericClient;

/// The last day for which classes are added, counted from the current one.
const DAYS_AHEAD: i64 = 56;

/// The starts of classes at every time of the timetable on consecutive days. The lists
/// have the same length.
pub(super) struct LocalStarts {
    pub(super) dates: Vec<NaiveDate>,
    pub(super) times: Vec<NaiveTime>,
    pub(super) starts: Vec<DateTime<Utc>>,
}

/// Returns the studio's time zone and its current date.
pub(super) fn today(studio: &StudioConfig) -> Result<(TimeZone, NaiveDate)> {
    let zone = TimeZone::named(&studio.time_zone);
    let zone = zone.context("STUDIO_TIMEZONE is not a known time zone")?;
    let today = zone.date(Clock::default().now());
    Ok((zone, today))
}

impl LocalStarts {
    /// Computes the starts from `first` until eight weeks after `today`, for the times of
    /// the weekly classes in the database.
    pub(super) async fn read(
        client: &impl GenericClient,
        zone: &TimeZone,
        first: NaiveDate,
        today: NaiveDate,
    ) -> Result<Self> {
        let query = "select distinct start_time from class_schedules";
        let rows = client.query(query, &[]).await?;
        let day_times: Vec<NaiveTime> = rows.iter().map(|row| row.get(0)).collect();
        let last = today + TimeDelta::days(DAYS_AHEAD);
        let days: Vec<_> = first.iter_days().take_while(|day| *day <= last).collect();
        let dates: Vec<_> = days
            .iter()
            .flat_map(|day| repeat_n(*day, day_times.len()))
            .collect();
        let times: Vec<_> = days.iter().flat_map(|_| day_times.clone()).collect();
        let starts = dates
            .iter()
            .zip(&times)
            .map(|(date, time)| zone.resolve(*date, *time))
            .collect();
        Ok(Self {
            dates,
            times,
            starts,
        })
    }
}
