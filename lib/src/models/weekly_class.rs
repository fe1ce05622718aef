//! Weekly classes, and the occurrences that are generated from them.
//!
//! The table is `class_schedules`. The API calls a weekly class a pattern.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::time_zone::TimeZone;

/// A row of `class_schedules`, with the names it refers to.
#[derive(Clone, Debug)]
pub struct WeeklyClass {
    /// `class_schedules.id`
    pub id: Uuid,
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The class type's name.
    pub class_type: String,
    /// The instructor's id.
    pub instructor_id: Uuid,
    /// The instructor's name.
    pub instructor: String,
    /// 0 to 6; 0 is Sunday.
    pub day_of_week: i32,
    /// On the studio's clock.
    pub start_time: NaiveTime,
    /// How long an occurrence lasts.
    pub duration_minutes: i32,
    /// The number of spots.
    pub max_participants: i32,
    /// The room.
    pub room: String,
    /// The first day on which it can take place.
    pub effective_from: NaiveDate,
    /// The last day; `None`: until further notice.
    pub effective_until: Option<NaiveDate>,
    /// False once retired: no more occurrences are generated.
    pub is_active: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// The columns that [`WeeklyClass::from_row`] reads: of a weekly class `s`, its
/// class type `t`, and its instructor `i`.
macro_rules! weekly_class_columns {
    () => {
        "s.id, s.class_type_id, t.name as class_type, s.instructor_id, i.name as instructor,
        s.day_of_week, s.start_time, s.duration_minutes, s.max_participants, s.room,
        s.effective_from, s.effective_until, s.is_active, s.created_at"
    };
}

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
            room: row.try_get("room")?,
            effective_from: row.try_get("effective_from")?,
            effective_until: row.try_get("effective_until")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// The sort key of lists.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// Returns the dates from `first` to `last` on which it takes place, each
    /// with its start.
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

struct PlannedDate {
    weekly_class_id: Uuid,
    date: NaiveDate,
    start: DateTime<Utc>,
}

static LIST: Statement = Statement::new(
    "weekly_class.list",
    concat!(
        "select ",
        weekly_class_columns!(),
        " from class_schedules s
        join class_types t on t.id = s.class_type_id
        join instructors i on i.id = s.instructor_id
        where ($1::timestamptz is null or (s.created_at, s.id) < ($1, $2))
        order by s.created_at desc, s.id desc limit $3"
    ),
);

/// Reads a page of all weekly classes, newest first, including retired ones.
pub async fn list(client: &Client, page: &Page) -> Result<Vec<WeeklyClass>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(WeeklyClass::from_row).collect()
}

static FIND: Statement = Statement::new(
    "weekly_class.find",
    concat!(
        "select ",
        weekly_class_columns!(),
        " from class_schedules s
        join class_types t on t.id = s.class_type_id
        join instructors i on i.id = s.instructor_id
        where s.id = $1"
    ),
);

async fn find(client: &Client, id: Uuid) -> Result<WeeklyClass> {
    let row = FIND.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    WeeklyClass::from_row(&row)
}

/// A weekly class to be created.
#[derive(Clone, Debug)]
pub struct NewWeeklyClass {
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The instructor's id.
    pub instructor_id: Uuid,
    /// 0 to 6; 0 is Sunday.
    pub day_of_week: i32,
    /// On the studio's clock.
    pub start_time: NaiveTime,
    /// `None`: as long as the class type.
    pub duration_minutes: Option<i32>,
    /// `None`: as many as the class type.
    pub max_participants: Option<i32>,
    /// The room.
    pub room: String,
    /// The first day on which it can take place.
    pub effective_from: NaiveDate,
    /// The last day; `None`: until further notice.
    pub effective_until: Option<NaiveDate>,
}

