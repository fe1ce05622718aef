//! The row of a booking, and the queries that read it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::payment_method::PaymentMethod;
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
    const ALL: [Self; 5] = [
        Self::Booked,
        Self::Waitlisted,
        Self::Cancelled,
        Self::Attended,
        Self::NoShow,
    ];

    pub(in crate::models) fn from_column(text: &str) -> Result<Self> {
        Self::parse(text).ok_or_else(|| Error::internal("unknown booking status"))
    }

    /// Parses the name that [`BookingStatus::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Returns the name in the table, in requests, and in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Waitlisted => "waitlisted",
            Self::Cancelled => "cancelled",
            Self::Attended => "attended",
            Self::NoShow => "no_show",
        }
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
    /// Whether the booking was cancelled too late to be free of charge.
    pub late_cancellation: bool,
    /// The fee for the late cancellation or the no-show. `None` if there is none.
    pub fee: Option<Money>,
    /// What is still to be paid: the price or the fee. Zero if nothing is.
    pub amount_due: Money,
    /// The reason for the cancellation, if one was given.
    pub cancellation_reason: Option<String>,
    /// The id of the occurrence's class type.
    pub class_type_id: Uuid,
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
    /// The last payment. `None` if there is no payment.
    pub payment: Option<LastPayment>,
    /// The pass that pays. `None` if no pass does.
    pub pass: Option<BookingPass>,
    /// Whether the studio has given the spot for free.
    pub is_given: bool,
    /// The course that it was booked with. `None` if it was booked by itself.
    pub course: Option<BookingCourse>,
}

/// The course that a booking is part of.
#[derive(Clone, Debug)]
pub struct BookingCourse {
    /// The course's id, which is the id of its product.
    pub id: Uuid,
    /// The name of the course as it was sold.
    pub name: String,
    /// The id of the order.
    pub order_id: Uuid,
    /// Whether the order is paid. Otherwise, the spot is lost when it is not paid in time.
    pub is_paid: bool,
    /// The part of what the course has cost.
    pub share: Money,
    /// Whether the share is refunded if the member cancels before the start, because the studio has
    /// changed the class.
    pub is_refundable: bool,
    /// What a rule has refunded of the share, or will. Zero: nothing.
    pub refund: Money,
    /// Whether the booking is cancelled, and the member can take the spot again.
    pub can_be_taken_again: bool,
}

impl BookingCourse {
    fn from_row(row: &Row) -> Result<Option<Self>> {
        let id: Option<Uuid> = row.try_get("course_id")?;
        id.map(|id| {
            Ok(Self {
                id,
                name: row.try_get("course_name")?,
                order_id: row.try_get("course_order_id")?,
                is_paid: row.try_get("course_is_paid")?,
                share: Money::from_column(row.try_get::<_, Decimal>("course_share")?),
                is_refundable: row.try_get("course_is_refundable")?,
                refund: Money::from_column(row.try_get::<_, Decimal>("course_refund")?),
                can_be_taken_again: row.try_get("course_can_be_taken_again")?,
            })
        })
        .transpose()
    }
}

/// The pass that pays for a booking.
#[derive(Clone, Debug)]
pub struct BookingPass {
    /// The pass's id.
    pub id: Uuid,
    /// The name of the product as it was sold.
    pub name: String,
    /// Whether the booking uses a credit. `false` if it was given back.
    pub uses_credit: bool,
    /// The number of classes that are left. `None` if it is unlimited.
    pub credits_left: Option<i32>,
    /// The last day on which the pass is good.
    pub last_day: Option<NaiveDate>,
}

impl BookingPass {
    fn from_row(row: &Row) -> Result<Option<Self>> {
        let id: Option<Uuid> = row.try_get("pass_id")?;
        id.map(|id| {
            Ok(Self {
                id,
                name: row.try_get("pass_name")?,
                uses_credit: row.try_get("uses_credit")?,
                credits_left: row.try_get("credits_left")?,
                last_day: row.try_get("pass_last_day")?,
            })
        })
        .transpose()
    }
}

/// The last payment of a booking.
#[derive(Clone, Debug)]
pub struct LastPayment {
    /// The payment's id.
    pub id: Uuid,
    /// How the payment is made.
    pub method: PaymentMethod,
    /// The status to show, which also depends on refunds and disputes.
    pub status: PaymentStatus,
    /// The amount: the price, or the fee.
    pub amount: Money,
    /// The URL of the checkout page. `None` if no checkout is open.
    pub checkout_url: Option<String>,
    /// When an unpaid card payment expires. `None` for other payments.
    pub expires_at: Option<DateTime<Utc>>,
}

impl LastPayment {
    fn from_row(row: &Row) -> Result<Option<Self>> {
        let id: Option<Uuid> = row.try_get("payment_id")?;
        id.map(|id| {
            Ok(Self {
                id,
                method: PaymentMethod::from_column(row.try_get("payment_method")?)?,
                status: PaymentStatus::from_column(row.try_get("payment_status")?)?,
                amount: Money::from_column(row.try_get::<_, Decimal>("payment_amount")?),
                checkout_url: row.try_get("checkout_url")?,
                expires_at: row.try_get("expires_at")?,
            })
        })
        .transpose()
    }
}

