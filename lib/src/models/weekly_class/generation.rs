//! Generating the occurrences of weekly classes.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{WeeklyClass, select_weekly_classes};
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::closure;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::time_zone::TimeZone;

/// The result of [`generate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// The number of occurrences that were created.
    pub created: usize,
    /// The number of dates that already had an occurrence.
    pub already_there: usize,
    /// The dates for which no occurrence could be created.
    pub conflicts: Vec<Conflict>,
}

/// A date for which no occurrence could be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The weekly class's id.
    pub weekly_class_id: Uuid,
    /// The date.
    pub date: NaiveDate,
    /// The reason.
    pub code: ConflictCode,
}

/// Why a class could not be generated or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScheduleConflictCode)]
pub enum ConflictCode {
    /// Another class is in the room at that time.
    RoomTaken,
    /// The instructor teaches another class at that time.
    InstructorTaken,
    /// The class type, the instructor or the room is retired.
    Retired,
    /// More members have booked than the new limit allows.
    PlacesTaken,
    /// The studio is closed on the new day.
    StudioClosed,
    /// The class would start in the past.
    InThePast,
}

impl ConflictCode {
    fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "room_taken" => Self::RoomTaken,
            "instructor_taken" => Self::InstructorTaken,
            "retired" => Self::Retired,
            _ => return Err(Error::internal("unknown schedule conflict")),
        })
    }

    /// Returns why a class could not be changed, if the error concerns this class only.
    pub fn of_error(error: &Error) -> Option<Self> {
        let Error::Conflict { code, .. } = error else {
            return None;
        };
        match code {
            ErrorCode::RoomTaken => Some(Self::RoomTaken),
            ErrorCode::InstructorTaken => Some(Self::InstructorTaken),
            ErrorCode::PlacesTaken => Some(Self::PlacesTaken),
            ErrorCode::StudioClosed => Some(Self::StudioClosed),
            _ => None,
        }
    }
}

// The lock makes a concurrent call wait until this call's occurrences are committed.
static LOCK_ACTIVE: Statement = Statement::new(
    "weekly_class.lock_active",
    concat!(
        select_weekly_classes!(),
        " where s.is_active order by s.id for no key update of s"
    ),
);

// Without a target, "on conflict do nothing" also skips an occurrence whose room or instructor
// is taken at that time (an exclusion constraint).
static GENERATE: Statement = Statement::new(
    "weekly_class.generate",
    "insert into scheduled_classes (id, class_type_id, instructor_id, class_schedule_id,
        occurrence_date, start_time, end_time, max_participants, room_id)
    select planned.id, s.class_type_id, s.instructor_id, s.id, planned.date, planned.start,
        planned.start + make_interval(mins => s.duration_minutes), s.max_participants, s.room_id
    from unnest($1::uuid[], $2::uuid[], $3::date[], $4::timestamptz[])
        as planned (id, weekly_class_id, date, start)
    join class_schedules s on s.id = planned.weekly_class_id
    join class_types t on t.id = s.class_type_id and t.is_active
    join instructors i on i.id = s.instructor_id and i.is_active
    join rooms r on r.id = s.room_id and r.is_active
    order by planned.start, planned.id
    on conflict do nothing
    returning id",
);

static CONFLICTS: Statement = Statement::new(
    "weekly_class.conflicts",
    "select planned.weekly_class_id, planned.date,
        case when not t.is_active or not i.is_active or not r.is_active then 'retired'
            when exists (select from scheduled_classes c where not c.is_cancelled
                and c.room_id = s.room_id and tstzrange(c.start_time, c.end_time)
                    && tstzrange(planned.start,
                        planned.start + make_interval(mins => s.duration_minutes)))
            then 'room_taken' else 'instructor_taken' end as code
    from unnest($1::uuid[], $2::date[], $3::timestamptz[])
        as planned (weekly_class_id, date, start)
    join class_schedules s on s.id = planned.weekly_class_id
    join class_types t on t.id = s.class_type_id
    join instructors i on i.id = s.instructor_id
    join rooms r on r.id = s.room_id
    where not exists (select from scheduled_classes c
        where c.class_schedule_id = planned.weekly_class_id and c.occurrence_date = planned.date)
    order by planned.start, planned.weekly_class_id",
);

impl WeeklyClass {
    /// Returns the dates from `first` to `last` on which the class takes place, with the
    /// start of each.
    fn dates(&self, first: NaiveDate, last: NaiveDate, zone: &TimeZone) -> Vec<PlannedDate> {
        let first = first.max(self.effective_from);
        let last = self.effective_until.map_or(last, |until| last.min(until));
        first
            .iter_days()
            .take_while(|date| *date <= last)
            .filter(|date| date.weekday().num_days_from_sunday() as i32 == self.day_of_week)
            .map(|date| PlannedDate {
                weekly_class_id: self.id,
                date,
                start: zone.resolve(date, self.start_time),
            })
            .collect()
    }
}

/// A date on which a weekly class takes place.
struct PlannedDate {
    weekly_class_id: Uuid,
    date: NaiveDate,
    start: DateTime<Utc>,
}

/// Generates the occurrences of all active weekly classes from `first` to
/// `last`, except those that would start before `now`. Local times are resolved
/// for each date. A date never gets a second occurrence, even when the first one was moved
/// to another date or cancelled. Days on which the studio is closed get no occurrence. Must
/// be called in a transaction that holds the timetable's lock.
pub async fn generate(
    client: &Client,
    zone: &TimeZone,
    first: NaiveDate,
    last: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Generated> {
    let rows = LOCK_ACTIVE.all(client, &[]).await?;
    let weekly_classes: Vec<WeeklyClass> = rows
        .iter()
        .map(WeeklyClass::from_row)
        .collect::<Result<_>>()?;
    let closures = closure::list_between(client, first, last).await?;
    let planned_dates: Vec<PlannedDate> = weekly_classes
        .iter()
        .flat_map(|class| class.dates(first, last, zone))
        .filter(|planned| planned.start > now)
        .filter(|planned| {
            !closures
                .iter()
                .any(|closure| closure.includes(planned.date))
        })
        .collect();
    let ids: Vec<Uuid> = planned_dates.iter().map(|_| random::id()).collect();
    let weekly_class_ids: Vec<Uuid> = planned_dates
        .iter()
        .map(|date| date.weekly_class_id)
        .collect();
    let dates: Vec<NaiveDate> = planned_dates.iter().map(|date| date.date).collect();
    let starts: Vec<DateTime<Utc>> = planned_dates.iter().map(|date| date.start).collect();
    let created = GENERATE
        .all(client, &[&ids, &weekly_class_ids, &dates, &starts])
        .await?
        .len();
    let rows = CONFLICTS
        .all(client, &[&weekly_class_ids, &dates, &starts])
        .await?;
    let conflicts = rows.iter().map(|row| {
        Ok(Conflict {
            weekly_class_id: row.try_get("weekly_class_id")?,
            date: row.try_get("date")?,
            code: ConflictCode::from_column(row.try_get("code")?)?,
        })
    });
    let conflicts: Vec<Conflict> = conflicts.collect::<Result<_>>()?;
    Ok(Generated {
        created,
        already_there: planned_dates.len() - created - conflicts.len(),
        conflicts,
    })
}
