//! The timetable, as staff look after it.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Client as Postgres;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::{Client, List, Member, Page, json::given, query};
use crate::models::class_schedule::{self, Conflict, Pattern, Shown};
use crate::models::occurrence::change::{self as occurrence, NewOccurrence};
use crate::models::security_event::Kind;
use crate::money::Money;
use crate::shapes::ClockTime;
use crate::staff::Act;
use crate::text::{self, Form, Problem};
use crate::time_zone::TimeZone;
use crate::{App, BoxFuture, bookings};

/// So far ahead classes can be made of patterns.
const LONGEST_AHEAD: TimeDelta = TimeDelta::days(366);

/// One thing to be entered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = TimetableEntry, example = json!({"pattern": {"classTypeId": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "instructorId": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "dayOfWeek": 4, "startTime": "19:00", "room": "Studio A"}}))]
pub struct Entry {
    /// A class that comes every week.
    pattern: Option<PatternEntry>,
    /// A class of its own.
    occurrence: Option<OccurrenceEntry>,
    /// Make the classes of all patterns, from today to this day, at most 366
    /// days ahead. What is there already stays.
    generate_until: Option<NaiveDate>,
}

/// A class that comes every week.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatternEntry {
    class_type_id: Uuid,
    instructor_id: Uuid,
    /// 0 to 6; 0 is Sunday.
    #[schema(minimum = 0, maximum = 6)]
    day_of_week: i32,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = ClockTime)]
    start_time: String,
    /// As the class type has it, unless given.
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    /// As the class type has it, unless given.
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: String,
    /// Today, unless given.
    effective_from: Option<NaiveDate>,
    /// Until further notice, unless given.
    effective_until: Option<NaiveDate>,
}

/// A class of its own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OccurrenceEntry {
    class_type_id: Uuid,
    instructor_id: Uuid,
    date: NaiveDate,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = ClockTime)]
    time: String,
    /// As the class type has it, unless given; so below.
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: String,
    #[schema(min_length = 1, max_length = 200, examples("Rueda, with live music"))]
    title: Option<String>,
    #[schema(max_length = 5_000)]
    description: Option<String>,
    price: Option<Money>,
}

/// One thing to be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = TimetableChange, example = json!({"occurrence": {"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "date": "2026-03-15", "time": "20:00"}}))]
pub struct Change {
    /// A class that comes every week: what has come of it already stays.
    pattern: Option<PatternChange>,
    /// One class. Those who have booked it are told when it moves, or when
    /// somebody else teaches it.
    occurrence: Option<OccurrenceChange>,
}

/// What is to be changed of a pattern; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatternChange {
    id: Uuid,
    instructor_id: Option<Uuid>,
    /// 0 to 6; 0 is Sunday.
    #[schema(minimum = 0, maximum = 6)]
    day_of_week: Option<i32>,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = Option<ClockTime>)]
    start_time: Option<String>,
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: Option<String>,
    effective_from: Option<NaiveDate>,
    /// Null: until further notice.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<NaiveDate>)]
    effective_until: Option<Option<NaiveDate>>,
    /// True brings a retired one back.
    is_active: Option<bool>,
}

