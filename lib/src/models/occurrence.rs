//! Occurrences: classes at a particular time. The table is `scheduled_classes`.

pub mod change;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::class_type::Level;
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::page::{self, MovableList, Page};
use crate::store::statement::{Param, Statement};
use crate::values::money::Money;

/// An occurrence, with data of its class type and its instructor.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// The occurrence's id.
    pub id: Uuid,
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The occurrence's own title, or the class type's name.
    pub title: String,
    /// The occurrence's own description, or the class type's.
    pub description: String,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// When the occurrence ends.
    pub end_time: DateTime<Utc>,
    /// The room.
    pub room: String,
    /// The instructor's id.
    pub instructor_id: Uuid,
    /// The instructor's name.
    pub instructor: String,
    /// The class type's level.
    pub level: Level,
    /// The class type's styles, in lower case.
    pub styles: Vec<String>,
    /// The URL of the class type's picture. `None` if there is no picture.
    pub image_url: Option<String>,
    /// The occurrence's own price, or the class type's.
    pub price: Money,
    /// The number of spots.
    pub max_participants: i32,
    /// The number of spots that are taken.
    pub current_participants: i32,
    /// The number of members on the waitlist.
    pub waitlist_length: i64,
    /// The course that the occurrence is part of. `None` also if the course is retired.
    pub course: Option<OccurrenceCourse>,
    /// Whether the occurrence is cancelled.
    pub is_cancelled: bool,
    /// The iCalendar sequence number, which increases when staff change or cancel the
    /// occurrence.
    pub sequence: i32,
    /// When the row was last changed. Bookings also change the row.
    pub updated_at: DateTime<Utc>,
}

/// The course that an occurrence is part of.
#[derive(Clone, Debug)]
pub struct OccurrenceCourse {
    /// The product's id.
    pub id: Uuid,
    /// The name of the course.
    pub name: String,
    /// Whether the occurrence can be booked by itself.
    pub drop_in: bool,
}

impl OccurrenceCourse {
    fn from_row(row: &Row) -> Result<Option<Self>> {
        let id: Option<Uuid> = row.try_get("course_id")?;
        id.map(|id| {
            Ok(Self {
                id,
                name: row.try_get("course_name")?,
                drop_in: row.try_get("course_drop_in")?,
            })
        })
        .transpose()
    }
}

/// The computed number of members on the waitlist of an occurrence `c`.
macro_rules! waitlist_length {
    () => {
        "(select count(*) from bookings b
            where b.scheduled_class_id = c.id and b.status = 'waitlisted') as waitlist_length"
    };
}

/// The columns that [`Occurrence::from_row`] reads from an occurrence `c`, its class type
/// `t`, its instructor `i`, its room `r`, and its course.
macro_rules! occurrence_columns {
    () => {
        concat!(
            "c.id, c.class_type_id, coalesce(c.own_title, t.name) as title,
            coalesce(nullif(c.description, ''), t.description) as description,
            c.start_time, c.end_time, r.name as room, c.instructor_id, i.name as instructor,
            t.difficulty_level, t.styles, t.image_url,
            coalesce(c.price_override, t.price_per_class) as price, c.max_participants,
            c.current_participants, c.is_cancelled, c.sequence, c.updated_at,
            course.id as course_id, course.name as course_name, course.drop_in as course_drop_in, ",
            waitlist_length!()
        )
    };
}

/// The tables of `occurrence_columns!`.
macro_rules! occurrence_tables {
    () => {
        " from scheduled_classes c
        join class_types t on t.id = c.class_type_id
        join instructors i on i.id = c.instructor_id
        join rooms r on r.id = c.room_id
        left join products course on course.id = c.course_id and course.is_active "
    };
}

