//! Weekly classes, and the occurrences that are generated from them.
//!
//! The table is `class_schedules`. The API calls a weekly class a pattern.

mod generation;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::generation::{Conflict, ConflictCode, Generated, generate};
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::models::instructor;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// A weekly class, with the names of its class type and its instructor.
#[derive(Clone, Debug)]
pub struct WeeklyClass {
    /// The weekly class's id.
    pub id: Uuid,
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The class type's name.
    pub class_type: String,
    /// The instructor's id.
    pub instructor_id: Uuid,
    /// The instructor's name.
    pub instructor: String,
    /// The day of the week, from 0 (Sunday) to 6.
    pub day_of_week: i32,
    /// When an occurrence starts, in the studio's time zone.
    pub start_time: NaiveTime,
    /// How long an occurrence lasts.
    pub duration_minutes: i32,
    /// The number of spots.
    pub max_participants: i32,
    /// The room's id.
    pub room_id: Uuid,
    /// The room's name.
    pub room: String,
    /// The first day on which an occurrence can take place.
    pub effective_from: NaiveDate,
    /// The last day on which an occurrence can take place. `None` for no end.
    pub effective_until: Option<NaiveDate>,
    /// Whether occurrences are generated. `false` after retirement.
    pub is_active: bool,
    /// When the weekly class was created.
    pub created_at: DateTime<Utc>,
}

/// Selects the columns that [`WeeklyClass::from_row`] reads from weekly classes `s`, with their
/// class type `t`, instructor `i`, and room `r`.
macro_rules! select_weekly_classes {
    () => {
        "select s.id, s.class_type_id, t.name as class_type, s.instructor_id,
            i.name as instructor, s.day_of_week, s.start_time, s.duration_minutes,
            s.max_participants, s.room_id, r.name as room, s.effective_from, s.effective_until,
            s.is_active, s.created_at
        from class_schedules s
        join class_types t on t.id = s.class_type_id
        join instructors i on i.id = s.instructor_id
        join rooms r on r.id = s.room_id"
    };
}
use select_weekly_classes;

impl WeeklyClass {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            class_type_id: row.try_get("class_type_id")?,
            class_type: row.try_get("class_type")?,
            instructor_id: row.try_get("instructor_id")?,
            instructor: row.try_get("instructor")?,
            day_of_week: row.try_get("day_of_week")?,
            start_time: row.try_get("start_time")?,
            duration_minutes: row.try_get("duration_minutes")?,
            max_participants: row.try_get("max_participants")?,
            room_id: row.try_get("room_id")?,
            room: row.try_get("room")?,
            effective_from: row.try_get("effective_from")?,
            effective_until: row.try_get("effective_until")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the weekly class's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// Returns the number of days, from -3 to 3, by which an occurrence moves when its
    /// weekday becomes that of `after`.
    pub fn days_to(&self, after: &Self) -> i32 {
        (after.day_of_week - self.day_of_week + 3).rem_euclid(7) - 3
    }
}

static LIST: Statement = Statement::new(
    "weekly_class.list",
    concat!(
        select_weekly_classes!(),
        " where ($1::timestamptz is null or (s.created_at, s.id) < ($1, $2))
        order by s.created_at desc, s.id desc limit $3"
    ),
);

/// Lists a page of weekly classes, newest first, including retired ones.
pub async fn list(client: &Client, page: &Page) -> Result<Vec<WeeklyClass>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(WeeklyClass::from_row).collect()
}

static FIND: Statement = Statement::new(
    "weekly_class.find",
    concat!(select_weekly_classes!(), " where s.id = $1"),
);

async fn find(client: &Client, id: Uuid) -> Result<WeeklyClass> {
    let row = FIND.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    WeeklyClass::from_row(&row)
}

static LOCK: Statement = Statement::new(
    "weekly_class.lock",
    concat!(
        select_weekly_classes!(),
        " where s.id = $1 for no key update of s"
    ),
);

/// Locks a weekly class before a change. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn lock(client: &Client, id: Uuid) -> Result<WeeklyClass> {
    let row = LOCK.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    WeeklyClass::from_row(&row)
}

