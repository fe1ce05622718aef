//! Creating, changing and retiring weekly classes, and generating their
//! occurrences.

use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::editor::TimetableEditor;
use super::scope::ChangeOptions;
use super::series::{Reasons, SeriesChange};
use super::view::TimetableResult;
use crate::classes::fields::{clock_time, date, duration, participants, room};
use crate::error::{Error, Result};
use crate::http::json::nullable;
use crate::models::room as rooms;
use crate::models::weekly_class::{self, NewWeeklyClass, WeeklyClassChanges};
use crate::session::Tx;
use crate::values::form::{self, Form, Problem};
use crate::values::schema::TimeOfDay;

/// How far ahead occurrences can be generated.
const MAX_GENERATION_PERIOD: TimeDelta = TimeDelta::days(366);

/// A weekly class to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateWeeklyClass {
    class_type_id: Uuid,
    instructor_id: Uuid,
    /// 0 to 6, where 0 is Sunday.
    #[schema(minimum = 0, maximum = 6)]
    day_of_week: i32,
    /// Local time at the studio, such as `19:00`.
    #[schema(value_type = TimeOfDay)]
    start_time: String,
    /// The default is the class type's duration.
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    /// The number of spots. The default is that of the class type.
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: String,
    /// The first day. The default is today.
    effective_from: Option<NaiveDate>,
    /// The last day. By default there is no end date.
    effective_until: Option<NaiveDate>,
}

impl CreateWeeklyClass {
    /// Returns the weekly class, and the name of its room. The caller sets the room's id.
    fn parse(self, today: NaiveDate) -> Result<(NewWeeklyClass, String)> {
        let mut form = Form::part("pattern");
        let room = form.check("room", room(&self.room)).unwrap_or_default();
        let effective_until = form.check_given("effectiveUntil", self.effective_until, date);
        let new_weekly_class = NewWeeklyClass {
            class_type_id: self.class_type_id,
            instructor_id: self.instructor_id,
            day_of_week: form
                .check("dayOfWeek", weekday(self.day_of_week))
                .unwrap_or_default(),
            start_time: form
                .check("startTime", clock_time(&self.start_time))
                .unwrap_or_default(),
            duration_minutes: form.check_given("durationMinutes", self.duration_minutes, duration),
            max_participants: form.check_given(
                "maxParticipants",
                self.max_participants,
                participants,
            ),
            room_id: Uuid::nil(),
            effective_from: form
                .check("effectiveFrom", date(self.effective_from.unwrap_or(today)))
                .unwrap_or_default(),
            effective_until,
        };
        form.finish()?;
        Ok((new_weekly_class, room))
    }
}

/// The changes to a weekly class. Fields that are left out keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateWeeklyClass {
    id: Uuid,
    instructor_id: Option<Uuid>,
    /// 0 to 6, where 0 is Sunday.
    #[schema(minimum = 0, maximum = 6)]
    day_of_week: Option<i32>,
    /// Local time at the studio, such as `19:00`.
    #[schema(value_type = Option<TimeOfDay>)]
    start_time: Option<String>,
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: Option<String>,
    effective_from: Option<NaiveDate>,
    /// Null removes the end date.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<NaiveDate>)]
    effective_until: Option<Option<NaiveDate>>,
    /// True reactivates a retired weekly class.
    is_active: Option<bool>,
}

impl UpdateWeeklyClass {
    fn parse(self) -> Result<SeriesChange> {
        let mut form = Form::part("pattern");
        let effective_until = form.check_given("effectiveUntil", self.effective_until, |until| {
            until.map(date).transpose()
        });
        let room = form.check_given("room", self.room.as_deref(), room);
        let changes = WeeklyClassChanges {
            instructor_id: self.instructor_id,
            day_of_week: form.check_given("dayOfWeek", self.day_of_week, weekday),
            start_time: form.check_given("startTime", self.start_time.as_deref(), clock_time),
            duration_minutes: form.check_given("durationMinutes", self.duration_minutes, duration),
            max_participants: form.check_given(
                "maxParticipants",
                self.max_participants,
                participants,
            ),
            room_id: None,
            effective_from: form.check_given("effectiveFrom", self.effective_from, date),
            effective_until,
            is_active: self.is_active,
        };
        form.finish()?;
        Ok(SeriesChange {
            changes,
            room,
            form: "pattern",
            ..SeriesChange::default()
        })
    }
}