/// What is to be changed of a class; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OccurrenceChange {
    id: Uuid,
    date: Option<NaiveDate>,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = Option<ClockTime>)]
    time: Option<String>,
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    instructor_id: Option<Uuid>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: Option<String>,
    #[schema(min_length = 1, max_length = 200, examples("Rueda, with live music"))]
    title: Option<String>,
    #[schema(max_length = 5_000)]
    description: Option<String>,
    /// More places go to those who wait.
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    /// Null: what its type costs.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Money>)]
    price: Option<Option<Money>>,
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
#[schema(as = TimetableOutcome)]
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
    caller: &'a Client,
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
        app.schedule().end().await;
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
    caller: &'a Client,
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
        bookings::follow(app).await;
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
    caller: &'a Client,
    staff: &'a Member,
    removal: Removal,
) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move {
        let timetable = Timetable::new(app, caller, staff)?;
        let mut check = Form::default();
        let pattern = check.check_given("patternId", removal.pattern_id.as_deref(), query::id);
        let occurrence =
            check.check_given("occurrenceId", removal.occurrence_id.as_deref(), query::id);
        let reason = check.check_given("reason", removal.reason.as_deref(), bookings::reason);
        check.finish()?;
        let outcome = match (pattern, occurrence) {
            (Some(id), None) => timetable.retire(id).await?,
            (None, Some(id)) => timetable.cancel(id, reason).await?,
            _ => return Err(Error::malformed("Give one of patternId and occurrenceId")),
        };
        bookings::follow(app).await;
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

fn minutes(minutes: i32) -> Result<i32, Problem> {
    within(minutes, 1, 1_440)
}

fn places(places: i32) -> Result<i32, Problem> {
    within(places, 1, 1_000)
}

fn weekday(day: i32) -> Result<i32, Problem> {
    within(day, 0, 6)
}

fn within(number: i32, least: i32, most: i32) -> Result<i32, Problem> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!("must be a whole number from {least} to {most}"))
}

fn room(typed: &str) -> Result<String, Problem> {
    text::required_line(typed, 50)
}

fn title(typed: &str) -> Result<String, Problem> {
    text::required_line(typed, 200)
}

fn description(typed: &str) -> Result<String, Problem> {
    text::paragraphs(typed, 5_000)
}

/// The timetable in the hands of somebody of the staff, at one moment.
struct Timetable<'a> {
    app: &'a App,
    act: Act,
    zone: TimeZone,
    now: DateTime<Utc>,
}

impl<'a> Timetable<'a> {
    fn new(app: &'a App, caller: &Client, staff: &Member) -> Result<Self> {
        Ok(Self {
            app,
            act: Act::new(staff, caller)?,
            zone: TimeZone::of_studio(&app.config().studio)?,
            now: app.clock().now(),
        })
    }

    fn today(&self) -> NaiveDate {
        self.zone.local(self.now).date_naive()
    }

    async fn enter_pattern(&self, entry: PatternEntry) -> Result<Outcome> {
        let mut check = Form::default();
        let new = class_schedule::Changes {
            class_type_id: Some(entry.class_type_id),
            instructor_id: Some(entry.instructor_id),
            day_of_week: check.check("pattern.dayOfWeek", weekday(entry.day_of_week)),
            start_time: check.check("pattern.startTime", clock(&entry.start_time)),
            duration_minutes: optional(
                &mut check,
                "pattern.durationMinutes",
                entry.duration_minutes,
                minutes,
            ),
            max_participants: optional(
                &mut check,
                "pattern.maxParticipants",
                entry.max_participants,
                places,
            ),
            room: check.check("pattern.room", room(&entry.room)),
            effective_from: check.check(
                "pattern.effectiveFrom",
                entry.effective_from.map_or_else(|| Ok(self.today()), day),
            ),
            effective_until: Some(optional(
                &mut check,
                "pattern.effectiveUntil",
                entry.effective_until,
                day,
            )),
            is_active: None,
        };
        check.finish()?;
        let entered = self.act.transaction(self.app.db(), async |client| {
            let pattern = class_schedule::insert(client, &new).await?;
            self.note(
                client,
                json!({ "patternId": pattern.id, "action": "enter" }),
            )
            .await?;
            Ok(pattern)
        });
        Ok(Outcome {
            pattern: Some(entered.await?.into()),
            ..Outcome::default()
        })
    }

