//! Booking a spot in an occurrence.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use tokio_postgres::Row;
use uuid::Uuid;

use super::errors::{CLASS_CANCELLED, CLASS_OVER, CLASS_STARTED, NOT_MOVABLE, PASS_NOT_USABLE};
use super::row::{Booking, find};
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::time_zone::TimeZone;

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
    /// can book until the end of the day on which the class ends.
    pub by_staff: bool,
    /// Whether to book a full class beyond its capacity.
    pub beyond_capacity: bool,
    /// What pays for the spot.
    pub pay_with: PayWith,
}

/// What pays for a spot that costs something: the id of a pass, or `money`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayWith {
    /// The pass of the member that ends first among those that can pay, or money if none can.
    #[default]
    Any,
    /// The pass with this id.
    Pass(Uuid),
    /// Money.
    Money,
}

impl<'de> Deserialize<'de> for PayWith {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "money" {
            return Ok(Self::Money);
        }
        let id = Uuid::parse_str(&text).map_err(|_| "must be the id of a pass, or money");
        id.map(Self::Pass).map_err(serde::de::Error::custom)
    }
}

impl PayWith {
    /// Returns the id of the chosen pass.
    fn pass_id(self) -> Option<Uuid> {
        match self {
            Self::Pass(id) => Some(id),
            Self::Any | Self::Money => None,
        }
    }
}

// Only staff book a class by itself that is sold with its course only.
static CREATE: Statement = Statement::new(
    "booking.create",
    "select outcome, booking_id, is_extra from book_class($1, $2, $3, $4, $5,
        make_interval(secs => $6), make_interval(secs => $7), make_interval(secs => $8), $9, $10,
        $11, $12, $13, $14, $15, $16, $11)",
);

/// A booking that was created.
#[derive(Clone, Debug)]
pub struct CreatedBooking {
    /// The booking.
    pub booking: Booking,
    /// Whether the class has more members than spots because of it.
    pub is_extra: bool,
}

/// Books a spot, or joins the waitlist when the class is full and
/// `join_waitlist` is set.
///
/// The SQL function `book_class` checks the conditions and writes the booking, the e-mail
/// and the event in one statement. It reopens an earlier, cancelled booking whose payment
/// or credit was kept, or whose refund was not sent yet, and one that was paid with a course.
///
/// # Errors
///
/// [`Error::NotFound`] when the occurrence does not exist; 409 `class_full`,
/// `class_cancelled`, `class_started`, `class_over`, `waitlist_closed`, `already_booked`,
/// `overlapping_booking`, `too_many_unpaid_bookings`, `pass_not_usable`, `pay_with_on_waitlist`;
/// for members also `course_only`, when the class is booked with its course only.
/// When the member's account is closed, [`Error::NotFound`] for staff and [`Error::SessionGone`]
/// for the member.
pub async fn create(
    client: &Client,
    booking: NewBooking,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<CreatedBooking> {
    let (id, is_extra) = decide(client, &booking, None, now, studio).await?;
    Ok(CreatedBooking {
        booking: find(client, id).await?,
        is_extra,
    })
}

/// Calls the SQL function `book_class`. Returns the id of the booking, and whether the class has
/// more members than spots because of it. With `moved_id`, the booking with this id moves to the
/// occurrence.
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
) -> Result<(Uuid, bool)> {
    let mut tries = 1;
    let row = loop {
        let row = call_book_class(client, booking, moved_id, now, studio).await?;
        // The class can move between the two statements, so this can happen more than once.
        if row.try_get::<_, &str>("outcome")? != "day_unknown" || tries == MAX_TRIES {
            break row;
        }
        write_local_date(client, booking.scheduled_class_id, studio).await?;
        tries += 1;
    };
    match row.try_get("outcome")? {
        "booked" | "waitlisted" => {
            let id: Option<Uuid> = row.try_get("booking_id")?;
            let id = id.ok_or_else(|| Error::internal("book_class returned no booking"))?;
            Ok((id, row.try_get("is_extra")?))
        }
        "already_booked" => Err(ALREADY_BOOKED),
        "class_full" => Err(CLASS_FULL),
        "class_cancelled" => Err(CLASS_CANCELLED),
        "class_started" => Err(CLASS_STARTED),
        "class_over" => Err(CLASS_OVER),
        "waitlist_closed" => Err(WAITLIST_CLOSED),
        "overlapping_booking" => Err(OVERLAPPING_BOOKING),
        "too_many_unpaid_bookings" => Err(TOO_MANY_UNPAID_BOOKINGS),
        "pass_not_usable" => Err(PASS_NOT_USABLE),
        "pay_with_on_waitlist" => Err(PAY_WITH_ON_WAITLIST),
        "course_only" => Err(COURSE_ONLY),
        "not_movable" => Err(NOT_MOVABLE),
        "class_unknown" => Err(Error::NotFound),
        "day_unknown" => Err(Error::internal(
            "the date of the class could not be written",
        )),
        "account_closed" if booking.by_staff => Err(Error::NotFound),
        // Without staff, it is the caller's own account, whose sessions have ended.
        "account_closed" => Err(Error::SessionGone),
        _ => Err(Error::internal("unknown outcome of book_class")),
    }
}