impl Occurrence {
    /// Reads the columns of `occurrence_columns!`.
    fn from_row(row: &Row) -> Result<Self> {
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
            image_url: row.try_get("image_url")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            max_participants: row.try_get("max_participants")?,
            current_participants: row.try_get("current_participants")?,
            waitlist_length: row.try_get("waitlist_length")?,
            course: OccurrenceCourse::from_row(row)?,
            is_cancelled: row.try_get("is_cancelled")?,
            sequence: row.try_get("sequence")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    /// Returns the occurrence's position in the schedule.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.start_time, self.id)
    }
}

/// The conditions for a list of occurrences.
#[derive(Clone, Debug)]
pub struct OccurrenceFilter {
    /// The earliest start, inclusive.
    pub from: DateTime<Utc>,
    /// The latest start, exclusive.
    pub until: DateTime<Utc>,
    /// The class type's id. `None` selects all class types.
    pub class_type: Option<Uuid>,
    /// The instructor's id. `None` selects all instructors.
    pub instructor: Option<Uuid>,
    /// The level of the class type. `None` selects all levels.
    pub level: Option<Level>,
    /// A style of the class type, in lower case. `None` selects all styles.
    pub style: Option<String>,
    /// The name of the room, without regard to case and spaces. `None` selects all rooms.
    pub room: Option<String>,
}

/// The condition of an [`OccurrenceFilter`], whose fields are the first parameters.
macro_rules! matches_filter {
    () => {
        "c.start_time >= $1 and c.start_time < $2
          and ($3::uuid is null or c.class_type_id = $3)
          and ($4::uuid is null or c.instructor_id = $4)
          and ($5::text is null or t.difficulty_level = $5)
          and ($6::text is null or $6 = any(t.styles))
          and ($7::text is null or name_key(r.name) = name_key($7))"
    };
}

static LIST: Statement = Statement::new(
    "occurrence.list",
    concat!(
        "select ",
        occurrence_columns!(),
        occurrence_tables!(),
        "where ",
        matches_filter!(),
        " and ($8::timestamptz is null or (c.start_time, c.id) > ($8, $9))
        order by c.start_time, c.id limit $10"
    ),
);

/// Lists occurrences, including cancelled ones, sorted by start. `None` instead of a page
/// lists all of them.
pub async fn list(
    client: &Client,
    filter: &OccurrenceFilter,
    page: Option<&Page>,
) -> Result<Vec<Occurrence>> {
    let (time, id) = page.map(Page::after).unwrap_or_default();
    let rows = LIST
        .all(
            client,
            &[
                &filter.from,
                &filter.until,
                &filter.class_type,
                &filter.instructor,
                &filter.level.map(Level::as_str),
                &filter.style,
                &filter.room,
                &time,
                &id,
                &page.map(Page::row_limit),
            ],
        )
        .await?;
    rows.iter().map(Occurrence::from_row).collect()
}

static LIST_MOVED: Statement = Statement::new(
    "occurrence.list_moved",
    concat!(
        "select ",
        occurrence_columns!(),
        occurrence_tables!(),
        "where ",
        matches_filter!(),
        " and (c.start_time, c.id) <= ($8, $9) and c.moved_at > $10
        order by c.start_time, c.id"
    ),
);

/// Lists a page of occurrences, including cancelled ones, sorted by start. Also lists the
/// occurrences that have moved to a position before the page since the previous page was read.
pub async fn list_page(
    client: &Client,
    filter: &OccurrenceFilter,
    page: &Page,
) -> Result<MovableList<Occurrence>> {
    let (time, id) = page.after();
    let (level, moved_since) = (filter.level.map(Level::as_str), page.since());
    let params: [&dyn Param; 10] = [
        &filter.from,
        &filter.until,
        &filter.class_type,
        &filter.instructor,
        &level,
        &filter.style,
        &filter.room,
        &time,
        &id,
        &moved_since,
    ];
    // The statements are sent at once and run in this order. `find_since` runs first, so that
    // the next page includes every move that the two lists do not see.
    let (since, rows, moved) = tokio::try_join!(
        biased;
        page::find_since(client),
        list(client, filter, Some(page)),
        LIST_MOVED.all(client, &params),
    )?;
    let moved = moved
        .iter()
        .map(Occurrence::from_row)
        .collect::<Result<_>>()?;
    Ok(MovableList { rows, moved, since })
}

