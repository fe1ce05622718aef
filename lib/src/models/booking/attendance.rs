//! Recording who attended.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::errors::{CLASS_CANCELLED, NO_SPOT};
use super::row::{BookingStatus, lock_occurrence};
use crate::error::{Error, ErrorCode, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long before the start of a class members can be checked in.
pub(in crate::models) const CHECK_IN_OPENS: TimeDelta = TimeDelta::hours(1);

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
        select b.id, b.status, c.start_time <= $3 as has_started,
            c.start_time <= $4 as check_in_is_open
        from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.id = $1
        for no key update of b
    ), recorded as (
        update bookings b set status = $2,
            checked_in_at = case $2 when 'attended' then coalesce(b.checked_in_at, $3) end
        from booking
        where b.id = booking.id and booking.status in ('booked', 'attended', 'no_show')
          and case $2 when 'attended' then check_in_is_open when 'no_show' then has_started
              else true end
        returning b.id
    )
    select status, exists (select from recorded) as is_recorded from booking",
);

/// Records whether the member of a booking attended. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `no_place` when the booking has no spot; 409 `check_in_not_open`
/// for a check-in more than an hour before the start; 409 `class_not_started` for a no-show
/// before the start.
pub async fn record_attendance(
    client: &Client,
    booking_id: Uuid,
    attendance: Attendance,
    now: DateTime<Utc>,
) -> Result<()> {
    let status = match attendance {
        Attendance::Attended => "attended",
        Attendance::NoShow => "no_show",
        Attendance::Unknown => "booked",
    };
    lock_occurrence(client, booking_id, None).await?;
    let row = RECORD
        .opt(
            client,
            &[&booking_id, &status, &now, &(now + CHECK_IN_OPENS)],
        )
        .await?
        .ok_or(Error::NotFound)?;
    if row.try_get("is_recorded")? {
        return Ok(());
    }
    let had_spot = BookingStatus::from_column(row.try_get("status")?)?.has_spot();
    Err(match attendance {
        _ if !had_spot => NO_SPOT,
        Attendance::NoShow => CLASS_NOT_STARTED,
        Attendance::Attended | Attendance::Unknown => CHECK_IN_NOT_OPEN,
    })
}

/// The outcome for one of several bookings to check in.
#[derive(Clone, Copy, Debug)]
pub struct CheckIn {
    /// The booking's id.
    pub booking_id: Uuid,
    /// Why the member is not checked in. `None` if they are.
    pub rejection: Option<CheckInRejection>,
}

/// Why a member was not checked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckInRejection {
    /// The class has no such booking.
    NotFound,
    /// The booking has no spot.
    NoPlace,
}

impl CheckIn {
    fn from_row(row: &Row) -> Result<Self> {
        let status: Option<String> = row.try_get("status")?;
        let status = status.as_deref().map(BookingStatus::from_column);
        let rejection = match status.transpose()? {
            None => Some(CheckInRejection::NotFound),
            Some(status) if !status.has_spot() => Some(CheckInRejection::NoPlace),
            Some(_) => None,
        };
        Ok(Self {
            booking_id: row.try_get("id")?,
            rejection,
        })
    }
}

static LOCK_CLASS: Statement = Statement::new(
    "booking.lock_class_for_check_in",
    "select is_cancelled, start_time <= $2 as check_in_is_open from scheduled_classes
    where id = $1 for no key update",
);

static CHECK_IN_ALL: Statement = Statement::new(
    "booking.check_in_all",
    "with found as (
        select id, status from bookings where id = any($2) and scheduled_class_id = $1
        for no key update
    ), checked_in as (
        update bookings b set status = 'attended', checked_in_at = coalesce(b.checked_in_at, $3)
        from found where b.id = found.id and found.status in ('booked', 'no_show')
    )
    select requested.id, found.status
    from unnest($2) with ordinality as requested (id, number)
    left join found on found.id = requested.id
    order by requested.number",
);

/// Checks in the members of several bookings of an occurrence. Returns the outcome for each
/// booking. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the occurrence does not exist; 409 `class_cancelled`,
/// `check_in_not_open`.
pub async fn check_in_all(
    client: &Client,
    scheduled_class_id: Uuid,
    booking_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<CheckIn>> {
    let row = LOCK_CLASS
        .opt(client, &[&scheduled_class_id, &(now + CHECK_IN_OPENS)])
        .await?
        .ok_or(Error::NotFound)?;
    if row.try_get("is_cancelled")? {
        return Err(CLASS_CANCELLED);
    }
    if !row.try_get::<_, bool>("check_in_is_open")? {
        return Err(CHECK_IN_NOT_OPEN);
    }
    let rows = CHECK_IN_ALL
        .all(client, &[&scheduled_class_id, booking_ids, &now])
        .await?;
    rows.iter().map(CheckIn::from_row).collect()
}

static UNDO_CHECK_INS: Statement = Statement::new(
    "booking.undo_check_ins",
    "update bookings set status = 'booked' where scheduled_class_id = $1 and status = 'attended'",
);

/// Undoes the check-ins for a locked occurrence that has moved to a later time. A member who
/// is checked in could not cancel the booking.
pub(in crate::models) async fn undo_check_ins(
    client: &Client,
    scheduled_class_id: Uuid,
) -> Result<()> {
    UNDO_CHECK_INS.execute(client, &[&scheduled_class_id]).await
}

const CHECK_IN_NOT_OPEN: Error = Error::Conflict {
    code: ErrorCode::CheckInNotOpen,
    message: "Check-in opens an hour before the class starts",
};

const CLASS_NOT_STARTED: Error = Error::Conflict {
    code: ErrorCode::ClassNotStarted,
    message: "This class has not begun yet",
};
