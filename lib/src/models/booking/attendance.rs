//! Recording who attended.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::errors::NO_SPOT;
use super::row::lock_occurrence;
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// Whether a member attended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// The member came.
    Attended,
    /// The member did not come.
    NoShow,
    /// The attendance is unknown. Recording this clears an earlier record.
    Unknown,
}

static RECORD: Statement = Statement::new(
    "booking.record_attendance",
    "with booking as (
        select b.id, b.user_id, b.status, c.start_time <= $3 as has_started
        from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.id = $1
        for no key update of b
    ), recorded as (
        update bookings b set status = $2 from booking
        where b.id = booking.id and booking.status in ('booked', 'attended', 'no_show')
          and (booking.has_started or $2 <> 'no_show')
        returning b.id
    )
    select user_id, has_started, exists (select from recorded) as is_recorded from booking",
);

/// Records whether the member of a booking attended, and returns the member's
/// id. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `class_not_started` for a no-show before the start;
/// 409 `no_place` when the booking has no spot.
pub async fn record_attendance(
    client: &Client,
    booking_id: Uuid,
    attendance: Attendance,
    now: DateTime<Utc>,
) -> Result<Uuid> {
    let status = match attendance {
        Attendance::Attended => "attended",
        Attendance::NoShow => "no_show",
        Attendance::Unknown => "booked",
    };
    lock_occurrence(client, booking_id, None).await?;
    let row = RECORD
        .opt(client, &[&booking_id, &status, &now])
        .await?
        .ok_or(Error::NotFound)?;
    if row.try_get("is_recorded")? {
        return Ok(row.try_get("user_id")?);
    }
    if attendance == Attendance::NoShow && !row.try_get::<_, bool>("has_started")? {
        return Err(Error::Conflict {
            code: "class_not_started",
            message: "This class has not begun yet",
        });
    }
    Err(NO_SPOT)
}
