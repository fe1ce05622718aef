//! Creating, changing and cancelling single classes.

use std::slice;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::changes::ClassChanges;
use super::editor::TimetableEditor;
use super::scope::ChangeOptions;
use super::series::{Reasons, SeriesChange};
use super::view::TimetableResult;
use crate::classes::fields::{clock_time, date, description, duration, participants, room};
use crate::error::{Error, Result};
use crate::http::json::nullable;
use crate::models::occurrence::change::{
    self as occurrence, LockedOccurrence, NewOccurrence, OccurrenceChanges,
};
use crate::models::weekly_class::WeeklyClassChanges;
use crate::models::{closure, room as rooms};
use crate::session::Tx;
use crate::values::form::{self, Form, Problem};
use crate::values::money::Money;
use crate::values::schema::TimeOfDay;

/// The maximum length of the title of a class, in characters.
const TITLE_MAX: usize = 200;

/// The message about a class that would start in the past.
const PAST_START_PROBLEM: &str = "must not be in the past";

/// A single class to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateOccurrence {
    class_type_id: Uuid,
    instructor_id: Uuid,
    date: NaiveDate,
    /// Local time at the studio, such as `19:00`.
    #[schema(value_type = TimeOfDay)]
    time: String,
    /// The default is the class type's duration.
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    /// The number of spots. The default is that of the class type.
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: String,
    /// The default is the name of the class type.
    #[schema(min_length = 1, max_length = 200, examples("Rueda, with live music"))]
    title: Option<String>,
    /// The default is the class type's description.
    #[schema(max_length = 5_000)]
    description: Option<String>,
    /// The default is the class type's price.
    price: Option<Money>,
}

impl CreateOccurrence {
    /// Returns the occurrence, and the name of its room. The caller sets the room's id.
    fn parse(self, editor: &TimetableEditor<'_>) -> Result<(NewOccurrence, String)> {
        let mut form = Form::part("occurrence");
        let time = form.check("time", clock_time(&self.time));
        let date = form.check("date", date(self.date));
        let date = date.unwrap_or_else(|| editor.today());
        let start = editor.zone.resolve(date, time.unwrap_or_default());
        if start <= editor.now {
            form.add_problem("date", PAST_START_PROBLEM);
        }
        let room = form.check("room", room(&self.room)).unwrap_or_default();
        let new_occurrence = NewOccurrence {
            class_type_id: self.class_type_id,
            instructor_id: self.instructor_id,
            start_time: start,
            duration_minutes: form.check_given("durationMinutes", self.duration_minutes, duration),
            max_participants: form.check_given(
                "maxParticipants",
                self.max_participants,
                participants,
            ),
            room_id: Uuid::nil(),
            title: form.check_given("title", self.title.as_deref(), title),
            description: form.check_given("description", self.description.as_deref(), description),
            price: form.check_given("price", self.price, |price| {
                price.check_currency(editor.currency())
            }),
        };
        form.finish()?;
        Ok((new_occurrence, room))
    }
}

/// The changes to an occurrence. Fields that are left out keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateOccurrence {
    id: Uuid,
    date: Option<NaiveDate>,
    /// Local time at the studio, such as `19:00`.
    #[schema(value_type = Option<TimeOfDay>)]
    time: Option<String>,
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    instructor_id: Option<Uuid>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: Option<String>,
    /// Null sets the title to the name of the class type.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, examples("Rueda, with live music"))]
    title: Option<Option<String>>,
    #[schema(max_length = 5_000)]
    description: Option<String>,
    /// The number of spots. Additional spots go to the waitlist.
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    /// Null sets the price to that of the class type.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Money>)]
    price: Option<Option<Money>>,
}

/// The new time and duration of a class. `None` keeps the current value.
#[derive(Clone, Copy)]
struct NewTime {
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    duration_minutes: Option<i32>,
}

/// The parsed changes to an occurrence.
#[derive(Clone)]
struct ParsedUpdate {
    new_time: NewTime,
    room: Option<String>,
    changes: OccurrenceChanges,
}

