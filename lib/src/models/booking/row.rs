//! The row of a booking, and the queries that read it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::payment_status::PaymentStatus;
use crate::store::client::Client;
use crate::store::page::{self, MovableList, Page};
use crate::store::statement::{Param, Statement};
use crate::values::money::Money;

/// The status of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// The member has a spot.
    Booked,
    /// The member is on the waitlist.
    Waitlisted,
    /// The booking or its class was cancelled.
    Cancelled,
    /// The member was checked in.
    Attended,
    /// The member did not come.
    NoShow,
}

impl BookingStatus {
    pub(in crate::models) fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "booked" => Self::Booked,
            "waitlisted" => Self::Waitlisted,
            "cancelled" => Self::Cancelled,
            "attended" => Self::Attended,
            "no_show" => Self::NoShow,
            _ => return Err(Error::internal("unknown booking status")),
        })
    }

    /// Returns whether a booking with this status takes one of the spots of its class.
    pub fn has_spot(self) -> bool {
        match self {
            Self::Booked | Self::Attended | Self::NoShow => true,
            Self::Waitlisted | Self::Cancelled => false,
        }
    }
}

/// A booking, with data of its occurrence and its last payment.
#[derive(Clone, Debug)]
pub struct Booking {
    /// The booking's id.
    pub id: Uuid,
    /// The member's id.
    pub user_id: Uuid,
    /// The occurrence's id.
    pub scheduled_class_id: Uuid,
    /// The booking's status.
    pub status: BookingStatus,
    /// The rank on the waitlist, where 1 is next. `None` if the booking is not on it.
    pub waitlist_position: Option<i64>,
    /// The price at the time of booking.
    pub price: Money,
    /// The ISO 4217 code of the price's currency.
    pub currency: String,
    /// When the booking was made.
    pub booked_at: DateTime<Utc>,
    /// The time until which the booking can be cancelled free of charge, at the latest the
    /// start. `None` for an entry on the waitlist, which the member can leave at any time. An
    /// exception is an entry that is a reopened booking whose payment was kept.
    pub free_until: Option<DateTime<Utc>>,
    /// When the booking was cancelled.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// Whether the booking was cancelled too late for a refund.
    pub late_cancellation: bool,
    /// The reason for the cancellation, if one was given.
    pub cancellation_reason: Option<String>,
    /// The occurrence's title.
    pub title: String,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// When the occurrence ends.
    pub end_time: DateTime<Utc>,
    /// The occurrence's room.
    pub room: String,
    /// The instructor's name.
    pub instructor: String,
    /// Whether the occurrence is cancelled.
    pub class_cancelled: bool,
    /// The status of the last payment. `None` if there is no payment.
    pub payment_status: Option<PaymentStatus>,
}

/// The columns that [`Booking::from_row`] reads from a booking `b`, its occurrence `c`,
/// and its class type `t`, instructor `i`, and room `r`.
macro_rules! booking_columns {
    () => {
        "b.id, b.user_id, b.scheduled_class_id, b.status, b.price, b.currency, b.booked_at,
        case when b.free_until > c.start_time then c.start_time else b.free_until end as free_until,
        b.cancelled_at, b.late_cancellation, b.cancellation_reason,
        coalesce(c.own_title, t.name) as title, c.start_time, c.end_time, r.name as room,
        c.is_cancelled as class_cancelled, i.name as instructor"
    };
}

/// The computed columns of a booking `b`: its rank on the waitlist, and the status of its
/// last payment. The table's column `waitlist_position` holds a ticket number, which only
/// orders the waitlist.
macro_rules! computed_columns {
    () => {
        concat!(
            "case when b.status = 'waitlisted' then (
                select count(*) from bookings w
                where w.scheduled_class_id = b.scheduled_class_id and w.status = 'waitlisted'
                  and w.waitlist_position <= b.waitlist_position
            ) end as waitlist_position,
            (select ",
            $crate::models::payment_status::shown_payment_status!(),
            " from payments p where p.booking_id = b.id
                order by p.created_at desc, p.id desc limit 1) as payment_status"
        )
    };
}
pub(super) use computed_columns;

impl Booking {
    /// Reads the columns of `booking_columns!` and `computed_columns!`.
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            scheduled_class_id: row.try_get("scheduled_class_id")?,
            status: BookingStatus::from_column(row.try_get("status")?)?,
            waitlist_position: row.try_get("waitlist_position")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            currency: row.try_get("currency")?,
            booked_at: row.try_get("booked_at")?,
            free_until: row.try_get("free_until")?,
            cancelled_at: row.try_get("cancelled_at")?,
            late_cancellation: row.try_get("late_cancellation")?,
            cancellation_reason: row.try_get("cancellation_reason")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor: row.try_get("instructor")?,
            class_cancelled: row.try_get("class_cancelled")?,
            payment_status: PaymentStatus::from_nullable_column(row.try_get("payment_status")?)?,
        })
    }

    /// Returns the booking's position in a list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.start_time, self.id)
    }
}

static FIND: Statement = Statement::new(
    "booking.find",
    concat!(
        "select ",
        booking_columns!(),
        ", ",
        computed_columns!(),
        " from bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        join class_types t on t.id = c.class_type_id
        join instructors i on i.id = c.instructor_id
        join rooms r on r.id = c.room_id
        where b.id = $1"
    ),
);