static FIND: Statement = Statement::new(
    "occurrence.find",
    concat!(
        "select ",
        occurrence_columns!(),
        occurrence_tables!(),
        "where c.id = $1"
    ),
);

/// Finds an occurrence, even if it is over or cancelled.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn find(client: &Client, id: Uuid) -> Result<Occurrence> {
    let row = FIND.opt(client, &[&id]).await?;
    Occurrence::from_row(&row.ok_or(Error::NotFound)?)
}

/// Whose occurrences to list.
#[derive(Clone, Copy, Debug)]
pub enum OccurrencesOf {
    /// Those of a class type with this id.
    ClassType(Uuid),
    /// Those of an instructor with this id.
    Instructor(Uuid),
}

/// Creates the statement that lists the next occurrences of the class type or the instructor
/// `$1`.
macro_rules! list_upcoming_statement {
    ($name:literal, $column:literal) => {
        Statement::new(
            $name,
            concat!(
                "select ",
                occurrence_columns!(),
                occurrence_tables!(),
                "where c.",
                $column,
                " = $1 and c.start_time > $2 and not c.is_cancelled
                order by c.start_time, c.id limit $3"
            ),
        )
    };
}

static LIST_UPCOMING_OF_CLASS_TYPE: Statement =
    list_upcoming_statement!("occurrence.list_upcoming_of_class_type", "class_type_id");

static LIST_UPCOMING_OF_INSTRUCTOR: Statement =
    list_upcoming_statement!("occurrence.list_upcoming_of_instructor", "instructor_id");

/// Lists the next occurrences of a class type or an instructor, at most `count`, without
/// cancelled ones.
pub async fn list_upcoming(
    client: &Client,
    of: OccurrencesOf,
    now: DateTime<Utc>,
    count: i64,
) -> Result<Vec<Occurrence>> {
    let (statement, id) = match of {
        OccurrencesOf::ClassType(id) => (&LIST_UPCOMING_OF_CLASS_TYPE, id),
        OccurrencesOf::Instructor(id) => (&LIST_UPCOMING_OF_INSTRUCTOR, id),
    };
    let rows = statement.all(client, &[&id, &now, &count]).await?;
    rows.iter().map(Occurrence::from_row).collect()
}

/// The number of spots of an occurrence, and how many of them are taken.
#[derive(Clone, Debug)]
pub struct Availability {
    /// The occurrence's id.
    pub id: Uuid,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// The number of spots.
    pub max_participants: i32,
    /// The number of spots that are taken.
    pub current_participants: i32,
    /// The number of members on the waitlist.
    pub waitlist_length: i64,
    /// Whether the occurrence is cancelled.
    pub is_cancelled: bool,
}

static LIST_AVAILABILITY: Statement = Statement::new(
    "occurrence.list_availability",
    concat!(
        "select c.id, c.start_time, c.max_participants, c.current_participants, c.is_cancelled, ",
        waitlist_length!(),
        " from scheduled_classes c where c.id = any($1)
        order by c.start_time, c.id"
    ),
);

/// Returns the availability of occurrences, sorted by start. Omits ids that do not exist.
pub async fn list_availability(client: &Client, ids: &Vec<Uuid>) -> Result<Vec<Availability>> {
    let rows = LIST_AVAILABILITY.all(client, &[ids]).await?;
    rows.iter()
        .map(|row| {
            Ok(Availability {
                id: row.try_get("id")?,
                start_time: row.try_get("start_time")?,
                max_participants: row.try_get("max_participants")?,
                current_participants: row.try_get("current_participants")?,
                waitlist_length: row.try_get("waitlist_length")?,
                is_cancelled: row.try_get("is_cancelled")?,
            })
        })
        .collect()
}