/// Returns what a late cancellation costs when the studio charges `fixed`, or the price.
/// `pass_is_unlimited` is `None` if no pass pays. The SQL function `booking_fee` computes the same.
pub fn late_cancellation_fee(
    price: Money,
    pass_is_unlimited: Option<bool>,
    fixed: Option<Money>,
) -> Money {
    match pass_is_unlimited {
        None => fixed.unwrap_or(price).min(price),
        Some(true) => fixed.unwrap_or_default(),
        Some(false) => Money::default(),
    }
}

/// What is still to be paid for a booking `b`: the price or the fee. Zero if nothing is.
macro_rules! amount_due {
    () => {
        "case when exists (select from payments paid
                where paid.booking_id = b.id and paid.status = 'paid') then 0
            when b.status in ('booked', 'attended') then b.price
            when b.status = 'no_show' then coalesce(b.fee, b.price)
            when b.status in ('cancelled', 'waitlisted') then coalesce(b.fee, 0)
            else 0 end"
    };
}
pub(in crate::models) use amount_due;

/// Whether a fee is owed for a booking `b`.
macro_rules! owes_fee {
    () => {
        "(b.fee > 0 and not exists (select from payments paid
            where paid.booking_id = b.id and paid.status = 'paid'))"
    };
}
pub(in crate::models) use owes_fee;

/// The computed columns of a booking `b` with the last payment `p`: its rank on the waitlist,
/// and the method and the status of the payment. The table's column `waitlist_position` holds a
/// ticket number, which only orders the waitlist.
macro_rules! computed_columns {
    () => {
        concat!(
            "case when b.status = 'waitlisted' then (
                select count(*) from bookings w
                where w.scheduled_class_id = b.scheduled_class_id and w.status = 'waitlisted'
                  and w.waitlist_position <= b.waitlist_position
            ) end as waitlist_position,
            p.method as payment_method, case when p.id is not null then ",
            $crate::models::payment_status::shown_payment_status!(),
            " end as payment_status"
        )
    };
}
pub(super) use computed_columns;

/// Joins the last payment `p` of a booking `b`.
macro_rules! join_last_payment {
    () => {
        " left join lateral (
            select * from payments where booking_id = b.id
            order by created_at desc, id desc limit 1
        ) p on true "
    };
}
pub(super) use join_last_payment;

/// What is refunded of the price of the course for the class of the booking `b`, or will be. `course` is
/// the order line of the course, and `course_order` its order. Nothing is refunded while a payment is
/// disputed, and no more than staff have left.
macro_rules! course_refund {
    () => {
        "coalesce(b.course_share_refunded,
            case when b.course_share_state = 'due' and course_order.state = 'paid'
                and not exists (
                    select from disputes d join payments p on p.id = d.payment_id
                    where d.withdrawn and p.order_id = course_order.id)
            then least(b.course_share, (
                select sum(p.amount - p.refunded) from payments p
                where p.order_id = course_order.id
                  and p.status in ('paid', 'refund_due', 'refunded')))
            end, 0)"
    };
}
pub(in crate::models) use course_refund;

/// The tables of `booking_columns!`.
macro_rules! booking_tables {
    () => {
        concat!(
            " from bookings b
            join scheduled_classes c on c.id = b.scheduled_class_id
            join class_types t on t.id = c.class_type_id
            join instructors i on i.id = c.instructor_id
            join rooms r on r.id = c.room_id
            left join passes w on w.id = b.pass_id
            left join order_lines l on l.id = w.order_line_id
            left join order_lines course on course.id = b.course_line_id
            left join orders course_order on course_order.id = course.order_id",
            join_last_payment!()
        )
    };
}

/// The columns that [`Booking::from_row`] reads from a booking `b`, its occurrence `c`,
/// its class type `t`, instructor `i`, room `r`, and last payment `p`, its pass `w` with the order
/// line `l`, and the order line and the order of its course.
macro_rules! booking_columns {
    () => {
        concat!("b.id, b.user_id, b.scheduled_class_id, b.status, b.price, b.currency, b.booked_at,
        case when b.free_until > c.start_time then c.start_time else b.free_until end as free_until,
        b.cancelled_at, b.late_cancellation, b.cancellation_reason, b.fee, ",
            amount_due!(),
            " as amount_due,
        c.class_type_id, coalesce(c.own_title, t.name) as title, c.start_time, c.end_time,
        r.name as room, c.is_cancelled as class_cancelled, i.name as instructor,
        p.id as payment_id, p.amount as payment_amount, p.checkout_url, p.expires_at,
        b.pass_id, b.uses_credit, b.given_at is not null and b.status <> 'cancelled' as is_given, ", $crate::models::pass::pass_name!("w"), " as pass_name,
        w.credits - w.credits_used as credits_left, w.last_day as pass_last_day,
        course.product_id as course_id, course.description as course_name,
        course.order_id as course_order_id, course_order.state = 'paid' as course_is_paid,
        b.course_share, ",
            course_refund!(),
            " as course_refund,
        b.course_share_state = 'refundable' as course_is_refundable,
        b.status = 'cancelled' and not c.is_cancelled and b.course_share_state <> 'closed'
            and course_order.state = 'paid' as course_can_be_taken_again, ",
            computed_columns!()
        )
    };
}