/// How often the SQL function is called while the class has no date.
const MAX_TRIES: u32 = 3;

/// Calls the SQL function once, and returns its row.
async fn call_book_class(
    client: &Client,
    booking: &NewBooking,
    moved_id: Option<Uuid>,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Row> {
    // Members cannot book a class that has started.
    let day_start = match booking.by_staff {
        true => Some(day_start(now, studio)?),
        false => None,
    };
    let max_unpaid = (!booking.by_staff).then_some(studio.max_unpaid_bookings);
    CREATE
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
                &(booking.pay_with == PayWith::Money),
                &booking.pay_with.pass_id(),
                &booking.beyond_capacity,
                &day_start,
            ],
        )
        .await
        .on_constraint("bookings_active_key", ALREADY_BOOKED)
}

/// Returns the start of the studio's current day.
fn day_start(now: DateTime<Utc>, studio: &StudioConfig) -> Result<DateTime<Utc>> {
    let zone = TimeZone::of_studio(studio)?;
    Ok(zone.day_start(zone.date(now)))
}

static FIND_START: Statement = Statement::new(
    "booking.find_start",
    "select start_time from scheduled_classes where id = $1",
);

// Changes nothing if the class has moved since its start was read. The next try then reads the
// start again.
static WRITE_LOCAL_DATE: Statement = Statement::new(
    "booking.write_local_date",
    "update scheduled_classes set local_date = $2 where id = $1 and start_time = $3",
);

/// Writes the studio's date of an occurrence, which decides whether a pass can pay.
async fn write_local_date(client: &Client, id: Uuid, studio: &StudioConfig) -> Result<()> {
    let row = FIND_START.opt(client, &[&id]).await?;
    let start: DateTime<Utc> = row.ok_or(Error::NotFound)?.try_get("start_time")?;
    let date = TimeZone::of_studio(studio)?.date(start);
    WRITE_LOCAL_DATE
        .execute(client, &[&id, &date, &start])
        .await
}

const COURSE_ONLY: Error = Error::Conflict {
    code: ErrorCode::CourseOnly,
    message: "This class is part of a course, and cannot be booked by itself",
};

const PAY_WITH_ON_WAITLIST: Error = Error::Conflict {
    code: ErrorCode::PayWithOnWaitlist,
    message: "The class is full; what pays for a waitlist entry is decided when a spot becomes free",
};

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

pub(in crate::models) const OVERLAPPING_BOOKING: Error = Error::Conflict {
    code: ErrorCode::OverlappingBooking,
    message: "There is already a booking for another class at this time",
};

pub(in crate::models) const TOO_MANY_UNPAID_BOOKINGS: Error = Error::Conflict {
    code: ErrorCode::TooManyUnpaidBookings,
    message: "There are too many unpaid bookings or courses; please pay for one or cancel one first",
};
