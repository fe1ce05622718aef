//! Booking a spot in an occurrence.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::errors::{CLASS_CANCELLED, CLASS_OVER, CLASS_STARTED, NOT_MOVABLE};
use super::row::{Booking, find};
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A booking to create.
#[derive(Clone, Copy, Debug)]
pub struct NewBooking {
    /// The member's id.
    pub user_id: Uuid,
    /// The occurrence's id.
    pub scheduled_class_id: Uuid,
    /// Whether to join the waitlist when the class is full.
    pub join_waitlist: bool,
    /// Whether staff book for the member. They are not bound by `MAX_UNPAID_BOOKINGS`, and
    /// can book until the end of the class.
    pub by_staff: bool,
}

static CREATE: Statement = Statement::new(
    "booking.create",
    "select outcome, booking_id
    from book_class($1, $2, $3, $4, $5, make_interval(secs => $6), make_interval(secs => $7),
        make_interval(secs => $8), $9, $10, $11, $12)",
);

/// Books a spot, or joins the waitlist when the class is full and
/// `join_waitlist` is set.
///
/// The SQL function `book_class` checks the conditions and writes the booking, the e-mail
/// and the event in one statement. It reopens an earlier, cancelled booking whose payment
/// was kept, or whose refund was not sent yet.
///
/// # Errors
///
/// [`Error::NotFound`] when the occurrence does not exist; 409 `class_full`,
/// `class_cancelled`, `class_started`, `class_over`, `waitlist_closed`, `already_booked`,
/// `overlapping_booking`, `too_many_unpaid_bookings`. When the member's account is closed,
/// [`Error::NotFound`] for staff and [`Error::SessionGone`] for the member.
pub async fn create(
    client: &Client,
    booking: NewBooking,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Booking> {
    let id = decide(client, &booking, None, now, studio).await?;
    find(client, id).await
}

/// Calls the SQL function `book_class`, and returns the id of the booking. With `moved_id`,
/// the booking with this id moves to the occurrence.
///
/// # Errors
///
/// Those of [`create`]; with `moved_id`, also 409 `not_movable`.
pub(super) async fn decide(
    client: &Client,
    booking: &NewBooking,
    moved_id: Option<Uuid>,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Uuid> {
    let max_unpaid = (!booking.by_staff).then_some(studio.max_unpaid_bookings);
    let row = CREATE
        .one(
            client,
            &[
                &random::id(),
                &booking.user_id,
                &booking.scheduled_class_id,
                &booking.join_waitlist,
                &now,
                &studio.waitlist_cutoff.as_secs_f64(),
                &studio.cancellation_window.as_secs_f64(),
                &studio.free_cancellation_grace.as_secs_f64(),
                &max_unpaid,
                &studio.currency,
                &booking.by_staff,
                &moved_id,
            ],
        )
        .await
        .on_constraint("bookings_active_key", ALREADY_BOOKED)?;
    let outcome: String = row.try_get("outcome")?;
    match outcome.as_str() {
        "booked" | "waitlisted" => Ok(row.try_get("booking_id")?),
        "already_booked" => Err(ALREADY_BOOKED),
        "class_full" => Err(CLASS_FULL),
        "class_cancelled" => Err(CLASS_CANCELLED),
        "class_started" => Err(CLASS_STARTED),
        "class_over" => Err(CLASS_OVER),
        "waitlist_closed" => Err(WAITLIST_CLOSED),
        "overlapping_booking" => Err(OVERLAPPING_BOOKING),
        "too_many_unpaid_bookings" => Err(TOO_MANY_UNPAID_BOOKINGS),
        "not_movable" => Err(NOT_MOVABLE),
        "class_unknown" => Err(Error::NotFound),
        "account_closed" if booking.by_staff => Err(Error::NotFound),
        // Without staff, it is the caller's own account, whose sessions have ended.
        "account_closed" => Err(Error::SessionGone),
        _ => Err(Error::internal("unknown outcome of book_class")),
    }
}

const ALREADY_BOOKED: Error = Error::Conflict {
    code: ErrorCode::AlreadyBooked,
    message: "There is already a booking for this class",
};

const CLASS_FULL: Error = Error::Conflict {
    code: ErrorCode::ClassFull,
    message: "This class is full",
};

const WAITLIST_CLOSED: Error = Error::Conflict {
    code: ErrorCode::WaitlistClosed,
    message: "The waitlist of this class is closed",
};

const OVERLAPPING_BOOKING: Error = Error::Conflict {
    code: ErrorCode::OverlappingBooking,
    message: "There is already a booking for another class at this time",
};

const TOO_MANY_UNPAID_BOOKINGS: Error = Error::Conflict {
    code: ErrorCode::TooManyUnpaidBookings,
    message: "There are too many unpaid bookings; please pay for one or cancel one first",
};
