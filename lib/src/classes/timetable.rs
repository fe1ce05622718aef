//! The timetable, as staff look after it.

mod occurrence;
mod weekly;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::bookings::member;
use crate::error::{Error, Result};
use crate::http::{List, Member, query};
use crate::models::class_schedule::{self, Conflict, Pattern, Shown};
use crate::models::security_event::Kind;
use crate::session::{Transaction, Tx};
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

use occurrence::{OccurrenceChange, OccurrenceEntry};
use weekly::{PatternChange, PatternEntry};

/// One thing to be entered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateTimetableEntry, example = json!({"pattern": {"classTypeId": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "instructorId": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "dayOfWeek": 4, "startTime": "19:00", "room": "Studio A"}}))]
pub struct Entry {
    /// A class that comes every week.
    pattern: Option<PatternEntry>,
    /// A class of its own.
    occurrence: Option<OccurrenceEntry>,
    /// Make the classes of all patterns, from today to this day, at most 366
    /// days ahead. What is there already stays.
    generate_until: Option<NaiveDate>,
}

/// One thing to be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateTimetableEntry, example = json!({"occurrence": {"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "date": "2026-03-15", "time": "20:00"}}))]
pub struct Change {
    /// A class that comes every week: what has come of it already stays.
    pattern: Option<PatternChange>,
    /// One class. Those who have booked it are told when it moves, or when
    /// somebody else teaches it.
    occurrence: Option<OccurrenceChange>,
}

/// One thing to be taken out.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Removal {
    /// A pattern to be retired: no more classes come of it.
    #[param(value_type = Option<Uuid>)]
    pattern_id: Option<String>,
    /// A class to be cancelled, with all its bookings.
    #[param(value_type = Option<Uuid>)]
    occurrence_id: Option<String>,
    /// Why it is cancelled: at most 500 characters, which members read.
    #[param(max_length = 500, example = "Marisol is ill")]
    reason: Option<String>,
}

/// What came of it: the fields that concern what was asked for.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimetableResult)]
pub struct Outcome {
    /// The pattern as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<Shown>,
    /// Classes that had come of the pattern before, and stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    coming_classes: Option<i64>,
    /// The id of the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    occurrence_id: Option<Uuid>,
    /// Bookings that were cancelled with the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_bookings: Option<usize>,
    /// Classes that were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    generated: Option<usize>,
    /// Days that had their class before.
    #[serde(skip_serializing_if = "Option::is_none")]
    already_there: Option<usize>,
    /// Days on which a class could not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<Vec<Conflict>>,
}

/// A page of all patterns, newest first, retired ones too.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<Shown>>> {
    Box::pin(async move {
        let rows = app
            .db()
            .read(async move |client| class_schedule::list(client, &page).await)
            .await?;
        Ok(List::new(rows, page, Pattern::place, Shown::from))
    })
}

/// Enters a pattern or a class, or makes the classes of all patterns.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Malformed`] unless it is one of the three; 409
/// `room_taken`, `instructor_taken`; [`Error::Unavailable`].
pub fn enter<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    entry: Entry,
) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move {
        let timetable = Timetable::new(app, caller, staff)?;
        let outcome = match (entry.pattern, entry.occurrence, entry.generate_until) {
            (Some(pattern), None, None) => timetable.enter_pattern(pattern).await?,
            (None, Some(occurrence), None) => timetable.enter_occurrence(occurrence).await?,
            (None, None, Some(until)) => timetable.generate(until).await?,
            _ => {
                return Err(Error::malformed(
                    "Give one of pattern, occurrence and generateUntil",
                ));
            }
        };
        Ok(outcome)
    })
}

/// Changes a pattern or a class.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Malformed`] unless it is one of the two;
/// [`Error::NotFound`]; 409 `room_taken`, `instructor_taken`, `places_taken`,
/// `class_started`, `class_cancelled`; [`Error::Unavailable`].
pub fn change<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    change: Change,
) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move {
        let timetable = Timetable::new(app, caller, staff)?;
        let outcome = match (change.pattern, change.occurrence) {
            (Some(pattern), None) => timetable.change_pattern(pattern).await?,
            (None, Some(occurrence)) => timetable.change_occurrence(occurrence).await?,
            _ => return Err(Error::malformed("Give one of pattern and occurrence")),
        };
        member::after_commit(app);
        Ok(outcome)
    })
}