/// A weekly class to create.
#[derive(Clone, Debug)]
pub struct NewWeeklyClass {
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The instructor's id.
    pub instructor_id: Uuid,
    /// The day of the week, from 0 (Sunday) to 6.
    pub day_of_week: i32,
    /// When an occurrence starts, in the studio's time zone.
    pub start_time: NaiveTime,
    /// How long an occurrence lasts. `None` for the class type's duration.
    pub duration_minutes: Option<i32>,
    /// The number of spots. `None` for the class type's number.
    pub max_participants: Option<i32>,
    /// The room's id.
    pub room_id: Uuid,
    /// The first day on which an occurrence can take place.
    pub effective_from: NaiveDate,
    /// The last day on which an occurrence can take place. `None` for no end.
    pub effective_until: Option<NaiveDate>,
}

/// The changes to a weekly class. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct WeeklyClassChanges {
    /// The instructor's id.
    pub instructor_id: Option<Uuid>,
    /// The day of the week, from 0 (Sunday) to 6.
    pub day_of_week: Option<i32>,
    /// When an occurrence starts, in the studio's time zone.
    pub start_time: Option<NaiveTime>,
    /// How long an occurrence lasts.
    pub duration_minutes: Option<i32>,
    /// The number of spots.
    pub max_participants: Option<i32>,
    /// The room's id.
    pub room_id: Option<Uuid>,
    /// The first day on which an occurrence can take place.
    pub effective_from: Option<NaiveDate>,
    /// The last day. `Some(None)` removes the end.
    pub effective_until: Option<Option<NaiveDate>>,
    /// `false` retires the weekly class, and `true` reinstates it.
    pub is_active: Option<bool>,
}

static INSERT: Statement = Statement::new(
    "weekly_class.insert",
    "insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
        duration_minutes, max_participants, room_id, effective_from, effective_until)
    select $1, t.id, $3, $4, $5, coalesce($6, t.duration_minutes),
        coalesce($7, t.max_participants), $8, $9, $10
    from class_types t where t.id = $2 and t.is_active for share of t
    returning id",
);

/// Inserts a weekly class.
///
/// # Errors
///
/// [`Error::Invalid`] when the class type or the instructor does not exist or is retired,
/// or when the last day is before the first day.
pub async fn insert(client: &Client, weekly_class: &NewWeeklyClass) -> Result<WeeklyClass> {
    let id = random::id();
    instructor::lock_active(client, weekly_class.instructor_id, "pattern").await?;
    INSERT
        .opt(
            client,
            &[
                &id,
                &weekly_class.class_type_id,
                &weekly_class.instructor_id,
                &weekly_class.day_of_week,
                &weekly_class.start_time,
                &weekly_class.duration_minutes,
                &weekly_class.max_participants,
                &weekly_class.room_id,
                &weekly_class.effective_from,
                &weekly_class.effective_until,
            ],
        )
        .await
        .on_constraint("class_schedules_effective", ends_before_start())?
        .ok_or_else(|| unknown_class_type("pattern"))?;
    find(client, id).await
}

/// Returns the error for the id of an unknown or retired class type. `part` is the part of
/// the request body that contains the id.
pub(super) fn unknown_class_type(part: &str) -> Error {
    Error::field(
        &format!("{part}.classTypeId"),
        "there is no such class type",
    )
}

fn ends_before_start() -> Error {
    Error::field("pattern.effectiveUntil", "must not be before effectiveFrom")
}

static UPDATE: Statement = Statement::new(
    "weekly_class.update",
    "update class_schedules set
        instructor_id = coalesce($2, instructor_id),
        day_of_week = coalesce($3, day_of_week),
        start_time = coalesce($4, start_time),
        duration_minutes = coalesce($5, duration_minutes),
        max_participants = coalesce($6, max_participants),
        room_id = coalesce($7, room_id),
        effective_from = coalesce($8, effective_from),
        effective_until = case when $9 then $10 else effective_until end,
        is_active = coalesce($11, is_active)
    where id = $1 returning id",
);

