//! Mail that is due, and what it tells.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::models::mail_notice::Notice;
use crate::runtime::config::StudioConfig;
use crate::store::postgres::Statement;
use crate::values::money::Money;

/// After so many tries a mail is given up.
pub const MOST_TRIES: i32 = 10;

/// A mail that is due, and that nobody else sends for the next minute.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its row; the mail's `Message-ID` is made of it.
    pub id: Uuid,
    /// An e-mail address.
    pub recipient: String,
    /// What it tells, such as `booking_confirmed`.
    pub kind: String,
    /// Of which booking, or message.
    pub payload: Payload,
    /// Counts this try.
    pub attempts: i32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// What a row names; the rest is read when it is sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// Every kind that a member gets.
    pub booking_id: Option<Uuid>,
    /// `class_moved`: when and where the class was to be before.
    pub before: Option<Before>,
    /// `contact_received`.
    pub submission_id: Option<Uuid>,
    /// Every kind about an account: whose, and what is told of it.
    pub user_id: Option<Uuid>,
    /// So too.
    pub notice: Option<Notice>,
}

/// When and where a class was to be.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    room: String,
}

static INSERT: Statement = Statement::new(
    "mail_outbox.insert",
    "insert into mail_outbox (id, recipient, kind, payload) values ($1, $2, $3, $4)",
);

/// Writes a mail, in the transaction of its reason.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn insert(
    client: &Client,
    recipient: &str,
    kind: &str,
    payload: &serde_json::Value,
) -> Result<()> {
    INSERT
        .execute(client, &[&random::id(), &recipient, &kind, payload])
        .await
}

// A try is counted before it is made, and the pause after it begins then, too:
// a sender that dies has left nothing to tidy up, and while one sends, no
// other takes the same mail. Materialized, for a subquery that is run again
// would skip what it has just taken, and take another. Mail that is given up is due at no time there is.
static CLAIM: Statement = Statement::new(
    "mail_outbox.claim",
    "with due as materialized (
        select id from mail_outbox
        where sent_at is null and next_attempt_at <= now()
        order by next_attempt_at, id limit 1 for update skip locked
    )
    update mail_outbox m
    set attempts = m.attempts + 1,
        next_attempt_at = now() + (array['1 minute', '5 minutes', '30 minutes', '2 hours',
            '6 hours', '24 hours']::interval[])[least(m.attempts + 1, 6)]
    from due where m.id = due.id
    returning m.id, m.recipient, m.kind, m.payload, m.attempts, m.created_at",
);

/// Takes one mail that is due, so that nobody else sends it.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn claim(client: &Client) -> Result<Option<Due>> {
    let row = CLAIM.opt(client, &[]).await?;
    row.map(|row| {
        let payload: serde_json::Value = row.try_get("payload")?;
        Ok(Due {
            id: row.try_get("id")?,
            recipient: row.try_get("recipient")?,
            kind: row.try_get("kind")?,
            // What cannot be read names nothing, and there is nothing to tell.
            payload: serde_json::from_value(payload).unwrap_or_default(),
            attempts: row.try_get("attempts")?,
            created_at: row.try_get("created_at")?,
        })
    })
    .transpose()
}

static SENT: Statement = Statement::new(
    "mail_outbox.sent",
    "update mail_outbox set sent_at = now() where id = $1",
);

/// Notes that a mail need not be sent any more.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]: it will be sent once more.
pub async fn sent(client: &Client, id: Uuid) -> Result<()> {
    SENT.execute(client, &[&id]).await
}

static GIVE_UP: Statement = Statement::new(
    "mail_outbox.give_up",
    "update mail_outbox set next_attempt_at = 'infinity' where id = $1 and sent_at is null",
);

/// Notes that a mail cannot be delivered.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]: it will be tried once more.
pub async fn give_up(client: &Client, id: Uuid) -> Result<()> {
    GIVE_UP.execute(client, &[&id]).await
}

static WAITING: Statement = Statement::new(
    "mail_outbox.waiting",
    "select exists (
        select from mail_outbox where sent_at is null and next_attempt_at <= now()
    ) as waiting",
);

/// Whether any mail is due.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn is_waiting(client: &Client) -> Result<bool> {
    Ok(WAITING.one(client, &[]).await?.try_get("waiting")?)
}

/// A member as a mail about the account tells of them.
#[derive(Clone, Debug)]
pub struct MemberTold {
    /// What they are called.
    pub first_name: String,
    /// When it happened, on the studio's clock, written out.
    pub at: String,
}

static MEMBER: Statement = Statement::new(
    "mail_outbox.member",
    "select first_name, to_char($2 at time zone $3, 'FMDD FMMonth YYYY, FMHH12:MI AM')
        || ' (' || replace(split_part($3, '/', -1), '_', ' ') || ' time)' as at
    from users where id = $1",
);

/// The member whom a mail about the account is for. `None` when they are gone.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn member(
    client: &Client,
    id: Uuid,
    at: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Option<MemberTold>> {
    let row = MEMBER.opt(client, &[&id, &at, &studio.time_zone]).await?;
    row.map(|row| {
        Ok(MemberTold {
            first_name: row.try_get("first_name")?,
            at: row.try_get("at")?,
        })
    })
    .transpose()
}

