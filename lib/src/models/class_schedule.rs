//! Recurring patterns, and the classes that come of them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::time_zone::TimeZone;

/// A class that comes every week.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// `class_schedules.id`
    pub id: Uuid,
    /// What is taught,
    pub class_type_id: Uuid,
    /// and what that is called.
    pub class_type: String,
    /// Who teaches it,
    pub instructor_id: Uuid,
    /// and what they are called.
    pub instructor: String,
    /// 0 to 6; 0 is Sunday.
    pub day_of_week: i32,
    /// On the studio's clock.
    pub start_time: NaiveTime,
    /// How long it is.
    pub duration_minutes: i32,
    /// How many may come.
    pub max_participants: i32,
    /// Where it is.
    pub room: String,
    /// The first day on which it may be.
    pub effective_from: NaiveDate,
    /// The last; `None`: until further notice.
    pub effective_until: Option<NaiveDate>,
    /// Whether classes still come of it.
    pub is_active: bool,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
}

/// The columns that [`Pattern::from_row`] reads: of a pattern `s`, its class
/// type `t`, and its instructor `i`.
macro_rules! pattern_columns {
    () => {
        "s.id, s.class_type_id, t.name as class_type, s.instructor_id, i.name as instructor,
        s.day_of_week, s.start_time, s.duration_minutes, s.max_participants, s.room,
        s.effective_from, s.effective_until, s.is_active, s.created_at"
    };
}

impl Pattern {
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

    /// By what a list of patterns is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// Its days from `first` to `last`, each with the moment at which it begins
    /// there.
    fn days(&self, first: NaiveDate, last: NaiveDate, zone: &TimeZone) -> Vec<Day> {
        let first = first.max(self.effective_from);
        let last = self.effective_until.map_or(last, |until| last.min(until));
        first
            .iter_days()
            .take_while(|date| *date <= last)
            .filter(|date| date.weekday().num_days_from_sunday() as i32 == self.day_of_week)
            .map(|date| Day {
                pattern_id: self.id,
                date,
                start: zone.resolve(date, self.start_time),
            })
            .collect()
    }
}

struct Day {
    pattern_id: Uuid,
    date: NaiveDate,
    start: DateTime<Utc>,
}

/// A pattern as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WeeklyClass)]
pub struct Shown {
    id: Uuid,
    class_type_id: Uuid,
    class_type: String,
    instructor_id: Uuid,
    instructor: String,
    /// 0 to 6; 0 is Sunday.
    day_of_week: i32,
    /// On the studio's clock: `19:00`.
    start_time: String,
    duration_minutes: i32,
    max_participants: i32,
    room: String,
    effective_from: NaiveDate,
    /// Null: until further notice.
    effective_until: Option<NaiveDate>,
    /// False: no more classes come of it.
    is_active: bool,
    created_at: DateTime<Utc>,
}

impl From<Pattern> for Shown {
    fn from(pattern: Pattern) -> Self {
        Self {
            id: pattern.id,
            class_type_id: pattern.class_type_id,
            class_type: pattern.class_type,
            instructor_id: pattern.instructor_id,
            instructor: pattern.instructor,
            day_of_week: pattern.day_of_week,
            start_time: pattern.start_time.format("%H:%M").to_string(),
            duration_minutes: pattern.duration_minutes,
            max_participants: pattern.max_participants,
            room: pattern.room,
            effective_from: pattern.effective_from,
            effective_until: pattern.effective_until,
            is_active: pattern.is_active,
            created_at: pattern.created_at,
        }
    }
}

static LIST: Statement = Statement::new(
    "class_schedule.list",
    concat!(
        "select ",
        pattern_columns!(),
        " from class_schedules s
        join class_types t on t.id = s.class_type_id
        join instructors i on i.id = s.instructor_id
        where ($1::timestamptz is null or (s.created_at, s.id) < ($1, $2))
        order by s.created_at desc, s.id desc limit $3"
    ),
);

/// A page of all patterns, newest first, retired ones too.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn list(client: &Client, page: &Page) -> Result<Vec<Pattern>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.fetch()]).await?;
    rows.iter().map(Pattern::from_row).collect()
}

