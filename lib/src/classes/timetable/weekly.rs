//! Classes that come every week: entered, changed, retired, and made into
//! the classes of the days to come.

use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Outcome, Timetable, clock, day, room};
use crate::classes::catalogue::{minutes, places};
use crate::error::{Error, Result};
use crate::http::json::nullable;
use crate::models::class_schedule::{self, Changes};
use crate::models::occurrence::change as occurrence;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::schema::TimeOfDay;

/// So far ahead classes can be made of patterns.
const LONGEST_AHEAD: TimeDelta = TimeDelta::days(366);

/// A class that comes every week.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateWeeklyClass)]
pub(super) struct PatternEntry {
    class_type_id: Uuid,
    instructor_id: Uuid,
    /// 0 to 6; 0 is Sunday.
    #[schema(minimum = 0, maximum = 6)]
    day_of_week: i32,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = TimeOfDay)]
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

impl PatternEntry {
    fn read(self, today: NaiveDate) -> Result<Changes> {
        let mut check = Form::part("pattern");
        let until = check.check_given("effectiveUntil", self.effective_until, day);
        let new = Changes {
            class_type_id: Some(self.class_type_id),
            instructor_id: Some(self.instructor_id),
            day_of_week: check.check("dayOfWeek", weekday(self.day_of_week)),
            start_time: check.check("startTime", clock(&self.start_time)),
            duration_minutes: check.check_given("durationMinutes", self.duration_minutes, minutes),
            max_participants: check.check_given("maxParticipants", self.max_participants, places),
            room: check.check("room", room(&self.room)),
            effective_from: check.check("effectiveFrom", day(self.effective_from.unwrap_or(today))),
            effective_until: Some(until),
            is_active: None,
        };
        check.finish()?;
        Ok(new)
    }
}

/// What is to be changed of a pattern; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateWeeklyClass)]
pub(super) struct PatternChange {
    id: Uuid,
    instructor_id: Option<Uuid>,
    /// 0 to 6; 0 is Sunday.
    #[schema(minimum = 0, maximum = 6)]
    day_of_week: Option<i32>,
    /// On the studio's clock: `19:00`.
    #[schema(value_type = Option<TimeOfDay>)]
    start_time: Option<String>,
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    room: Option<String>,
    effective_from: Option<NaiveDate>,
    /// Null: until further notice.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<NaiveDate>)]
    effective_until: Option<Option<NaiveDate>>,
    /// True brings a retired one back.
    is_active: Option<bool>,
}

impl PatternChange {
    fn read(self) -> Result<Changes> {
        let mut check = Form::part("pattern");
        let until = check.check_given("effectiveUntil", self.effective_until, |until| {
            until.map(day).transpose()
        });
        let changes = Changes {
            class_type_id: None,
            instructor_id: self.instructor_id,
            day_of_week: check.check_given("dayOfWeek", self.day_of_week, weekday),
            start_time: check.check_given("startTime", self.start_time.as_deref(), clock),
            duration_minutes: check.check_given("durationMinutes", self.duration_minutes, minutes),
            max_participants: check.check_given("maxParticipants", self.max_participants, places),
            room: check.check_given("room", self.room.as_deref(), room),
            effective_from: check.check_given("effectiveFrom", self.effective_from, day),
            effective_until: until,
            is_active: self.is_active,
        };
        check.finish()?;
        Ok(changes)
    }
}

fn weekday(day: i32) -> Result<i32, Problem> {
    form::between(day, 0, 6)
}

impl Timetable<'_> {
    pub(super) async fn enter_pattern(&self, entry: PatternEntry) -> Result<Outcome> {
        let new = entry.read(self.today())?;
        let entered = self.transaction().run(async |tx| {
            let pattern = class_schedule::insert(tx, &new).await?;
            self.record(tx, json!({ "patternId": pattern.id, "action": "enter" }))
                .await?;
            Ok(pattern)
        });
        Ok(Outcome {
            pattern: Some(entered.await?.into()),
            ..Outcome::default()
        })
    }

    pub(super) async fn change_pattern(&self, change: PatternChange) -> Result<Outcome> {
        let (id, changes) = (change.id, change.read()?);
        self.update_pattern(id, &changes, "change").await
    }

    pub(super) async fn retire(&self, id: Uuid) -> Result<Outcome> {
        let changes = Changes {
            is_active: Some(false),
            ..Changes::default()
        };
        self.update_pattern(id, &changes, "retire").await
    }

    async fn update_pattern(&self, id: Uuid, changes: &Changes, action: &str) -> Result<Outcome> {
        let updated = self.transaction().run(async |tx| {
            let pattern = class_schedule::update(tx, id, changes).await?;
            let coming = class_schedule::coming(tx, id, self.now).await?;
            self.record(tx, json!({ "patternId": id, "action": action }))
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

    pub(super) async fn generate(&self, until: NaiveDate) -> Result<Outcome> {
        let today = self.today();
        if until < today || until > today + LONGEST_AHEAD {
            return Err(Error::field(
                "generateUntil",
                "must be a day between today and 366 days from now",
            ));
        }
        let made = self.transaction().run(async |tx| {
            occurrence::lock_timetable(tx).await?;
            let made = class_schedule::generate(tx, &self.zone, today, until, self.now).await?;
            let detail = json!({
                "action": "generate",
                "until": until,
                "generated": made.generated,
            });
            self.record(tx, detail).await?;
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
}