/// The changes to a weekly class. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct WeeklyClassChanges {
    /// The instructor's id.
    pub instructor_id: Option<Uuid>,
    /// 0 to 6; 0 is Sunday.
    pub day_of_week: Option<i32>,
    /// On the studio's clock.
    pub start_time: Option<NaiveTime>,
    /// How long an occurrence lasts.
    pub duration_minutes: Option<i32>,
    /// The number of spots.
    pub max_participants: Option<i32>,
    /// The room.
    pub room: Option<String>,
    /// The first day on which it can take place.
    pub effective_from: Option<NaiveDate>,
    /// The last day; `Some(None)`: until further notice.
    pub effective_until: Option<Option<NaiveDate>>,
    /// Retires it, or takes it back.
    pub is_active: Option<bool>,
}

static INSERT: Statement = Statement::new(
    "weekly_class.insert",
    "insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
        duration_minutes, max_participants, room, effective_from, effective_until)
    select $1, t.id, $3, $4, $5, coalesce($6, t.duration_minutes),
        coalesce($7, t.max_participants), $8, $9, $10
    from class_types t where t.id = $2 and t.is_active
    returning id",
);

/// Inserts a weekly class.
///
/// # Errors
///
/// [`Error::Invalid`] when the class type or the instructor does not exist, or
/// when the last day is before the first.
pub async fn insert(client: &Client, new: &NewWeeklyClass) -> Result<WeeklyClass> {
    let id = random::id();
    INSERT
        .opt(
            client,
            &[
                &id,
                &new.class_type_id,
                &new.instructor_id,
                &new.day_of_week,
                &new.start_time,
                &new.duration_minutes,
                &new.max_participants,
                &new.room,
                &new.effective_from,
                &new.effective_until,
            ],
        )
        .await
        .on_constraint(
            "class_schedules_instructor_id_fkey",
            unknown_instructor("pattern"),
        )
        .on_constraint("class_schedules_effective", ends_before_start())?
        .ok_or_else(|| unknown_class_type("pattern"))?;
    find(client, id).await
}

/// The error for an instructor's id that does not exist. `form` is the part of
/// the request body that contains it.
pub(super) fn unknown_instructor(form: &str) -> Error {
    Error::field(
        &format!("{form}.instructorId"),
        "there is no such instructor",
    )
}

/// The error for a class type's id that does not exist, or is retired.
pub(super) fn unknown_class_type(form: &str) -> Error {
    Error::field(
        &format!("{form}.classTypeId"),
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
        room = coalesce($7, room),
        effective_from = coalesce($8, effective_from),
        effective_until = case when $9 then $10 else effective_until end,
        is_active = coalesce($11, is_active)
    where id = $1 returning id",
);

/// Changes a weekly class. Occurrences that were generated before stay as they
/// are.
///
/// # Errors
///
/// [`Error::NotFound`]; as [`insert`].
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
                &changes.room,
                &changes.effective_from,
                &changes.effective_until.is_some(),
                &changes.effective_until.flatten(),
                &changes.is_active,
            ],
        )
        .await
        .on_constraint(
            "class_schedules_instructor_id_fkey",
            unknown_instructor("pattern"),
        )
        .on_constraint("class_schedules_effective", ends_before_start())?
        .ok_or(Error::NotFound)?;
    find(client, id).await
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

/// The result of [`generate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// Number of occurrences that were created.
    pub created: usize,
    /// Number of dates that had their occurrence before.
    pub already_there: usize,
    /// Dates for which no occurrence could be created.
    pub conflicts: Vec<Conflict>,
}

/// A date for which no occurrence could be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The weekly class's id.
    pub weekly_class_id: Uuid,
    /// The date.
    pub date: NaiveDate,
    /// `room_taken`, `instructor_taken`, or `retired` when the class type or
    /// the instructor is.
    pub code: String,
}