    async fn change_pattern(&self, change: PatternChange) -> Result<Outcome> {
        let mut check = Form::default();
        let check = &mut check;
        let changes = class_schedule::Changes {
            class_type_id: None,
            instructor_id: change.instructor_id,
            day_of_week: optional(check, "pattern.dayOfWeek", change.day_of_week, weekday),
            start_time: optional(
                check,
                "pattern.startTime",
                change.start_time.as_deref(),
                clock,
            ),
            duration_minutes: optional(
                check,
                "pattern.durationMinutes",
                change.duration_minutes,
                minutes,
            ),
            max_participants: optional(
                check,
                "pattern.maxParticipants",
                change.max_participants,
                places,
            ),
            room: optional(check, "pattern.room", change.room.as_deref(), room),
            effective_from: optional(check, "pattern.effectiveFrom", change.effective_from, day),
            effective_until: optional(
                check,
                "pattern.effectiveUntil",
                change.effective_until,
                |until| until.map(day).transpose(),
            ),
            is_active: change.is_active,
        };
        std::mem::take(check).finish()?;
        self.update_pattern(change.id, &changes, "change").await
    }

    async fn retire(&self, id: Uuid) -> Result<Outcome> {
        let changes = class_schedule::Changes {
            is_active: Some(false),
            ..class_schedule::Changes::default()
        };
        self.update_pattern(id, &changes, "retire").await
    }

    async fn update_pattern(
        &self,
        id: Uuid,
        changes: &class_schedule::Changes,
        action: &str,
    ) -> Result<Outcome> {
        let updated = self.act.transaction(self.app.db(), async |client| {
            let pattern = class_schedule::update(client, id, changes).await?;
            let coming = class_schedule::coming(client, id, self.now).await?;
            self.note(client, json!({ "patternId": id, "action": action }))
                .await?;
            Ok((pattern, coming))
        });
        let (pattern, coming) = updated.await?;
        Ok(Outcome {
            pattern: Some(pattern.into()),
            coming_classes: Some(coming),
            ..Outcome::default()
        })
    }

    async fn generate(&self, until: NaiveDate) -> Result<Outcome> {
        let today = self.today();
        if until < today || until > today + LONGEST_AHEAD {
            return Err(Error::field(
                "generateUntil",
                "must be a day between today and 366 days from now",
            ));
        }
        let made = self.act.transaction(self.app.db(), async |client| {
            occurrence::lock_timetable(client).await?;
            let made = class_schedule::generate(client, &self.zone, today, until, self.now).await?;
            let detail = json!({
                "action": "generate",
                "until": until,
                "generated": made.generated,
            });
            self.note(client, detail).await?;
            Ok(made)
        });
        let made = made.await?;
        Ok(Outcome {
            generated: Some(made.generated),
            already_there: Some(made.already_there),
            conflicts: Some(made.conflicts),
            ..Outcome::default()
        })
    }

    async fn enter_occurrence(&self, entry: OccurrenceEntry) -> Result<Outcome> {
        let mut check = Form::default();
        let time = check.check("occurrence.time", clock(&entry.time));
        let date = check.check("occurrence.date", day(entry.date));
        let date = date.unwrap_or_else(|| self.today());
        let start = self.zone.resolve(date, time.unwrap_or_default());
        if start <= self.now {
            check.refuse("occurrence.date", "must not be in the past");
        }
        let check_mut = &mut check;
        let new = NewOccurrence {
            class_type_id: entry.class_type_id,
            instructor_id: entry.instructor_id,
            start_time: start,
            duration_minutes: optional(
                check_mut,
                "occurrence.durationMinutes",
                entry.duration_minutes,
                minutes,
            ),
            max_participants: optional(
                check_mut,
                "occurrence.maxParticipants",
                entry.max_participants,
                places,
            ),
            room: check_mut
                .check("occurrence.room", room(&entry.room))
                .unwrap_or_default(),
            title: optional(check_mut, "occurrence.title", entry.title.as_deref(), title),
            description: optional(
                check_mut,
                "occurrence.description",
                entry.description.as_deref(),
                description,
            ),
            price: entry.price,
        };
        check.finish()?;
        let entered = self.act.transaction(self.app.db(), async |client| {
            occurrence::lock_timetable(client).await?;
            let id = occurrence::insert(client, &new).await?;
            self.note(client, json!({ "occurrenceId": id, "action": "enter" }))
                .await?;
            Ok(id)
        });
        Ok(Outcome {
            occurrence_id: Some(entered.await?),
            ..Outcome::default()
        })
    }