impl UpdateOccurrence {
    fn parse(self, currency: &str) -> Result<ParsedUpdate> {
        let mut form = Form::part("occurrence");
        let new_time = NewTime {
            date: form.check_given("date", self.date, date),
            time: form.check_given("time", self.time.as_deref(), clock_time),
            duration_minutes: form.check_given("durationMinutes", self.duration_minutes, duration),
        };
        let price = self
            .price
            .map(|price| form.check_given("price", price, |price| price.check_currency(currency)));
        let room = form.check_given("room", self.room.as_deref(), room);
        let changes = OccurrenceChanges {
            instructor_id: self.instructor_id,
            title: form.check_given("title", self.title, |text| {
                text.as_deref().map(title).transpose()
            }),
            description: form.check_given("description", self.description.as_deref(), description),
            max_participants: form.check_given(
                "maxParticipants",
                self.max_participants,
                participants,
            ),
            price,
            ..OccurrenceChanges::default()
        };
        form.finish()?;
        Ok(ParsedUpdate {
            new_time,
            room,
            changes,
        })
    }
}

impl ParsedUpdate {
    /// Returns the changes to one class.
    async fn resolve(
        &self,
        tx: &Tx,
        current: &LockedOccurrence,
        editor: &TimetableEditor<'_>,
    ) -> Result<OccurrenceChanges> {
        let mut changes = self.changes.clone();
        changes.times = self.new_time.resolve(current, editor)?;
        if let Some(name) = &self.room {
            let room_id = rooms::assign(tx, name, Some(current.room_id), "occurrence").await?;
            changes.room_id = Some(room_id);
        }
        Ok(changes)
    }

    /// Returns the changes to the weekly class of a class that was generated for `date`.
    /// `requested` contains the id of this class and the changes to it.
    fn to_series_change(
        &self,
        date: NaiveDate,
        requested: (Uuid, OccurrenceChanges),
    ) -> Result<SeriesChange> {
        let mut form = Form::part("occurrence");
        let NewTime {
            date: new_date,
            time: start_time,
            duration_minutes,
        } = self.new_time;
        for (field, is_given) in [
            ("title", self.changes.title.is_some()),
            ("description", self.changes.description.is_some()),
            ("price", self.changes.price.is_some()),
        ] {
            if is_given {
                form.add_problem(field, "can only be changed with the scope this");
            }
        }
        let days = new_date.map(|new_date| (new_date - date).num_days());
        if days.is_some_and(|days| days.abs() >= 7) {
            form.add_problem(
                "date",
                "must be less than a week from the date of the class",
            );
        }
        form.finish()?;
        Ok(SeriesChange {
            changes: WeeklyClassChanges {
                instructor_id: self.changes.instructor_id,
                day_of_week: new_date.map(|date| date.weekday().num_days_from_sunday() as i32),
                start_time,
                duration_minutes,
                max_participants: self.changes.max_participants,
                ..WeeklyClassChanges::default()
            },
            room: self.room.clone(),
            form: "occurrence",
            days: days.and_then(|days| i32::try_from(days).ok()),
            requested: Some(requested),
        })
    }
}

impl NewTime {
    /// Returns the new start and end of a class, or `None` if neither a new time nor a new
    /// duration is given.
    fn resolve(
        self,
        current: &LockedOccurrence,
        editor: &TimetableEditor<'_>,
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        let Self {
            date,
            time,
            duration_minutes,
        } = self;
        if date.is_none() && time.is_none() && duration_minutes.is_none() {
            return Ok(None);
        }
        let local = editor.zone.local(current.start_time);
        let start = match (date, time) {
            (None, None) => current.start_time,
            _ => editor.zone.resolve(
                date.unwrap_or(local.date_naive()),
                time.unwrap_or(local.time()),
            ),
        };
        if start <= editor.now {
            return Err(Error::field("occurrence.date", PAST_START_PROBLEM));
        }
        let length = duration_minutes.map_or(current.end_time - current.start_time, |minutes| {
            TimeDelta::minutes(i64::from(minutes))
        });
        Ok(Some((start, start + length)))
    }
}

