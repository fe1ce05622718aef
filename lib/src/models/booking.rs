//! Places in classes, taken, waited for, and given up.

mod cancel;
mod create;
mod roster;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::cancel::{Cancellation, cancel, cancel_all_of, promote};
pub(super) use self::create::{CLASS_CANCELLED, CLASS_STARTED};
pub use self::create::{NewBooking, create};
pub use self::roster::{Attendance, RosterEntry, note_attendance, roster};
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::form::Problem;
use crate::values::money::Money;

/// How far a booking has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BookingStatus)]
pub enum Status {
    /// Has a place.
    Booked,
    /// Waits for one.
    Waitlisted,
    /// Was given up, by whomever.
    Cancelled,
    /// Came.
    Attended,
    /// Did not come.
    NoShow,
}

impl Status {
    pub(super) fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "booked" => Self::Booked,
            "waitlisted" => Self::Waitlisted,
            "cancelled" => Self::Cancelled,
            "attended" => Self::Attended,
            "no_show" => Self::NoShow,
            _ => return Err(Error::internal("a booking's status that is not known")),
        })
    }
}

/// A booking, and what it is for.
#[derive(Clone, Debug)]
pub struct Booking {
    /// `bookings.id`
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The occurrence.
    pub scheduled_class_id: Uuid,
    /// How far it has come.
    pub status: Status,
    /// 1 for whoever is next; `None`: not waiting.
    pub waitlist_position: Option<i64>,
    /// What it costs.
    pub price: Money,
    /// In ISO 4217.
    pub currency: String,
    /// When it was made.
    pub booked_at: DateTime<Utc>,
    /// `None`: not cancelled; so below.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// Cancelled too late for a refund.
    pub late_cancellation: bool,
    /// As it was told.
    pub cancellation_reason: Option<String>,
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
    /// Whether the class as a whole was cancelled.
    pub class_cancelled: bool,
    /// Of the last payment; `None`: there is none.
    pub payment_status: Option<String>,
}

/// The columns of a booking `b`, its class `c`, and its instructor `i` that
/// [`Booking::from_row`] reads.
macro_rules! booking_columns {
    () => {
        "b.id, b.user_id, b.scheduled_class_id, b.status, b.price, b.currency, b.booked_at,
        b.cancelled_at, b.late_cancellation, b.cancellation_reason,
        c.title, c.start_time, c.end_time, c.room, c.is_cancelled as class_cancelled,
        i.name as instructor"
    };
}

/// What is not in the row of a booking `b`: its rank on the waitlist, and its
/// last payment.
macro_rules! standing_columns {
    () => {
        "case when b.status = 'waitlisted' then (
            select count(*) from bookings w
            where w.scheduled_class_id = b.scheduled_class_id and w.status = 'waitlisted'
              and w.waitlist_position <= b.waitlist_position
        ) end as waitlist_position,
        (select p.status from payments p where p.booking_id = b.id
            order by p.created_at desc, p.id desc limit 1) as payment_status"
    };
}

use standing_columns;

impl Booking {
    /// Reads the columns of `booking_columns!` and `standing_columns!`.
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            scheduled_class_id: row.try_get("scheduled_class_id")?,
            status: Status::from_column(row.try_get("status")?)?,
            waitlist_position: row.try_get("waitlist_position")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            currency: row.try_get("currency")?,
            booked_at: row.try_get("booked_at")?,
            cancelled_at: row.try_get("cancelled_at")?,
            late_cancellation: row.try_get("late_cancellation")?,
            cancellation_reason: row.try_get("cancellation_reason")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor: row.try_get("instructor")?,
            class_cancelled: row.try_get("class_cancelled")?,
            payment_status: row.try_get("payment_status")?,
        })
    }

    /// By what a list of bookings is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.start_time, self.id)
    }
}

/// A booking as its member sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Booking)]
pub struct Shown {
    id: Uuid,
    scheduled_class_id: Uuid,
    status: Status,
    /// 1 for whoever is next; null: not waiting.
    waitlist_position: Option<i64>,
    price: Money,
    /// In ISO 4217.
    currency: String,
    booked_at: DateTime<Utc>,
    cancelled_at: Option<DateTime<Utc>>,
    /// Cancelled too late for a refund.
    late_cancellation: bool,
    cancellation_reason: Option<String>,
    /// Of the last payment: `pending`, `paid`, `failed`, `cancelled`,
    /// `refund_due`, `refunded`; null: there is none.
    payment_status: Option<String>,
    class: BookedClass,
}

