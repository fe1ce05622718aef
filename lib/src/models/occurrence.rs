//! Classes in the timetable: one on one day.

pub mod change;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::class_type::Level;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A class on one day, with what its type and its instructor add to it.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// `scheduled_classes.id`
    pub id: Uuid,
    /// What is taught.
    pub class_type_id: Uuid,
    /// What it is called on that day.
    pub title: String,
    /// Its own, or that of its type.
    pub description: String,
    /// When it begins.
    pub start_time: DateTime<Utc>,
    /// When it ends.
    pub end_time: DateTime<Utc>,
    /// Where it is.
    pub room: String,
    /// Who teaches it.
    pub instructor_id: Uuid,
    /// What they are called.
    pub instructor: String,
    /// For whom it is.
    pub level: Level,
    /// In lower case.
    pub styles: Vec<String>,
    /// Its own, or that of its type.
    pub price: Money,
    /// How many may come.
    pub max_participants: i32,
    /// How many have a place.
    pub current_participants: i32,
    /// Whether it was called off.
    pub is_cancelled: bool,
    /// As it was told; `None`: it was not.
    pub cancellation_reason: Option<String>,
    /// Rises with each change that a calendar has to take over.
    pub sequence: i32,
    /// When it was last changed, a booking counted as well.
    pub updated_at: DateTime<Utc>,
}

/// The columns that [`Occurrence::from_row`] reads: of a class `c`, its type
/// `t`, and its instructor `i`.
macro_rules! occurrence_columns {
    () => {
        "c.id, c.class_type_id, c.title, coalesce(nullif(c.description, ''), t.description)
            as description, c.start_time, c.end_time, c.room, c.instructor_id,
        i.name as instructor, t.difficulty_level, t.styles,
        coalesce(c.price_override, t.price_per_class) as price, c.max_participants,
        c.current_participants, c.is_cancelled, c.cancellation_reason, c.sequence, c.updated_at"
    };
}
pub(super) use occurrence_columns;

impl Occurrence {
    /// Reads the columns of `occurrence_columns!`.
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            class_type_id: row.try_get("class_type_id")?,
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor_id: row.try_get("instructor_id")?,
            instructor: row.try_get("instructor")?,
            level: Level::from_column(row.try_get("difficulty_level")?)?,
            styles: row.try_get("styles")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            max_participants: row.try_get("max_participants")?,
            current_participants: row.try_get("current_participants")?,
            is_cancelled: row.try_get("is_cancelled")?,
            cancellation_reason: row.try_get("cancellation_reason")?,
            sequence: row.try_get("sequence")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    /// By what a timetable is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.start_time, self.id)
    }

    /// As visitors see it: the clock on the wall of `zone` shows `local` when
    /// it begins, and prices are in `currency`.
    pub fn shown(self, local: NaiveDateTime, zone: &str, currency: &str) -> Shown {
        Shown {
            places_left: places_left(
                self.is_cancelled,
                self.max_participants,
                self.current_participants,
            ),
            id: self.id,
            class_type_id: self.class_type_id,
            title: self.title,
            description: self.description,
            start_time: self.start_time,
            end_time: self.end_time,
            local_date: local.date(),
            local_time: local.format("%H:%M").to_string(),
            time_zone: zone.to_owned(),
            room: self.room,
            instructor: Teacher {
                id: self.instructor_id,
                name: self.instructor,
            },
            level: self.level,
            styles: self.styles,
            price: self.price,
            currency: currency.to_owned(),
            max_participants: self.max_participants,
            is_cancelled: self.is_cancelled,
            cancellation_reason: self.cancellation_reason,
        }
    }
}

/// None are left in a class that does not take place.
fn places_left(is_cancelled: bool, max: i32, current: i32) -> i32 {
    if is_cancelled { 0 } else { max - current }
}

/// A class in the timetable.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Occurrence)]
pub struct Shown {
    id: Uuid,
    class_type_id: Uuid,
    title: String,
    description: String,
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    /// The day on which it begins in `timeZone`.
    local_date: NaiveDate,
    /// What the clocks show there when it begins: `19:00`.
    local_time: String,
    /// A name of the IANA database.
    time_zone: String,
    room: String,
    instructor: Teacher,
    level: Level,
    styles: Vec<String>,
    price: Money,
    /// In ISO 4217.
    currency: String,
    max_participants: i32,
    /// 0 when it is cancelled.
    places_left: i32,
    is_cancelled: bool,
    cancellation_reason: Option<String>,
}

/// Who teaches a class.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ClassInstructor)]
pub struct Teacher {
    id: Uuid,
    name: String,
}

/// Which classes are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Those that begin then or later,
    pub from: DateTime<Utc>,
    /// but before then.
    pub until: DateTime<Utc>,
    /// `None`: of all types.
    pub class_type: Option<Uuid>,
    /// `None`: whoever teaches.
    pub instructor: Option<Uuid>,
}

static BETWEEN: Statement = Statement::new(
    "occurrence.between",
    concat!(
        "select ",
        occurrence_columns!(),
        " from scheduled_classes c
        join class_types t on t.id = c.class_type_id
        join instructors i on i.id = c.instructor_id
        where c.start_time >= $1 and c.start_time < $2
          and ($3::uuid is null or c.class_type_id = $3)
          and ($4::uuid is null or c.instructor_id = $4)
          and ($5::timestamptz is null or (c.start_time, c.id) > ($5, $6))
        order by c.start_time, c.id limit $7"
    ),
);

/// The classes of a window, cancelled ones too, in the order of their start:
/// a page of them, or all.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn between(
    client: &Client,
    window: &Window,
    page: Option<&Page>,
) -> Result<Vec<Occurrence>> {
    let (time, id) = page.map(Page::after).unwrap_or_default();
    let rows = BETWEEN
        .all(
            client,
            &[
                &window.from,
                &window.until,
                &window.class_type,
                &window.instructor,
                &time,
                &id,
                &page.map(Page::fetch),
            ],
        )
        .await?;
    rows.iter().map(Occurrence::from_row).collect()
}

/// How much room there is in a class.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClassAvailability)]
pub struct Availability {
    id: Uuid,
    start_time: DateTime<Utc>,
    max_participants: i32,
    /// 0 when it is cancelled.
    places_left: i32,
    /// How many wait for a place.
    waitlist_length: i64,
    is_cancelled: bool,
}

static AVAILABILITY: Statement = Statement::new(
    "occurrence.availability",
    "select c.id, c.start_time, c.max_participants, c.current_participants, c.is_cancelled,
        (select count(*) from bookings b
            where b.scheduled_class_id = c.id and b.status = 'waitlisted') as waitlist_length
    from scheduled_classes c where c.id = any($1)
    order by c.start_time, c.id",
);

/// How much room there is in each of these classes, in the order of their
/// start. Those that there are not are left out.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn availability(client: &Client, ids: &Vec<Uuid>) -> Result<Vec<Availability>> {
    let rows = AVAILABILITY.all(client, &[ids]).await?;
    rows.iter()
        .map(|row| {
            let is_cancelled = row.try_get("is_cancelled")?;
            let max_participants = row.try_get("max_participants")?;
            let current = row.try_get("current_participants")?;
            Ok(Availability {
                id: row.try_get("id")?,
                start_time: row.try_get("start_time")?,
                max_participants,
                places_left: places_left(is_cancelled, max_participants, current),
                waitlist_length: row.try_get("waitlist_length")?,
                is_cancelled,
            })
        })
        .collect()
}
