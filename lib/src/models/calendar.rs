//! What a member's calendar feed shows, and the token that it is found by.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::booking::Status;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A booking as a calendar needs it.
#[derive(Clone, Debug)]
pub struct Booked {
    /// `bookings.id`
    pub id: Uuid,
    /// How far it has come.
    pub status: Status,
    /// Whether the class as a whole was cancelled.
    pub class_cancelled: bool,
    /// How often the class has changed.
    pub class_sequence: i32,
    /// What the class is called.
    pub title: String,
    /// When it begins.
    pub start_time: DateTime<Utc>,
    /// When it ends.
    pub end_time: DateTime<Utc>,
    /// Where it is.
    pub room: String,
    /// Who teaches it.
    pub instructor: String,
    /// When the booking or its class changed last.
    pub modified: DateTime<Utc>,
}

impl Booked {
    /// `None` in the row of a member who has booked nothing.
    fn from_row(row: &Row) -> Result<Option<Self>> {
        let Some(id) = row.try_get("id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            status: Status::from_column(row.try_get("status")?)?,
            class_cancelled: row.try_get("class_cancelled")?,
            class_sequence: row.try_get("sequence")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor: row.try_get("instructor")?,
            modified: row.try_get("modified")?,
        }))
    }
}

// The member always has a row, which tells a feed without bookings from one
// that there is not. The bound is for who books and cancels without end.
static OF_TOKEN: Statement = Statement::new(
    "calendar.of_token",
    "select b.id, b.status, c.is_cancelled as class_cancelled, c.sequence, c.title,
        c.start_time, c.end_time, c.room, i.name as instructor,
        greatest(b.updated_at, c.updated_at) as modified
    from users u
    left join (
        bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        join instructors i on i.id = c.instructor_id
    ) on b.user_id = u.id and c.start_time >= $2
    where u.calendar_token_hash = $1 and u.is_active
    order by c.start_time desc, b.id desc limit 2000",
);

/// What is booked, of classes that start at `since` or later, by the active
/// member whose token has this hash; the last class first. `None` when there
/// is no such member.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn of_token(
    client: &Client,
    hash: &str,
    since: DateTime<Utc>,
) -> Result<Option<Vec<Booked>>> {
    let rows = OF_TOKEN.all(client, &[&hash, &since]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let booked = rows
        .iter()
        .filter_map(|row| Booked::from_row(row).transpose());
    booked.collect::<Result<_>>().map(Some)
}

static SET_TOKEN: Statement = Statement::new(
    "calendar.set_token",
    "update users set calendar_token_hash = $2
    where id = $1 and ($2 is not null or calendar_token_hash is not null) returning id",
);

/// Sets the hash of the token that a member's feed is found by; `None`: it is
/// found no more. `false` when there was nothing to take away.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn set_token(client: &Client, user_id: Uuid, hash: Option<String>) -> Result<bool> {
    let row = SET_TOKEN.opt(client, &[&user_id, &hash]).await?;
    Ok(row.is_some())
}