/// Finds a booking.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn find(client: &Client, id: Uuid) -> Result<Booking> {
    let row = FIND.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    Booking::from_row(&row)
}

static LOCK_OCCURRENCE: Statement = Statement::new(
    "booking.lock_occurrence",
    "select id, start_time from scheduled_classes
    where id = (
        select scheduled_class_id from bookings
        where id = $1 and ($2::uuid is null or user_id = $2)
    ) for no key update",
);

static FIND_OCCURRENCE: Statement = Statement::new(
    "booking.find_occurrence",
    "select scheduled_class_id from bookings where id = $1",
);

/// Locks the occurrence of a booking, and returns the occurrence's id and start. When
/// `owner` is given, the booking must belong to that member.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(in crate::models) async fn lock_occurrence(
    client: &Client,
    booking_id: Uuid,
    owner: Option<Uuid>,
) -> Result<(Uuid, DateTime<Utc>)> {
    let lock_params: [&dyn Param; 2] = [&booking_id, &owner];
    let find_params: [&dyn Param; 1] = [&booking_id];
    loop {
        // The statements are sent at once and run in this order. The second one sees whether
        // the booking has moved to another occurrence while the first one waited.
        let (locked, current) = tokio::try_join!(
            biased;
            LOCK_OCCURRENCE.opt(client, &lock_params),
            FIND_OCCURRENCE.opt(client, &find_params),
        )?;
        let locked = locked.ok_or(Error::NotFound)?;
        let current: Uuid = current.ok_or(Error::NotFound)?.try_get(0)?;
        let id: Uuid = locked.try_get("id")?;
        if id == current {
            return Ok((id, locked.try_get("start_time")?));
        }
    }
}

/// Selects the bookings `b` of the member `$1` for which `$condition` is true. The
/// condition uses the current time `$2`.
macro_rules! bookings_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select ",
                booking_columns!(),
                ", ",
                computed_columns!(),
                " from bookings b
                join scheduled_classes c on c.id = b.scheduled_class_id
                join class_types t on t.id = c.class_type_id
                join instructors i on i.id = c.instructor_id
                join rooms r on r.id = c.room_id
                where b.user_id = $1 and ",
                $condition
            ),
        )
    };
}

static LIST_UPCOMING: Statement = bookings_where!(
    "booking.list_upcoming",
    "c.end_time > $2 and ($3::timestamptz is null or (c.start_time, b.id) > ($3, $4))
    order by c.start_time, b.id limit $5"
);

static LIST_UPCOMING_MOVED: Statement = bookings_where!(
    "booking.list_upcoming_moved",
    "c.end_time > $2 and (c.start_time, b.id) <= ($3, $4) and greatest(c.moved_at, b.moved_at) > $5
    order by c.start_time, b.id"
);

/// Lists a page of a member's bookings for occurrences that have not ended, next occurrence
/// first. The list includes cancelled bookings.
pub async fn list_upcoming(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
    page: &Page,
) -> Result<MovableList<Booking>> {
    let statements = (&LIST_UPCOMING, &LIST_UPCOMING_MOVED);
    list(client, statements, user_id, now, page).await
}

static LIST_PAST: Statement = bookings_where!(
    "booking.list_past",
    "c.end_time <= $2 and ($3::timestamptz is null or (c.start_time, b.id) < ($3, $4))
    order by c.start_time desc, b.id desc limit $5"
);

static LIST_PAST_MOVED: Statement = bookings_where!(
    "booking.list_past_moved",
    "c.end_time <= $2 and (c.start_time, b.id) >= ($3, $4) and greatest(c.moved_at, b.moved_at) > $5
    order by c.start_time desc, b.id desc"
);

/// Lists a page of a member's bookings for occurrences that have ended, latest occurrence
/// first. The list includes cancelled bookings.
pub async fn list_past(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
    page: &Page,
) -> Result<MovableList<Booking>> {
    list(client, (&LIST_PAST, &LIST_PAST_MOVED), user_id, now, page).await
}

async fn list(
    client: &Client,
    (page_statement, moved_statement): (&'static Statement, &'static Statement),
    user_id: Uuid,
    now: DateTime<Utc>,
    page: &Page,
) -> Result<MovableList<Booking>> {
    let ((time, id), moved_since, limit) = (page.after(), page.since(), page.row_limit());
    let page_params: [&dyn Param; 5] = [&user_id, &now, &time, &id, &limit];
    let moved_params: [&dyn Param; 5] = [&user_id, &now, &time, &id, &moved_since];
    // The statements are sent at once and run in this order. `find_since` runs first,
    // so that the next page includes each move that these two lists do not see.
    let (since, rows, moved) = tokio::try_join!(
        biased;
        page::find_since(client),
        page_statement.all(client, &page_params),
        moved_statement.all(client, &moved_params),
    )?;
    let from_rows = |rows: Vec<Row>| rows.iter().map(Booking::from_row).collect::<Result<_>>();
    Ok(MovableList {
        rows: from_rows(rows)?,
        moved: from_rows(moved)?,
        since,
    })
}