fn title(text: &str) -> Result<String, Problem> {
    form::required_line(text, TITLE_MAX)
}

impl TimetableEditor<'_> {
    pub(super) async fn create_occurrence(
        &self,
        form: CreateOccurrence,
        is_preview: bool,
    ) -> Result<TimetableResult> {
        let (new_occurrence, room) = form.parse(self)?;
        let created = self.edit(is_preview, async |tx| {
            let date = self.zone.date(new_occurrence.start_time);
            closure::check_open(tx, date).await?;
            let new_occurrence = NewOccurrence {
                room_id: rooms::assign(tx, &room, None, "occurrence").await?,
                ..new_occurrence.clone()
            };
            let id = occurrence::insert(tx, &new_occurrence).await?;
            self.record(tx, json!({ "occurrenceId": id, "action": "enter" }))
                .await?;
            Ok(id)
        });
        let id = created.await?;
        Ok(TimetableResult {
            occurrence_id: (!is_preview).then_some(id),
            ..TimetableResult::default()
        })
    }

    pub(super) async fn update_occurrence(
        &self,
        form: UpdateOccurrence,
        options: ChangeOptions,
    ) -> Result<TimetableResult> {
        let id = form.id;
        let update = form.parse(self.currency())?;
        let updated = self.edit(options.preview, async |tx| {
            let current = occurrence::lock(tx, id, self.now).await?;
            let changes = update.resolve(tx, &current, self).await?;
            if let Some((weekly_class_id, date)) = options.series_of(&current)? {
                let series = update.to_series_change(date, (id, changes))?;
                let from = options.scope.start(date);
                return self.change_series(tx, weekly_class_id, from, &series).await;
            }
            self.record(tx, json!({ "occurrenceId": id, "action": "change" }))
                .await?;
            let mut class_changes =
                ClassChanges::begin(self, tx, slice::from_ref(&current)).await?;
            class_changes.change(&current, &changes).await?;
            Ok(TimetableResult {
                occurrence_id: Some(id),
                effect: Some(class_changes.finish().await?.effect),
                ..TimetableResult::default()
            })
        });
        updated.await
    }

    pub(super) async fn cancel_occurrence(
        &self,
        id: Uuid,
        reasons: Reasons,
        options: ChangeOptions,
    ) -> Result<TimetableResult> {
        let cancelled = self.edit(options.preview, async |tx| {
            let current = occurrence::lock_for_cancellation(tx, id, self.now).await?;
            if let Some((weekly_class_id, date)) = options.series_of(&current)? {
                let from = options.scope.start(date);
                return self
                    .retire_series(tx, weekly_class_id, from, &reasons, Some(&current))
                    .await;
            }
            let detail = json!({
                "occurrenceId": id,
                "action": "cancel",
                "reason": reasons.public,
                "internalReason": reasons.internal,
            });
            self.record(tx, detail).await?;
            let mut class_changes =
                ClassChanges::begin(self, tx, slice::from_ref(&current)).await?;
            class_changes
                .cancel(&current, reasons.public.as_deref())
                .await?;
            let outcome = class_changes.finish().await?;
            Ok(TimetableResult {
                occurrence_id: Some(id),
                cancelled_bookings: Some(outcome.cancelled_bookings),
                effect: Some(outcome.effect),
                ..TimetableResult::default()
            })
        });
        cancelled.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::fields::{DESCRIPTION_MAX, DURATION_MAX, PARTICIPANTS_MAX, ROOM_MAX};
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreateOccurrence>, bound::<UpdateOccurrence>] {
            assert_eq!(
                bound_of("durationMinutes", "maximum"),
                i64::from(DURATION_MAX)
            );
            assert_eq!(
                bound_of("maxParticipants", "maximum"),
                i64::from(PARTICIPANTS_MAX)
            );
            assert_eq!(bound_of("room", "maxLength"), ROOM_MAX as i64);
            assert_eq!(bound_of("title", "maxLength"), TITLE_MAX as i64);
            assert_eq!(bound_of("description", "maxLength"), DESCRIPTION_MAX as i64);
        }
    }
}