// The lock makes a concurrent call wait until this one's occurrences exist.
static LOCK_ACTIVE: Statement = Statement::new(
    "weekly_class.lock_active",
    concat!(
        "select ",
        weekly_class_columns!(),
        " from class_schedules s
        join class_types t on t.id = s.class_type_id
        join instructors i on i.id = s.instructor_id
        where s.is_active order by s.id for no key update of s"
    ),
);

// "on conflict do nothing" without a target covers the exclusion constraints as
// well.
static GENERATE: Statement = Statement::new(
    "weekly_class.generate",
    "insert into scheduled_classes (id, class_type_id, instructor_id, class_schedule_id,
        occurrence_date, title, start_time, end_time, max_participants, room)
    select planned.id, s.class_type_id, s.instructor_id, s.id, planned.date, t.name, planned.start,
        planned.start + make_interval(mins => s.duration_minutes), s.max_participants, s.room
    from unnest($1::uuid[], $2::uuid[], $3::date[], $4::timestamptz[])
        as planned (id, weekly_class_id, date, start)
    join class_schedules s on s.id = planned.weekly_class_id
    join class_types t on t.id = s.class_type_id and t.is_active
    join instructors i on i.id = s.instructor_id and i.is_active
    order by planned.start, planned.id
    on conflict do nothing
    returning id",
);

static CONFLICTS: Statement = Statement::new(
    "weekly_class.conflicts",
    "select planned.weekly_class_id, planned.date,
        case when not t.is_active or not i.is_active then 'retired'
            when exists (select from scheduled_classes c where not c.is_cancelled
                and c.room = s.room and tstzrange(c.start_time, c.end_time)
                    && tstzrange(planned.start,
                        planned.start + make_interval(mins => s.duration_minutes)))
            then 'room_taken' else 'instructor_taken' end as code
    from unnest($1::uuid[], $2::date[], $3::timestamptz[])
        as planned (weekly_class_id, date, start)
    join class_schedules s on s.id = planned.weekly_class_id
    join class_types t on t.id = s.class_type_id
    join instructors i on i.id = s.instructor_id
    where not exists (select from scheduled_classes c
        where c.class_schedule_id = planned.weekly_class_id and c.occurrence_date = planned.date)
    order by planned.start, planned.weekly_class_id",
);

/// Generates the occurrences of all active weekly classes from `first` to
/// `last`, except those that would start before `now`. Local times are resolved
/// for each date. A date that has its occurrence gets no second one, even when
/// the first was moved to another date. Must be called in a transaction.
pub async fn generate(
    client: &Client,
    zone: &TimeZone,
    first: NaiveDate,
    last: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Generated> {
    let rows = LOCK_ACTIVE.all(client, &[]).await?;
    let weekly: Vec<WeeklyClass> = rows
        .iter()
        .map(WeeklyClass::from_row)
        .collect::<Result<_>>()?;
    let planned: Vec<PlannedDate> = weekly
        .iter()
        .flat_map(|class| class.dates(first, last, zone))
        .filter(|planned| planned.start > now)
        .collect();
    let ids: Vec<Uuid> = planned.iter().map(|_| random::id()).collect();
    let classes: Vec<Uuid> = planned.iter().map(|date| date.weekly_class_id).collect();
    let dates: Vec<NaiveDate> = planned.iter().map(|date| date.date).collect();
    let starts: Vec<DateTime<Utc>> = planned.iter().map(|date| date.start).collect();
    let created = GENERATE
        .all(client, &[&ids, &classes, &dates, &starts])
        .await?
        .len();
    let rows = CONFLICTS.all(client, &[&classes, &dates, &starts]).await?;
    let conflicts = rows.iter().map(|row| {
        Ok(Conflict {
            weekly_class_id: row.try_get("weekly_class_id")?,
            date: row.try_get("date")?,
            code: row.try_get("code")?,
        })
    });
    let conflicts: Vec<Conflict> = conflicts.collect::<Result<_>>()?;
    Ok(Generated {
        created,
        already_there: planned.len() - created - conflicts.len(),
        conflicts,
    })
}