/// A booking as a mail tells of it. Times are the studio's own, written out.
#[derive(Clone, Debug)]
pub struct BookingTold {
    /// The booking's.
    pub status: String,
    /// What the member is called.
    pub first_name: String,
    /// The class.
    pub title: String,
    /// Where it is.
    pub room: String,
    /// Who teaches it.
    pub instructor: String,
    /// When it is.
    pub time: Time,
    /// When and in which room it was to be, before it was moved; `None` when it
    /// was not, or is back.
    pub before: Option<(Time, String)>,
    /// Whether the class is over.
    pub is_over: bool,
    /// Whether the class will not be.
    pub class_is_cancelled: bool,
    /// Why it will not be.
    pub class_reason: Option<String>,
    /// Whether the member cancelled too late for a refund.
    pub is_late: bool,
    /// Why the booking was cancelled.
    pub reason: Option<String>,
    /// What the class costs.
    pub price: Money,
    /// In which currency.
    pub currency: String,
    /// The last payment there was: its status, method and amount.
    pub payment: Option<PaymentTold>,
}

/// When a class is, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// Such as `Friday, 7 August 2026`.
    pub day: String,
    /// Such as `7:00 PM`.
    pub starts: String,
    /// So too.
    pub ends: String,
}

/// A payment as a mail tells of it.
#[derive(Clone, Debug)]
pub struct PaymentTold {
    /// The payment's.
    pub status: String,
    /// `card` or `desk`.
    pub method: String,
    /// What was, or is to be, paid.
    pub amount: Money,
}

// The time of day is worked out here and not by a library, which would weigh
// on every executable that books.
static BOOKING: Statement = Statement::new(
    "mail_outbox.booking",
    "select b.status, u.first_name, c.title, c.room, i.name as instructor,
        to_char(c.start_time at time zone $2, 'FMDay, FMDD FMMonth YYYY') as day,
        to_char(c.start_time at time zone $2, 'FMHH12:MI AM') as starts,
        to_char(c.end_time at time zone $2, 'FMHH12:MI AM') as ends,
        to_char($3 at time zone $2, 'FMDay, FMDD FMMonth YYYY') as day_before,
        to_char($3 at time zone $2, 'FMHH12:MI AM') as starts_before,
        to_char($5 at time zone $2, 'FMHH12:MI AM') as ends_before,
        $6 as room_before,
        (c.start_time, c.end_time, c.room) is distinct from ($3, $5, $6) as was_moved,
        c.end_time <= $4 as is_over, c.is_cancelled as class_is_cancelled,
        c.cancellation_reason as class_reason, b.late_cancellation as is_late,
        b.cancellation_reason as reason, b.price, b.currency,
        p.status as payment_status, p.method as payment_method, p.amount as payment_amount
    from bookings b
    join users u on u.id = b.user_id
    join scheduled_classes c on c.id = b.scheduled_class_id
    join instructors i on i.id = c.instructor_id
    left join lateral (
        select status, method, amount from payments
        where booking_id = b.id order by created_at desc, id desc limit 1
    ) p on true
    where b.id = $1",
);

/// What there is to tell of a booking now. `None` when it is gone.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn booking(
    client: &Client,
    id: Uuid,
    before: Option<&Before>,
    studio: &StudioConfig,
    now: DateTime<Utc>,
) -> Result<Option<BookingTold>> {
    let start = before.map(|before| before.start_time);
    let end = before.map(|before| before.end_time);
    let room = before.map(|before| before.room.clone());
    let row = BOOKING
        .opt(client, &[&id, &studio.time_zone, &start, &now, &end, &room])
        .await?;
    row.map(|row| told(&row)).transpose()
}

fn told(row: &Row) -> Result<BookingTold> {
    let price: Decimal = row.try_get("price")?;
    Ok(BookingTold {
        status: row.try_get("status")?,
        first_name: row.try_get("first_name")?,
        title: row.try_get("title")?,
        room: row.try_get("room")?,
        instructor: row.try_get("instructor")?,
        time: Time {
            day: row.try_get("day")?,
            starts: row.try_get("starts")?,
            ends: row.try_get("ends")?,
        },
        before: before(row)?,
        is_over: row.try_get("is_over")?,
        class_is_cancelled: row.try_get("class_is_cancelled")?,
        class_reason: row.try_get("class_reason")?,
        is_late: row.try_get("is_late")?,
        reason: row.try_get("reason")?,
        price: Money::from_column(price),
        currency: row.try_get("currency")?,
        payment: payment(row)?,
    })
}

fn before(row: &Row) -> Result<Option<(Time, String)>> {
    let room: Option<String> = row.try_get("room_before")?;
    let was_moved: bool = row.try_get("was_moved")?;
    room.filter(|_| was_moved)
        .map(|room| {
            let time = Time {
                day: row.try_get("day_before")?,
                starts: row.try_get("starts_before")?,
                ends: row.try_get("ends_before")?,
            };
            Ok((time, room))
        })
        .transpose()
}

fn payment(row: &Row) -> Result<Option<PaymentTold>> {
    let status: Option<String> = row.try_get("payment_status")?;
    status
        .map(|status| {
            let amount: Decimal = row.try_get("payment_amount")?;
            Ok(PaymentTold {
                status,
                method: row.try_get("payment_method")?,
                amount: Money::from_column(amount),
            })
        })
        .transpose()
}