/// What a booking is for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookedClass {
    title: String,
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    room: String,
    instructor: String,
    is_cancelled: bool,
}

impl From<Booking> for Shown {
    fn from(booking: Booking) -> Self {
        Self {
            id: booking.id,
            scheduled_class_id: booking.scheduled_class_id,
            status: booking.status,
            waitlist_position: booking.waitlist_position,
            price: booking.price,
            currency: booking.currency,
            booked_at: booking.booked_at,
            cancelled_at: booking.cancelled_at,
            late_cancellation: booking.late_cancellation,
            cancellation_reason: booking.cancellation_reason,
            payment_status: booking.payment_status,
            class: BookedClass {
                title: booking.title,
                start_time: booking.start_time,
                end_time: booking.end_time,
                room: booking.room,
                instructor: booking.instructor,
                is_cancelled: booking.class_cancelled,
            },
        }
    }
}

static FIND: Statement = Statement::new(
    "booking.find",
    concat!(
        "select ",
        booking_columns!(),
        ", ",
        standing_columns!(),
        " from bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        join instructors i on i.id = c.instructor_id
        where b.id = $1"
    ),
);

/// One booking, as it is now.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Unavailable`].
pub async fn find(client: &Client, id: Uuid) -> Result<Booking> {
    let row = FIND.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    Booking::from_row(&row)
}

static LOCK_CLASS: Statement = Statement::new(
    "booking.lock_class",
    "select id, start_time from scheduled_classes
    where id = (
        select scheduled_class_id from bookings
        where id = $1 and ($2::uuid is null or user_id = $2)
    ) for no key update",
);

/// Locks the class of a booking: whatever changes how far a booking or its
/// payment has come does so first. Returns its id, and when it begins. `owner`
/// as in [`Cancellation`].
pub(super) async fn lock_class(
    client: &Client,
    booking_id: Uuid,
    owner: Option<Uuid>,
) -> Result<(Uuid, DateTime<Utc>)> {
    let row = LOCK_CLASS
        .opt(client, &[&booking_id, &owner])
        .await?
        .ok_or(Error::NotFound)?;
    Ok((row.try_get("id")?, row.try_get("start_time")?))
}

/// Which of a member's bookings are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum When {
    /// Of classes that have not ended; the next one first.
    Upcoming,
    /// Of classes that have ended; the last one first.
    Past,
}

impl When {
    /// Reads its name.
    ///
    /// # Errors
    ///
    /// A sentence for the person who typed it.
    pub fn parse(typed: &str) -> Result<Self, Problem> {
        match typed {
            "upcoming" => Ok(Self::Upcoming),
            "past" => Ok(Self::Past),
            _ => Err("must be upcoming or past".to_owned()),
        }
    }
}

static UPCOMING: Statement = Statement::new(
    "booking.upcoming",
    concat!(
        "select ",
        booking_columns!(),
        ", ",
        standing_columns!(),
        " from bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        join instructors i on i.id = c.instructor_id
        where b.user_id = $1 and c.end_time > $2
          and ($3::timestamptz is null or (c.start_time, b.id) > ($3, $4))
        order by c.start_time, b.id limit $5"
    ),
);

static PAST: Statement = Statement::new(
    "booking.past",
    concat!(
        "select ",
        booking_columns!(),
        ", ",
        standing_columns!(),
        " from bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        join instructors i on i.id = c.instructor_id
        where b.user_id = $1 and c.end_time <= $2
          and ($3::timestamptz is null or (c.start_time, b.id) < ($3, $4))
        order by c.start_time desc, b.id desc limit $5"
    ),
);

/// A page of a member's bookings, cancelled ones too.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn list(
    client: &Client,
    user_id: Uuid,
    when: When,
    now: DateTime<Utc>,
    page: &Page,
) -> Result<Vec<Booking>> {
    let statement = match when {
        When::Upcoming => &UPCOMING,
        When::Past => &PAST,
    };
    let (time, id) = page.after();
    let rows = statement
        .all(client, &[&user_id, &now, &time, &id, &page.fetch()])
        .await?;
    rows.iter().map(Booking::from_row).collect()
}