fn weekday(day: i32) -> Result<i32, Problem> {
    form::between(day, 0, 6)
}

impl TimetableEditor<'_> {
    pub(super) async fn create_weekly_class(
        &self,
        form: CreateWeeklyClass,
        is_preview: bool,
    ) -> Result<TimetableResult> {
        let (new_weekly_class, room) = form.parse(self.today())?;
        let created = self.edit(is_preview, async |tx| {
            let new_weekly_class = NewWeeklyClass {
                room_id: rooms::assign(tx, &room, None, "pattern").await?,
                ..new_weekly_class.clone()
            };
            let weekly = weekly_class::insert(tx, &new_weekly_class).await?;
            self.record(tx, json!({ "patternId": weekly.id, "action": "enter" }))
                .await?;
            let result = match is_preview {
                true => self.preview_dates(tx, weekly.id).await?,
                false => TimetableResult::default(),
            };
            Ok(TimetableResult {
                pattern: Some(weekly.into()),
                ..result
            })
        });
        created.await
    }

    /// Generates the classes of a new weekly class for as many weeks as the clean-up does, and
    /// returns how many there are, and the conflicts. The caller undoes it.
    async fn preview_dates(&self, tx: &Tx, id: Uuid) -> Result<TimetableResult> {
        let today = self.today();
        let until = today + TimeDelta::weeks(self.app.config().studio.schedule_ahead_weeks);
        let generated = weekly_class::generate(tx, &self.zone, today, until, self.now).await?;
        let conflicts = generated.conflicts.into_iter();
        let conflicts = conflicts.filter(|conflict| conflict.weekly_class_id == id);
        Ok(TimetableResult {
            coming_classes: Some(weekly_class::count_upcoming(tx, id, self.now).await?),
            conflicts: Some(conflicts.map(Into::into).collect()),
            ..TimetableResult::default()
        })
    }

    pub(super) async fn update_weekly_class(
        &self,
        form: UpdateWeeklyClass,
        from: Option<NaiveDate>,
        options: ChangeOptions,
    ) -> Result<TimetableResult> {
        let (id, change) = (form.id, form.parse()?);
        let updated = self.edit(options.preview, async |tx| {
            self.change_series(tx, id, from, &change).await
        });
        updated.await
    }

    pub(super) async fn retire_weekly_class(
        &self,
        id: Uuid,
        from: Option<NaiveDate>,
        reasons: Reasons,
        options: ChangeOptions,
    ) -> Result<TimetableResult> {
        let retired = self.edit(options.preview, async |tx| {
            self.retire_series(tx, id, from, &reasons, None).await
        });
        retired.await
    }

    pub(super) async fn generate(
        &self,
        until: NaiveDate,
        is_preview: bool,
    ) -> Result<TimetableResult> {
        let today = self.today();
        if until < today || until > today + MAX_GENERATION_PERIOD {
            let days = MAX_GENERATION_PERIOD.num_days();
            let problem = format!("must be a day between today and {days} days from now");
            return Err(Error::field("generateUntil", problem));
        }
        let generation = self.edit(is_preview, async |tx| {
            let generated = weekly_class::generate(tx, &self.zone, today, until, self.now).await?;
            let detail = json!({
                "action": "generate",
                "until": until,
                "generated": generated.created,
            });
            self.record(tx, detail).await?;
            Ok(generated)
        });
        let generated = generation.await?;
        Ok(TimetableResult {
            generated: Some(generated.created),
            already_there: Some(generated.already_there),
            conflicts: Some(generated.conflicts.into_iter().map(Into::into).collect()),
            ..TimetableResult::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::fields::{DURATION_MAX, PARTICIPANTS_MAX, ROOM_MAX};
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreateWeeklyClass>, bound::<UpdateWeeklyClass>] {
            assert_eq!(
                bound_of("durationMinutes", "maximum"),
                i64::from(DURATION_MAX)
            );
            assert_eq!(
                bound_of("maxParticipants", "maximum"),
                i64::from(PARTICIPANTS_MAX)
            );
            assert_eq!(bound_of("room", "maxLength"), ROOM_MAX as i64);
        }
    }
}