static FIND: Statement = Statement::new(
    "class_schedule.find",
    concat!(
        "select ",
        pattern_columns!(),
        " from class_schedules s
        join class_types t on t.id = s.class_type_id
        join instructors i on i.id = s.instructor_id
        where s.id = $1"
    ),
);

async fn find(client: &Client, id: Uuid) -> Result<Pattern> {
    let row = FIND.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    Pattern::from_row(&row)
}

/// A pattern to be entered, or what is to be changed of one: `None` is then
/// what stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What is taught; of one that is there it cannot be changed.
    pub class_type_id: Option<Uuid>,
    /// Who teaches it.
    pub instructor_id: Option<Uuid>,
    /// 0 to 6; 0 is Sunday.
    pub day_of_week: Option<i32>,
    /// On the studio's clock.
    pub start_time: Option<NaiveTime>,
    /// `None`, here and below: as its class type has it.
    pub duration_minutes: Option<i32>,
    /// How many may come.
    pub max_participants: Option<i32>,
    /// Where it is.
    pub room: Option<String>,
    /// The first day on which it may be.
    pub effective_from: Option<NaiveDate>,
    /// The last; the inner `None` is until further notice.
    pub effective_until: Option<Option<NaiveDate>>,
    /// Whether classes still come of it.
    pub is_active: Option<bool>,
}

static INSERT: Statement = Statement::new(
    "class_schedule.insert",
    "insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
        duration_minutes, max_participants, room, effective_from, effective_until)
    select $1, t.id, $3, $4, $5, coalesce($6, t.duration_minutes),
        coalesce($7, t.max_participants), $8, $9, $10
    from class_types t where t.id = $2 and t.is_active
    returning id",
);

/// Enters a pattern.
///
/// # Errors
///
/// 400 for a class type or an instructor that there is not, and for an end
/// before its beginning; [`Error::Unavailable`].
pub async fn insert(client: &Client, new: &Changes) -> Result<Pattern> {
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
                &new.effective_until.flatten(),
            ],
        )
        .await
        .on_constraint(
            "class_schedules_instructor_id_fkey",
            no_instructor("pattern"),
        )
        .on_constraint("class_schedules_effective", ends_before())?
        .ok_or_else(|| no_class_type("pattern"))?;
    find(client, id).await
}

/// What is wrong with a form that names nobody.
pub(super) fn no_instructor(form: &str) -> Error {
    Error::field(
        &format!("{form}.instructorId"),
        "there is no such instructor",
    )
}

/// What is wrong with a form that names nothing that is taught.
pub(super) fn no_class_type(form: &str) -> Error {
    Error::field(
        &format!("{form}.classTypeId"),
        "there is no such class type",
    )
}

fn ends_before() -> Error {
    Error::field("pattern.effectiveUntil", "must not be before effectiveFrom")
}

static UPDATE: Statement = Statement::new(
    "class_schedule.update",
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

/// Changes a pattern. Classes that have come of it already stay as they are.
///
/// # Errors
///
/// [`Error::NotFound`]; as [`insert`].
pub async fn update(client: &Client, id: Uuid, changes: &Changes) -> Result<Pattern> {
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
            no_instructor("pattern"),
        )
        .on_constraint("class_schedules_effective", ends_before())?
        .ok_or(Error::NotFound)?;
    find(client, id).await
}

static COMING: Statement = Statement::new(
    "class_schedule.coming",
    "select count(*) as coming from scheduled_classes
    where class_schedule_id = $1 and not is_cancelled and start_time > $2",
);

/// How many classes of a pattern are still to come.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn coming(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<i64> {
    let row = COMING.one(client, &[&id, &now]).await?;
    Ok(row.try_get("coming")?)
}

/// What came of generating.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// Classes that were made.
    pub generated: usize,
    /// Days that had theirs before.
    pub already_there: usize,
    /// Days that got none.
    pub conflicts: Vec<Conflict>,
}