    async fn change_occurrence(&self, change: OccurrenceChange) -> Result<Outcome> {
        let mut check = Form::default();
        let time = optional(&mut check, "occurrence.time", change.time.as_deref(), clock);
        let date = optional(&mut check, "occurrence.date", change.date, day);
        let length = optional(
            &mut check,
            "occurrence.durationMinutes",
            change.duration_minutes,
            minutes,
        );
        let mut changes = occurrence::Changes {
            times: None,
            instructor_id: change.instructor_id,
            room: optional(&mut check, "occurrence.room", change.room.as_deref(), room),
            title: optional(
                &mut check,
                "occurrence.title",
                change.title.as_deref(),
                title,
            ),
            description: optional(
                &mut check,
                "occurrence.description",
                change.description.as_deref(),
                description,
            ),
            max_participants: optional(
                &mut check,
                "occurrence.maxParticipants",
                change.max_participants,
                places,
            ),
            price: change.price,
        };
        check.finish()?;
        let id = change.id;
        let changed = self.act.transaction(self.app.db(), async |client| {
            occurrence::lock_timetable(client).await?;
            let before = occurrence::lock(client, id, self.now).await?;
            changes.times = self.moved(&before, date, time, length)?;
            let studio = &self.app.config().studio;
            self.note(client, json!({ "occurrenceId": id, "action": "change" }))
                .await?;
            occurrence::update(client, &before, &changes, self.now, studio).await
        });
        changed.await?;
        Ok(Outcome {
            occurrence_id: Some(id),
            ..Outcome::default()
        })
    }

    /// When a class begins and ends after a change of its day, its time or its
    /// length; `None` when none of them changes.
    fn moved(
        &self,
        before: &occurrence::Before,
        date: Option<NaiveDate>,
        time: Option<NaiveTime>,
        length: Option<i32>,
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        if date.is_none() && time.is_none() && length.is_none() {
            return Ok(None);
        }
        let local = self.zone.local(before.start_time);
        let start = match (date, time) {
            (None, None) => before.start_time,
            _ => self.zone.resolve(
                date.unwrap_or(local.date_naive()),
                time.unwrap_or(local.time()),
            ),
        };
        if start <= self.now {
            return Err(Error::field("occurrence.date", "must not be in the past"));
        }
        let length = length.map_or(before.end_time - before.start_time, |minutes| {
            TimeDelta::minutes(i64::from(minutes))
        });
        Ok(Some((start, start + length)))
    }

    async fn cancel(&self, id: Uuid, reason: Option<String>) -> Result<Outcome> {
        let cancelled = self.act.transaction(self.app.db(), async |client| {
            let before = occurrence::lock(client, id, self.now).await?;
            self.note(client, json!({ "occurrenceId": id, "action": "cancel" }))
                .await?;
            occurrence::cancel(client, &before, reason.as_deref(), self.now).await
        });
        Ok(Outcome {
            occurrence_id: Some(id),
            cancelled_bookings: Some(cancelled.await?),
            ..Outcome::default()
        })
    }

    async fn note(&self, client: &Postgres, detail: Value) -> Result<()> {
        let kind = Kind::TimetableChanged;
        self.act.note(client, kind, None, detail).await
    }
}

/// A field that may be left out.
fn optional<G, T>(
    check: &mut Form,
    field: &str,
    given: Option<G>,
    parse: impl FnOnce(G) -> Result<T, Problem>,
) -> Option<T> {
    check.check(field, given.map(parse).transpose()).flatten()
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::arbitrary::{instant_like, text};

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

        #[test]
        fn numbers_are_within_what_they_count(number in any::<i32>()) {
            assert_eq!(minutes(number).is_ok(), (1..=1_440).contains(&number));
            assert_eq!(places(number).is_ok(), (1..=1_000).contains(&number));
            assert_eq!(weekday(number).is_ok(), (0..7).contains(&number));
        }
    }
}
