//! The instructor that a member is, and the occurrences that the member teaches.

use std::ops::Range;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

static FIND_INSTRUCTOR: Statement = Statement::new(
    "teaching.find_instructor",
    "select id from instructors where user_id = $1 and is_active",
);

/// Returns the id of the active instructor whose account this is.
pub async fn find_instructor(client: &Client, user_id: Uuid) -> Result<Option<Uuid>> {
    let row = FIND_INSTRUCTOR.opt(client, &[&user_id]).await?;
    row.map(|row| Ok(row.try_get("id")?)).transpose()
}

static OWN_CLASS: Statement = Statement::new(
    "teaching.own_class",
    "select c.id from scheduled_classes c join instructors i on i.id = c.instructor_id
    where c.id = $1 and i.user_id = $2 and i.is_active
    for share of i",
);

/// Checks that a member teaches an occurrence, as its instructor or as a substitute. In a
/// transaction, the member stays an instructor until its end. If the occurrence is locked, the
/// member also keeps teaching it.
///
/// # Errors
///
/// [`Error::NotFound`] if another instructor teaches the occurrence, or if it does not exist.
pub async fn require_own_class(
    client: &Client,
    scheduled_class_id: Uuid,
    user_id: Uuid,
) -> Result<()> {
    let row = OWN_CLASS
        .opt(client, &[&scheduled_class_id, &user_id])
        .await?;
    row.map(|_| ()).ok_or(Error::NotFound)
}

/// An occurrence, as its instructor sees it.
#[derive(Clone, Debug)]
pub struct TaughtClass {
    /// The occurrence's id.
    pub id: Uuid,
    /// The occurrence's title.
    pub title: String,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// When the occurrence ends.
    pub end_time: DateTime<Utc>,
    /// The room.
    pub room: String,
    /// The number of spots.
    pub max_participants: i32,
    /// The number of spots that are taken.
    pub current_participants: i32,
    /// The number of members on the waitlist.
    pub waitlisted: i64,
    /// The number of members who are checked in.
    pub checked_in: i64,
    /// Whether the occurrence is cancelled.
    pub is_cancelled: bool,
}

impl TaughtClass {
    /// Returns the occurrence's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.start_time, self.id)
    }

    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            max_participants: row.try_get("max_participants")?,
            current_participants: row.try_get("current_participants")?,
            waitlisted: row.try_get("waitlisted")?,
            checked_in: row.try_get("checked_in")?,
            is_cancelled: row.try_get("is_cancelled")?,
        })
    }
}

static LIST_CLASSES: Statement = Statement::new(
    "teaching.list_classes",
    "select c.id, coalesce(c.own_title, t.name) as title, c.start_time, c.end_time,
        r.name as room, c.max_participants, c.current_participants, c.is_cancelled, counts.*
    from scheduled_classes c
    join class_types t on t.id = c.class_type_id
    join rooms r on r.id = c.room_id
    cross join lateral (
        select count(*) filter (where b.status = 'waitlisted') as waitlisted,
            count(*) filter (where b.status = 'attended') as checked_in
        from bookings b where b.scheduled_class_id = c.id
    ) counts
    where c.instructor_id = $1 and c.start_time >= $2 and c.start_time < $3
      and ($4::timestamptz is null or (c.start_time, c.id) > ($4, $5))
    order by c.start_time, c.id limit $6",
);

/// Lists a page of the occurrences of an instructor that start in a period, earliest first.
/// Returns one row more than the page holds if there is a next page.
pub async fn list_classes(
    client: &Client,
    instructor_id: Uuid,
    period: &Range<DateTime<Utc>>,
    page: &Page,
) -> Result<Vec<TaughtClass>> {
    let (time, id) = page.after();
    let rows = LIST_CLASSES
        .all(
            client,
            &[
                &instructor_id,
                &period.start,
                &period.end,
                &time,
                &id,
                &page.row_limit(),
            ],
        )
        .await?;
    rows.iter().map(TaughtClass::from_row).collect()
}