/// Changes a locked weekly class, and returns its new state. The caller must change the
/// occurrences that were already generated.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Invalid`] when the last day is before the first day.
pub async fn update(
    client: &Client,
    id: Uuid,
    changes: &WeeklyClassChanges,
) -> Result<WeeklyClass> {
    UPDATE
        .opt(
            client,
            &[
                &id,
                &changes.instructor_id,
                &changes.day_of_week,
                &changes.start_time,
                &changes.duration_minutes,
                &changes.max_participants,
                &changes.room_id,
                &changes.effective_from,
                &changes.effective_until.is_some(),
                &changes.effective_until.flatten(),
                &changes.is_active,
            ],
        )
        .await
        .on_constraint("class_schedules_effective", ends_before_start())?
        .ok_or(Error::NotFound)?;
    find(client, id).await
}

static CONTINUE: Statement = Statement::new(
    "weekly_class.continue_from",
    "with ended as (
        update class_schedules set effective_until = $3::date - 1 where id = $1
    )
    insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
        duration_minutes, max_participants, room_id, effective_from, effective_until, is_active)
    select $2, class_type_id, instructor_id, day_of_week, start_time, duration_minutes,
        max_participants, room_id, $3, effective_until, is_active
    from class_schedules where id = $1",
);

/// Ends a locked weekly class on the day before `date`, and returns a new one that
/// continues it from `date`. The caller must move the occurrences to the new one.
///
/// # Errors
///
/// [`Error::Invalid`] when the weekly class ends before `date`, or does not begin before
/// `date`.
pub async fn continue_from(
    client: &Client,
    before: &WeeklyClass,
    date: NaiveDate,
) -> Result<WeeklyClass> {
    let id = random::id();
    CONTINUE
        .execute(client, &[&before.id, &id, &date])
        .await
        .on_constraint(
            "class_schedules_effective",
            Error::field("from", "must not be after the end of the weekly class"),
        )?;
    find(client, id).await
}

// Cancelled occurrences are included, so that their dates are not generated again. An
// occurrence keeps its date if another one has the new date. That happens if an earlier change
// of the weekday did not move the occurrences.
static MOVE_DATES: Statement = Statement::new(
    "weekly_class.move_dates",
    "update scheduled_classes c
    set class_schedule_id = $2, occurrence_date = c.occurrence_date + $3
    where c.class_schedule_id = $1 and ($2 <> $1 or c.start_time > $6)
      and ($4::date is null or c.occurrence_date >= $4)
      and extract(dow from c.occurrence_date) = $5
      and not exists (select from scheduled_classes o
        where o.class_schedule_id = $2 and o.occurrence_date = c.occurrence_date + $3)",
);

// Moves the occurrences on other weekdays, which remain from an earlier change of the
// weekday. An occurrence whose date is already taken is not moved.
static MOVE_OTHER_WEEKDAYS: Statement = Statement::new(
    "weekly_class.move_other_weekdays",
    "update scheduled_classes c set class_schedule_id = $2
    where c.class_schedule_id = $1 and c.occurrence_date >= $3
      and not exists (select from scheduled_classes o
        where o.class_schedule_id = $2 and o.occurrence_date = c.occurrence_date)",
);

/// Changes the `occurrence_date` of the upcoming occurrences of a weekly class by `days`, but
/// not their start, so that [`generate`] does not create them again. If `after` is a new weekly
/// class, it gets all occurrences from the date `from`, including those that have begun.
pub async fn move_dates(
    client: &Client,
    before: &WeeklyClass,
    after: &WeeklyClass,
    days: i32,
    from: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<()> {
    MOVE_DATES
        .execute(
            client,
            &[
                &before.id,
                &after.id,
                &days,
                &from,
                &f64::from(before.day_of_week),
                &now,
            ],
        )
        .await?;
    if after.id != before.id {
        MOVE_OTHER_WEEKDAYS
            .execute(client, &[&before.id, &after.id, &from])
            .await?;
    }
    Ok(())
}

static COUNT_UPCOMING: Statement = Statement::new(
    "weekly_class.count_upcoming",
    "select count(*) as upcoming from scheduled_classes
    where class_schedule_id = $1 and not is_cancelled and start_time > $2",
);

/// Counts the upcoming occurrences of a weekly class that are not cancelled.
pub async fn count_upcoming(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<i64> {
    let row = COUNT_UPCOMING.one(client, &[&id, &now]).await?;
    Ok(row.try_get("upcoming")?)
}
