//! The bookings in a member's calendar feed, and the feed's token.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::booking::BookingStatus;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A booking with the details of its occurrence that a calendar entry needs.
#[derive(Clone, Debug)]
pub struct CalendarBooking {
    /// `bookings.id`
    pub id: Uuid,
    /// The booking's status.
    pub status: BookingStatus,
    /// Whether the occurrence is cancelled.
    pub class_cancelled: bool,
    /// The iCalendar sequence, which rises when the occurrence changes and when the booking
    /// moves to another occurrence.
    pub sequence: i32,
    /// The occurrence's title.
    pub title: String,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// When the occurrence ends.
    pub end_time: DateTime<Utc>,
    /// The room.
    pub room: String,
    /// The instructor's name.
    pub instructor: String,
    /// When the booking or the occurrence was last changed.
    pub modified: DateTime<Utc>,
}

impl CalendarBooking {
    /// Reads a booking. Returns `None` for the row of a member without bookings.
    fn from_row(row: &Row) -> Result<Option<Self>> {
        let Some(id) = row.try_get("id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            status: BookingStatus::from_column(row.try_get("status")?)?,
            class_cancelled: row.try_get("class_cancelled")?,
            sequence: row.try_get("sequence")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor: row.try_get("instructor")?,
            modified: row.try_get("modified")?,
        }))
    }
}

// Returns at least one row for a known token, so that an empty feed differs from an
// unknown token. The limit bounds the feed of a member who books and cancels very often.
static LIST_BY_TOKEN: Statement = Statement::new(
    "calendar.list_by_token",
    "select b.id, b.status, c.is_cancelled as class_cancelled,
        c.sequence + b.sequence_offset as sequence,
        coalesce(c.own_title, t.name) as title, c.start_time, c.end_time, r.name as room,
        i.name as instructor,
        greatest(b.updated_at, c.updated_at) as modified
    from users u
    left join (
        bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        join class_types t on t.id = c.class_type_id
        join instructors i on i.id = c.instructor_id
        join rooms r on r.id = c.room_id
    ) on b.user_id = u.id and c.start_time >= $2
    where u.calendar_token_hash = $1 and u.is_active and u.email_verified_at is not null
    order by c.start_time desc, b.id desc limit 2000",
);

/// Lists the bookings of a member for occurrences that start at `since` or later, latest
/// first. `hash` is the hash of the feed token. Returns `None` if no active member with a
/// confirmed address has this token.
pub async fn list_by_token(
    client: &Client,
    hash: &str,
    since: DateTime<Utc>,
) -> Result<Option<Vec<CalendarBooking>>> {
    let rows = LIST_BY_TOKEN.all(client, &[&hash, &since]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let bookings = rows
        .iter()
        .filter_map(|row| CalendarBooking::from_row(row).transpose());
    bookings.collect::<Result<_>>().map(Some)
}

static SET_TOKEN: Statement = Statement::new(
    "calendar.set_token",
    "update users set calendar_token_hash = $2
    where id = $1 and ($2 is not null or calendar_token_hash is not null) returning id",
);

/// Replaces the hash of a member's feed token; `None` removes it. Returns
/// `false` if there was no token to remove.
pub async fn set_token(client: &Client, user_id: Uuid, hash: Option<String>) -> Result<bool> {
    let row = SET_TOKEN.opt(client, &[&user_id, &hash]).await?;
    Ok(row.is_some())
}