/// A day on which a class could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduleConflict)]
pub struct Conflict {
    pattern_id: Uuid,
    date: NaiveDate,
    /// `room_taken`, `instructor_taken`, or `retired` when the class type or
    /// the instructor is.
    code: String,
}

// Whoever generates at the same time waits, and then finds what is there.
static ACTIVE: Statement = Statement::new(
    "class_schedule.active",
    concat!(
        "select ",
        pattern_columns!(),
        " from class_schedules s
        join class_types t on t.id = s.class_type_id
        join instructors i on i.id = s.instructor_id
        where s.is_active order by s.id for no key update of s"
    ),
);

// Without a target, "do nothing" covers the exclusion constraints as well.
static GENERATE: Statement = Statement::new(
    "class_schedule.generate",
    "insert into scheduled_classes (id, class_type_id, instructor_id, class_schedule_id,
        occurrence_date, title, start_time, end_time, max_participants, room)
    select day.id, s.class_type_id, s.instructor_id, s.id, day.date, t.name, day.start,
        day.start + make_interval(mins => s.duration_minutes), s.max_participants, s.room
    from unnest($1::uuid[], $2::uuid[], $3::date[], $4::timestamptz[])
        as day (id, pattern_id, date, start)
    join class_schedules s on s.id = day.pattern_id
    join class_types t on t.id = s.class_type_id and t.is_active
    join instructors i on i.id = s.instructor_id and i.is_active
    order by day.start, day.id
    on conflict do nothing
    returning id",
);

static CONFLICTS: Statement = Statement::new(
    "class_schedule.conflicts",
    "select day.pattern_id, day.date,
        case when not t.is_active or not i.is_active then 'retired'
            when exists (select from scheduled_classes c where not c.is_cancelled
                and c.room = s.room and tstzrange(c.start_time, c.end_time)
                    && tstzrange(day.start, day.start + make_interval(mins => s.duration_minutes)))
            then 'room_taken' else 'instructor_taken' end as code
    from unnest($1::uuid[], $2::date[], $3::timestamptz[]) as day (pattern_id, date, start)
    join class_schedules s on s.id = day.pattern_id
    join class_types t on t.id = s.class_type_id
    join instructors i on i.id = s.instructor_id
    where not exists (select from scheduled_classes c
        where c.class_schedule_id = day.pattern_id and c.occurrence_date = day.date)
    order by day.start, day.pattern_id",
);

/// Makes the classes of all active patterns from `first` to `last`, each
/// resolved on its own date, leaving out what has begun at `now`. Twice makes
/// nothing twice; a class that has been moved is not made again. To be called
/// in a transaction.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn generate(
    client: &Client,
    zone: &TimeZone,
    first: NaiveDate,
    last: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Generated> {
    let rows = ACTIVE.all(client, &[]).await?;
    let patterns: Vec<Pattern> = rows.iter().map(Pattern::from_row).collect::<Result<_>>()?;
    let days: Vec<Day> = patterns
        .iter()
        .flat_map(|pattern| pattern.days(first, last, zone))
        .filter(|day| day.start > now)
        .collect();
    let ids: Vec<Uuid> = days.iter().map(|_| random::id()).collect();
    let patterns: Vec<Uuid> = days.iter().map(|day| day.pattern_id).collect();
    let dates: Vec<NaiveDate> = days.iter().map(|day| day.date).collect();
    let starts: Vec<DateTime<Utc>> = days.iter().map(|day| day.start).collect();
    let made = GENERATE
        .all(client, &[&ids, &patterns, &dates, &starts])
        .await?;
    let generated = made.len();
    let rows = CONFLICTS.all(client, &[&patterns, &dates, &starts]).await?;
    let conflicts = rows.iter().map(|row| {
        Ok(Conflict {
            pattern_id: row.try_get("pattern_id")?,
            date: row.try_get("date")?,
            code: row.try_get("code")?,
        })
    });
    let conflicts: Vec<Conflict> = conflicts.collect::<Result<_>>()?;
    Ok(Generated {
        generated,
        already_there: days.len() - generated - conflicts.len(),
        conflicts,
    })
}
