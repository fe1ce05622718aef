//! Classes of one day: entered, moved, changed, cancelled.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Outcome, Timetable, clock, day, room};
use crate::classes::catalogue::{description, minutes, places};
use crate::error::{Error, Result};
use crate::http::json::nullable;
use crate::models::occurrence::change::{self as occurrence, Changes, NewOccurrence};
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::money::Money;
use crate::values::schema::TimeOfDay;

/// What is said of a class that would begin before now.
const PAST: &str = "must not be in the past";

/// A class of its own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateOccurrence)]
pub(super) struct OccurrenceEntry {
    class_type_id: Uuid,
    instructor_id: Uuid,
    date: NaiveDate,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = TimeOfDay)]
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

impl OccurrenceEntry {
    fn read(self, timetable: &Timetable) -> Result<NewOccurrence> {
        let mut check = Form::part("occurrence");
        let time = check.check("time", clock(&self.time));
        let date = check.check("date", day(self.date));
        let date = date.unwrap_or_else(|| timetable.today());
        let start = timetable.zone.resolve(date, time.unwrap_or_default());
        if start <= timetable.now {
            check.refuse("date", PAST);
        }
        let new = NewOccurrence {
            class_type_id: self.class_type_id,
            instructor_id: self.instructor_id,
            start_time: start,
            duration_minutes: check.check_given("durationMinutes", self.duration_minutes, minutes),
            max_participants: check.check_given("maxParticipants", self.max_participants, places),
            room: check.check("room", room(&self.room)).unwrap_or_default(),
            title: check.check_given("title", self.title.as_deref(), title),
            description: check.check_given("description", self.description.as_deref(), description),
            price: self.price,
        };
        check.finish()?;
        Ok(new)
    }
}

/// What is to be changed of a class; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateOccurrence)]
pub(super) struct OccurrenceChange {
    id: Uuid,
    date: Option<NaiveDate>,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = Option<TimeOfDay>)]
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
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Money>)]
    price: Option<Option<Money>>,
}

/// When a class is to be; what is left out stays.
#[derive(Clone, Copy)]
struct Move {
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    minutes: Option<i32>,
}

impl OccurrenceChange {
    fn read(self) -> Result<(Changes, Move)> {
        let mut check = Form::part("occurrence");
        let wanted = Move {
            date: check.check_given("date", self.date, day),
            time: check.check_given("time", self.time.as_deref(), clock),
            minutes: check.check_given("durationMinutes", self.duration_minutes, minutes),
        };
        let changes = Changes {
            times: None,
            instructor_id: self.instructor_id,
            room: check.check_given("room", self.room.as_deref(), room),
            title: check.check_given("title", self.title.as_deref(), title),
            description: check.check_given("description", self.description.as_deref(), description),
            max_participants: check.check_given("maxParticipants", self.max_participants, places),
            price: self.price,
        };
        check.finish()?;
        Ok((changes, wanted))
    }
}

impl Move {
    /// When the class then begins and ends; `None` when nothing of it changes.
    fn times(
        self,
        before: &occurrence::Before,
        timetable: &Timetable,
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        let Self {
            date,
            time,
            minutes,
        } = self;
        if date.is_none() && time.is_none() && minutes.is_none() {
            return Ok(None);
        }
        let local = timetable.zone.local(before.start_time);
        let start = match (date, time) {
            (None, None) => before.start_time,
            _ => timetable.zone.resolve(
                date.unwrap_or(local.date_naive()),
                time.unwrap_or(local.time()),
            ),
        };
        if start <= timetable.now {
            return Err(Error::field("occurrence.date", PAST));
        }
        let length = minutes.map_or(before.end_time - before.start_time, |minutes| {
            TimeDelta::minutes(i64::from(minutes))
        });
        Ok(Some((start, start + length)))
    }
}

fn title(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 200)
}

impl Timetable<'_> {
    pub(super) async fn enter_occurrence(&self, entry: OccurrenceEntry) -> Result<Outcome> {
        let new = entry.read(self)?;
        let entered = self.transaction().run(async |tx| {
            occurrence::lock_timetable(tx).await?;
            let id = occurrence::insert(tx, &new).await?;
            self.record(tx, json!({ "occurrenceId": id, "action": "enter" }))
                .await?;
            Ok(id)
        });
        Ok(Outcome {
            occurrence_id: Some(entered.await?),
            ..Outcome::default()
        })
    }

    pub(super) async fn change_occurrence(&self, change: OccurrenceChange) -> Result<Outcome> {
        let id = change.id;
        let (changes, wanted) = change.read()?;
        let changed = self.transaction().run(async |tx| {
            occurrence::lock_timetable(tx).await?;
            let before = occurrence::lock(tx, id, self.now).await?;
            let changes = Changes {
                times: wanted.times(&before, self)?,
                ..changes.clone()
            };
            let studio = &self.app.config().studio;
            self.record(tx, json!({ "occurrenceId": id, "action": "change" }))
                .await?;
            occurrence::update(tx, &before, &changes, self.now, studio).await
        });
        changed.await?;
        Ok(Outcome {
            occurrence_id: Some(id),
            ..Outcome::default()
        })
    }

    pub(super) async fn cancel(&self, id: Uuid, reason: Option<String>) -> Result<Outcome> {
        let cancelled = self.transaction().run(async |tx| {
            let before = occurrence::lock(tx, id, self.now).await?;
            self.record(tx, json!({ "occurrenceId": id, "action": "cancel" }))
                .await?;
            occurrence::cancel(tx, &before, reason.as_deref(), self.now).await
        });
        Ok(Outcome {
            occurrence_id: Some(id),
            cancelled_bookings: Some(cancelled.await?),
            ..Outcome::default()
        })
    }
}
