//! Taking a place, or a place in the line for one.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Booking, find};
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A booking to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewBooking {
    /// For whom.
    pub user_id: Uuid,
    /// For which occurrence.
    pub scheduled_class_id: Uuid,
    /// Whether to wait when there is no place.
    pub join_waitlist: bool,
}

static CREATE: Statement = Statement::new(
    "booking.create",
    "select outcome, booking_id
    from book_class($1, $2, $3, $4, $5, make_interval(secs => $6), $7)",
);

/// Books a place, or joins the waitlist where that is wished and there is none.
/// One statement decides, and writes mail and event: see `book_class` in the
/// migration.
///
/// # Errors
///
/// 404 for a class that there is not; 409 `class_full`, `class_cancelled`,
/// `class_started`, `waitlist_closed`, `already_booked`; [`Error::SessionGone`]
/// for a member whose account is closed; [`Error::Unavailable`].
pub async fn create(
    client: &Client,
    new: NewBooking,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Booking> {
    let row = CREATE
        .one(
            client,
            &[
                &random::id(),
                &new.user_id,
                &new.scheduled_class_id,
                &new.join_waitlist,
                &now,
                &studio.waitlist_cutoff.as_secs_f64(),
                &studio.currency,
            ],
        )
        .await
        .on_constraint("bookings_active_key", ALREADY_BOOKED)?;
    let outcome: String = row.try_get("outcome")?;
    match outcome.as_str() {
        "booked" | "waitlisted" => find(client, row.try_get("booking_id")?).await,
        "already_booked" => Err(ALREADY_BOOKED),
        "class_full" => Err(CLASS_FULL),
        "class_cancelled" => Err(CLASS_CANCELLED),
        "class_started" => Err(CLASS_STARTED),
        "waitlist_closed" => Err(WAITLIST_CLOSED),
        "class_unknown" => Err(Error::NotFound),
        "account_closed" => Err(Error::SessionGone),
        _ => Err(Error::internal("an outcome of booking that is not known")),
    }
}

const ALREADY_BOOKED: Error = Error::Conflict {
    code: "already_booked",
    message: "There is a booking for this class already",
};

const CLASS_FULL: Error = Error::Conflict {
    code: "class_full",
    message: "This class is full",
};

pub(in crate::models) const CLASS_CANCELLED: Error = Error::Conflict {
    code: "class_cancelled",
    message: "This class has been cancelled",
};

pub(in crate::models) const CLASS_STARTED: Error = Error::Conflict {
    code: "class_started",
    message: "This class has already begun",
};

const WAITLIST_CLOSED: Error = Error::Conflict {
    code: "waitlist_closed",
    message: "It is too late to wait for a place in this class",
};