/// Retires a pattern, or cancels a class and all its bookings.
///
/// # Errors
///
/// As [`change`].
pub fn remove<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    removal: Removal,
) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move {
        let timetable = Timetable::new(app, caller, staff)?;
        let mut check = Form::default();
        let pattern = check.check_filled("patternId", removal.pattern_id.as_deref(), query::id);
        let occurrence =
            check.check_filled("occurrenceId", removal.occurrence_id.as_deref(), query::id);
        let reason = check.check_filled("reason", removal.reason.as_deref(), member::reason);
        check.finish()?;
        let outcome = match (pattern, occurrence) {
            (Some(id), None) => timetable.retire(id).await?,
            (None, Some(id)) => timetable.cancel(id, reason).await?,
            _ => return Err(Error::malformed("Give one of patternId and occurrenceId")),
        };
        member::after_commit(app);
        Ok(outcome)
    })
}

fn clock(typed: &str) -> Result<NaiveTime, Problem> {
    let written_out = typed.len() == "19:00".len();
    let parsed = NaiveTime::parse_from_str(typed, "%H:%M").ok();
    parsed
        .filter(|_| written_out)
        .ok_or_else(|| "must be a time such as 19:00".to_owned())
}

/// A year that a timetable can be about: what is further away is a slip, and
/// would be more than clocks, stores and calendars can hold.
fn day(date: NaiveDate) -> Result<NaiveDate, Problem> {
    if (2000..2200).contains(&date.year()) {
        return Ok(date);
    }
    Err("must be a date between 2000 and 2199".to_owned())
}

fn room(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 50)
}

/// The timetable in the hands of somebody of the staff, at one moment.
struct Timetable<'a> {
    app: &'a App,
    act: StaffAction,
    zone: TimeZone,
    now: DateTime<Utc>,
}

impl<'a> Timetable<'a> {
    fn new(app: &'a App, caller: &Caller, staff: &Member) -> Result<Self> {
        Ok(Self {
            app,
            act: StaffAction::by_staff(staff, caller)?,
            zone: TimeZone::of_studio(&app.config().studio)?,
            now: app.clock().now(),
        })
    }

    fn today(&self) -> NaiveDate {
        self.zone.local(self.now).date_naive()
    }

    /// Prepares a transaction that invalidates the schedule.
    fn transaction(&self) -> Transaction<'_> {
        self.app
            .transaction()
            .authorize(&self.act)
            .invalidate([self.app.schedule()])
    }

    async fn record(&self, tx: &Tx, detail: Value) -> Result<()> {
        let kind = Kind::TimetableChanged;
        self.act.record(tx, kind, None, detail).await
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::select;

    use chrono::TimeDelta;

    use super::*;
    use crate::classes::catalogue::minutes;
    use crate::testing::arbitrary::{instant_like, text};

    proptest! {
        #[test]
        fn whatever_day_and_time_are_taken_a_class_can_be_there(
            date in instant_like(), time in prop_oneof![instant_like(), text(), "[0-9]{2}:[0-9]{2}"],
            length in any::<i32>(), zone in select(vec!["America/Denver", "Pacific/Apia", "America/Santiago"]),
        ) {
            let zone = TimeZone::named(zone).unwrap();
            let date = date.parse().ok().and_then(|date| day(date).ok());
            let (Some(date), Ok(time)) = (date, clock(&time)) else { return Ok(()) };
            let start = zone.resolve(date, time);
            let end = start + TimeDelta::minutes(i64::from(minutes(length).unwrap_or(1_440)));
            assert!((1999..=2200).contains(&start.year()) && end > start);
            // As the clock on the wall shows it, unless it was skipped.
            let shown = zone.local(start).naive_local();
            assert!(shown >= date.and_time(time) && shown - date.and_time(time) <= TimeDelta::days(1));
        }
    }
}