impl Booking {
    /// Reads the columns of `booking_columns!`.
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
            fee: row
                .try_get::<_, Option<Decimal>>("fee")?
                .map(Money::from_column),
            amount_due: Money::from_column(row.try_get::<_, Decimal>("amount_due")?),
            cancellation_reason: row.try_get("cancellation_reason")?,
            class_type_id: row.try_get("class_type_id")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor: row.try_get("instructor")?,
            class_cancelled: row.try_get("class_cancelled")?,
            payment: LastPayment::from_row(row)?,
            pass: BookingPass::from_row(row)?,
            is_given: row.try_get("is_given")?,
            course: BookingCourse::from_row(row)?,
        })
    }

    /// Returns what a late cancellation costs when the studio charges `fixed`, or the price.
    pub fn late_cancellation_fee(&self, fixed: Option<Money>) -> Money {
        let is_unlimited = self.pass.as_ref().map(|pass| pass.credits_left.is_none());
        late_cancellation_fee(self.price, is_unlimited, fixed)
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
        booking_tables!(),
        "where b.id = $1"
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

/// Selects the bookings `b` of the member `$1` that match a [`BookingFilter`] and for which
/// `$condition` is true. The condition uses the parameters `$2` to `$5`.
macro_rules! bookings_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select ",
                booking_columns!(),
                booking_tables!(),
                "where b.user_id = $1
                  and ($6::timestamptz is null or c.start_time >= $6)
                  and ($7::timestamptz is null or c.start_time < $7)
                  and ($8::uuid is null or b.scheduled_class_id = $8)
                  and (cardinality($9::text[]) = 0 or b.status = any($9))
                  and (not $10 or ",
                owes_fee!(),
                ") and ",
                $condition
            ),
        )
    };
}

static LIST_EARLIEST_FIRST: Statement = bookings_where!(
    "booking.list_earliest_first",
    "($2::timestamptz is null or c.end_time > $2) and ($3::timestamptz is null or (c.start_time, b.id) > ($3, $4))
    order by c.start_time, b.id limit $5"
);

static LIST_EARLIEST_FIRST_MOVED: Statement = bookings_where!(
    "booking.list_earliest_first_moved",
    "($2::timestamptz is null or c.end_time > $2) and (c.start_time, b.id) <= ($3, $4)
      and greatest(c.moved_at, b.moved_at) > $5
    order by c.start_time, b.id"
);

/// Selects bookings. `None` and `false` match all of them.
#[derive(Clone, Debug, Default)]
pub struct BookingFilter {
    /// The earliest start of the occurrence, inclusive.
    pub from: Option<DateTime<Utc>>,
    /// The latest start of the occurrence, exclusive.
    pub until: Option<DateTime<Utc>>,
    /// The occurrence's id.
    pub scheduled_class_id: Option<Uuid>,
    /// The statuses of the bookings. An empty list matches all of them.
    pub statuses: Vec<BookingStatus>,
    /// Whether to select only bookings with a fee that is not paid.
    pub owes_fee: bool,
}

/// Lists a page of a member's bookings, earliest occurrence first, including cancelled bookings.
/// With `ended_after`, only occurrences that end after this time.
pub async fn list_earliest_first(
    client: &Client,
    user_id: Uuid,
    filter: &BookingFilter,
    ended_after: Option<DateTime<Utc>>,
    page: &Page,
) -> Result<MovableList<Booking>> {
    let statements = (&LIST_EARLIEST_FIRST, &LIST_EARLIEST_FIRST_MOVED);
    list(client, statements, user_id, filter, ended_after, page).await
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
    filter: &BookingFilter,
    now: DateTime<Utc>,
    page: &Page,
) -> Result<MovableList<Booking>> {
    let statements = (&LIST_PAST, &LIST_PAST_MOVED);
    list(client, statements, user_id, filter, Some(now), page).await
}

async fn list(
    client: &Client,
    (page_statement, moved_statement): (&'static Statement, &'static Statement),
    user_id: Uuid,
    filter: &BookingFilter,
    now: Option<DateTime<Utc>>,
    page: &Page,
) -> Result<MovableList<Booking>> {
    let ((time, id), moved_since, limit) = (page.after(), page.since(), page.row_limit());
    let BookingFilter {
        from,
        until,
        scheduled_class_id,
        statuses,
        owes_fee,
    } = filter;
    let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
    let params = |fifth| -> [&dyn Param; 10] {
        [
            &user_id,
            &now,
            &time,
            &id,
            fifth,
            from,
            until,
            scheduled_class_id,
            &statuses,
            owes_fee,
        ]
    };
    let (page_params, moved_params) = (params(&limit), params(&moved_since));
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
