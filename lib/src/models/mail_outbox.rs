//! The outbox: e-mails to send, and the data that they report.

mod membership;
mod order;
mod pass;
mod refund;

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::membership::{MailMembership, find_membership, insert_for_membership};
pub use self::order::{
    MailOrder, find_order, insert_for_order, insert_for_payment, insert_gift_card,
};
pub use self::pass::{MailEndingPass, find_ending_pass};
pub use self::refund::{MailRefund, RefundDestination, RefundedItem, find_refund};
use crate::crypto::random;
use crate::error::Result;
use crate::models::booking::{amount_due, course_refund};
use crate::models::mail_notice::Notice;
use crate::models::mail_preference::MutedCategories;
use crate::models::pass::pass_name;
use crate::models::payment_status::shown_payment_status;
use crate::models::user::locale_from_column;
use crate::models::wallet::MailedCode;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::locale::Locale;
use crate::values::money::Money;

/// The number of attempts before an e-mail is abandoned.
pub const MAX_ATTEMPTS: i32 = 10;

/// A claimed e-mail. No other process claims it before its next attempt is due.
#[derive(Clone, Debug)]
pub struct DueMail {
    /// The e-mail's id, which is also part of the `Message-ID`.
    pub id: Uuid,
    /// The recipient's e-mail address.
    pub recipient: String,
    /// The kind of the e-mail, such as `booking_confirmed`.
    pub kind: String,
    /// The data that the e-mail is composed from.
    pub payload: MailPayload,
    /// The number of attempts, including this one.
    pub attempts: i32,
    /// When the e-mail was queued.
    pub created_at: DateTime<Utc>,
}

/// The payload of an e-mail. Other data is read when the e-mail is sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailPayload {
    /// The booking, for e-mails about bookings.
    pub booking_id: Option<Uuid>,
    /// The occurrence that the e-mail describes. If the booking has moved to another one since, the
    /// e-mail is outdated and is not sent.
    pub scheduled_class_id: Option<Uuid>,
    /// The previous time and room, for `class_moved`. The title as well, if the booking has
    /// moved to another class.
    #[serde(rename = "before")]
    pub previous: Option<PreviousTime>,
    /// The start of the class, for `class_reminder`. If the class has moved since, the reminder is
    /// outdated and is not sent.
    pub start_time: Option<DateTime<Utc>>,
    /// The order, for e-mails about orders.
    pub order_id: Option<Uuid>,
    /// The payment, for `receipt_issued`.
    pub payment_id: Option<Uuid>,
    /// The refund, for e-mails about refunds.
    pub refund_id: Option<Uuid>,
    /// The pass, for `pass_ending`.
    pub pass_id: Option<Uuid>,
    /// The last day of the pass, for `pass_ending`. If it has changed since, the e-mail is outdated
    /// and is not sent.
    pub last_day: Option<NaiveDate>,
    /// The encrypted code, for `gift_card_issued`.
    pub gift_card: Option<MailedCode>,
    /// The membership, for e-mails about memberships.
    pub membership_id: Option<Uuid>,
    /// The submission, for `contact_received`.
    pub submission_id: Option<Uuid>,
    /// The user, for e-mails about accounts, receipts, refunds, and passes that end.
    pub user_id: Option<Uuid>,
    /// The event, for e-mails about accounts.
    pub notice: Option<Notice>,
    /// The studio's reason, for `booking_cancelled`. A member's own reason is not sent.
    /// Otherwise, anyone could send text to a stranger.
    pub reason: Option<String>,
}

/// The time and room of a class before it was moved, or of the class that a booking has left.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviousTime {
    /// When the class started.
    pub start_time: DateTime<Utc>,
    /// When the class ended.
    pub end_time: DateTime<Utc>,
    /// The room of the class.
    pub room: String,
    /// The title of the class that the booking has left.
    pub title: Option<String>,
}

static INSERT: Statement = Statement::new(
    "mail_outbox.insert",
    "insert into mail_outbox (id, recipient, kind, payload) values ($1, $2, $3, $4)",
);

/// Queues an e-mail. Must be called in the same transaction as the change that the e-mail
/// reports.
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

// Claiming counts the attempt and schedules the next one. A sender that dies leaves nothing
// to clean up, and no other sender claims the e-mail in the meantime. The subquery is
// materialized, because a second evaluation would skip the locked row and claim another
// one. Abandoned e-mails are due at `infinity`.
//
// The candidates are the first 200 due e-mails by priority and due time. Of those with the
// same priority, the e-mails about the next class are claimed first, because their recipients
// have the least time.
static CLAIM: Statement = Statement::new(
    "mail_outbox.claim",
    "with next as materialized (
        select id, payload from mail_outbox
        where sent_at is null and dropped is null and next_attempt_at <= now()
        order by priority, next_attempt_at, id limit 200
    ), due as materialized (
        select m.id from next join mail_outbox m on m.id = next.id
        left join bookings b on b.id = case
            when next.payload ->> 'bookingId' ~ '^[0-9a-f-]{36}$'
            then (next.payload ->> 'bookingId')::uuid end
        left join scheduled_classes c on c.id = b.scheduled_class_id
        where m.sent_at is null and m.dropped is null and m.next_attempt_at <= now()
        order by m.priority, coalesce(c.start_time, m.created_at), m.next_attempt_at, m.id
        limit 1 for update of m skip locked
    )
    update mail_outbox m
    set attempts = m.attempts + 1,
        next_attempt_at = now() + (array['1 minute', '5 minutes', '30 minutes', '2 hours',
            '6 hours', '24 hours']::interval[])[least(m.attempts + 1, 6)]
    from due where m.id = due.id
    returning m.id, m.recipient, m.kind, m.payload, m.attempts, m.created_at",
);

/// Claims a due e-mail.
pub async fn claim(client: &Client) -> Result<Option<DueMail>> {
    let row = CLAIM.opt(client, &[]).await?;
    row.map(|row| {
        let payload: serde_json::Value = row.try_get("payload")?;
        Ok(DueMail {
            id: row.try_get("id")?,
            recipient: row.try_get("recipient")?,
            kind: row.try_get("kind")?,
            // A malformed payload becomes an empty one, and the e-mail is dropped.
            payload: serde_json::from_value(payload).unwrap_or_default(),
            attempts: row.try_get("attempts")?,
            created_at: row.try_get("created_at")?,
        })
    })
    .transpose()
}

// The code of a gift card is not kept.
static MARK_SENT: Statement = Statement::new(
    "mail_outbox.mark_sent",
    "update mail_outbox set sent_at = now(), payload = payload - 'giftCard' where id = $1",
);

/// Marks an e-mail as sent.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]. The e-mail is then sent again.
pub async fn mark_sent(client: &Client, id: Uuid) -> Result<()> {
    MARK_SENT.execute(client, &[&id]).await
}

static GIVE_UP: Statement = Statement::new(
    "mail_outbox.give_up",
    "update mail_outbox set next_attempt_at = 'infinity' where id = $1 and sent_at is null",
);

/// Abandons an e-mail: no further attempt is made.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]. Another attempt is then made later.
pub async fn give_up(client: &Client, id: Uuid) -> Result<()> {
    GIVE_UP.execute(client, &[&id]).await
}

/// Why an e-mail is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The event that it reports is outdated.
    Outdated,
    /// The recipient has received too many e-mails of its kind.
    Capped,
    /// The recipient has switched e-mails of its category off.
    Muted,
}

impl DropReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Outdated => "outdated",
            Self::Capped => "capped",
            Self::Muted => "muted",
        }
    }
}

static DROP: Statement = Statement::new(
    "mail_outbox.drop",
    "with dropped as (
        update mail_outbox set next_attempt_at = 'infinity', dropped = $2
        where id = $1 and sent_at is null
        returning kind, payload
    ), class_reminder as (
        delete from class_reminders r using dropped d
        where d.kind = 'class_reminder' and r.booking_id = (d.payload ->> 'bookingId')::uuid
          and r.start_time = (d.payload ->> 'startTime')::timestamptz
    )
    delete from pass_reminders r using dropped d
    where d.kind = 'pass_ending' and r.pass_id = (d.payload ->> 'passId')::uuid
      and r.last_day = (d.payload ->> 'lastDay')::date",
);

/// Drops an e-mail: it is not sent. A reminder that is dropped is queued again if it is due again.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]. The e-mail is then claimed again later.
pub async fn drop_mail(client: &Client, id: Uuid, reason: DropReason) -> Result<()> {
    DROP.execute(client, &[&id, &reason.as_str()]).await
}

static EXPIRE: Statement = Statement::new(
    "mail_outbox.expire",
    "with expired as (
        select m.id from mail_outbox m
        left join unnest($1::text[], $2::float8[]) as age (kind, seconds) using (kind)
        where m.sent_at is null and m.dropped is null and m.next_attempt_at < 'infinity'
            and m.created_at <= now() - make_interval(secs => coalesce(age.seconds, $3))
        limit $4 for update of m skip locked
    ), dropped as (
        update mail_outbox m set next_attempt_at = 'infinity', dropped = 'expired'
        from expired where m.id = expired.id returning 1
    )
    select count(*) from dropped",
);

/// Drops up to `limit` e-mails that are too old. `ages` contains the maximum age of some
/// kinds. `default_age` is the maximum age of all other kinds. Returns the number of
/// dropped e-mails.
pub async fn expire(
    client: &Client,
    ages: &[(&'static str, Duration)],
    default_age: Duration,
    limit: i64,
) -> Result<i64> {
    let kinds: Vec<String> = ages.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    let seconds: Vec<f64> = ages.iter().map(|(_, age)| age.as_secs_f64()).collect();
    let row = EXPIRE
        .one(
            client,
            &[&kinds, &seconds, &default_age.as_secs_f64(), &limit],
        )
        .await?;
    Ok(row.try_get(0)?)
}

// E-mails that another sender has claimed, and e-mails that wait for another attempt, count
// as sent, so that concurrent senders do not exceed a cap.
static COUNT_RECENT: Statement = Statement::new(
    "mail_outbox.count_recent",
    "select count(*) from mail_outbox
    where recipient = $1 and kind = any ($2) and id <> $3
        and created_at > now() - interval '1 day'
        and (sent_at > now() - interval '1 hour' or (sent_at is null and dropped is null
            and attempts > 0 and next_attempt_at < 'infinity'))",
);

/// Counts the other e-mails of some kinds to a recipient that were sent in the last hour, or
/// that another attempt may still send.
pub async fn count_recent(client: &Client, due: &DueMail, kinds: &[&str]) -> Result<i64> {
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let row = COUNT_RECENT
        .one(client, &[&due.recipient, &kinds, &due.id])
        .await?;
    Ok(row.try_get(0)?)
}

static COUNT_DUE: Statement = Statement::new(
    "mail_outbox.count_due",
    "select count(*) from (
        select 1 from mail_outbox
        where sent_at is null and dropped is null and next_attempt_at <= now() limit $1
    ) due",
);

/// Counts the due e-mails, up to `limit`.
pub async fn count_due(client: &Client, limit: i64) -> Result<i64> {
    Ok(COUNT_DUE.one(client, &[&limit]).await?.try_get(0)?)
}

/// The recipient of an e-mail that is not about a booking or an order.
#[derive(Clone, Debug)]
pub struct MailRecipient {
    /// The member's first name. Empty if the account is closed.
    pub first_name: String,
    /// Whether the address that the e-mail goes to is the member's confirmed one.
    pub is_confirmed: bool,
    /// The language of the e-mail.
    pub locale: Locale,
    /// Which e-mails the member wants.
    pub preferences: RecipientPreferences,
}

/// Whether a member wants an e-mail that can be switched off.
#[derive(Clone, Debug)]
pub struct RecipientPreferences {
    /// The categories that the member has switched off.
    pub muted: MutedCategories,
    /// Whether the e-mail goes to the member's present address.
    pub is_current_address: bool,
}

impl RecipientPreferences {
    fn from_row(row: &Row) -> Result<Self> {
        let categories: Vec<String> = row.try_get("muted_categories")?;
        Ok(Self {
            muted: MutedCategories::from_column(&categories),
            is_current_address: row.try_get("is_current_address")?,
        })
    }
}

static FIND_RECIPIENT: Statement = Statement::new(
    "mail_outbox.find_recipient",
    "select case when closed_at is null then first_name else '' end as first_name,
        email = $2 and email_verified_at is not null as is_confirmed, locale, muted_categories,
        email = $2 as is_current_address
    from users where id = $1",
);

/// Finds the recipient of an e-mail that goes to `address`. Returns `None` if the account was
/// deleted.
pub async fn find_recipient(
    client: &Client,
    id: Uuid,
    address: &str,
) -> Result<Option<MailRecipient>> {
    let row = FIND_RECIPIENT.opt(client, &[&id, &address]).await?;
    row.map(|row| {
        Ok(MailRecipient {
            first_name: row.try_get("first_name")?,
            is_confirmed: row.try_get("is_confirmed")?,
            locale: locale_from_column(row.try_get("locale")?)?.unwrap_or_default(),
            preferences: RecipientPreferences::from_row(&row)?,
        })
    })
    .transpose()
}

/// The booking that an e-mail is about.
#[derive(Clone, Debug)]
pub struct MailBooking {
    /// The member's id.
    pub user_id: Uuid,
    /// Which e-mails the member wants.
    pub preferences: RecipientPreferences,
    /// The occurrence's id.
    pub scheduled_class_id: Uuid,
    /// The booking's status.
    pub status: String,
    /// The member's first name. Empty if the account is closed.
    pub first_name: String,
    /// Whether the address that the e-mail goes to is the member's confirmed one.
    pub is_confirmed: bool,
    /// The language of the e-mail.
    pub locale: Locale,
    /// The title of the class.
    pub title: String,
    /// The room of the class.
    pub room: String,
    /// The instructor's name.
    pub instructor: String,
    /// When the class starts.
    pub start_time: DateTime<Utc>,
    /// When the class ends.
    pub end_time: DateTime<Utc>,
    /// Whether the class has started.
    pub has_started: bool,
    /// Whether the class is cancelled.
    pub class_is_cancelled: bool,
    /// Why the class is cancelled.
    pub class_cancellation_reason: Option<String>,
    /// Whether the booking was cancelled too late to be free of charge.
    pub is_late: bool,
    /// The time until which the booking can be cancelled free of charge. `None` for an
    /// entry on the waitlist.
    pub free_until: Option<DateTime<Utc>>,
    /// Whether the booking can still be cancelled free of charge.
    pub is_free_to_cancel: bool,
    /// The price of the booking.
    pub price: Money,
    /// The fee for the late cancellation or the no-show. Zero if there is none.
    pub fee: Money,
    /// What is still to be paid: the price or the fee. Zero if nothing is.
    pub amount_due: Money,
    /// The ISO 4217 code of the price's currency.
    pub currency: String,
    /// The latest payment for the booking.
    pub payment: Option<MailPayment>,
    /// The pass that pays for the booking.
    pub pass: Option<MailPass>,
    /// Whether the studio has given the spot for free.
    pub is_given: bool,
    /// What was refunded of the price of its course, or will be. `None` if it is not part of a course, or
    /// nothing is refunded.
    pub course_refund: Option<MailCourseRefund>,
}

/// What is refunded of the price of a course for the class of an e-mail.
#[derive(Clone, Debug)]
pub struct MailCourseRefund {
    /// The name of the course as it was sold.
    pub course: String,
    /// The amount.
    pub amount: Money,
    /// Whether it is not refunded yet.
    pub is_due: bool,
}

/// The pass that pays for the booking of an e-mail.
#[derive(Clone, Debug)]
pub struct MailPass {
    /// The name of the product as it was sold.
    pub name: String,
    /// Whether the booking uses a credit. `false` if it was given back.
    pub uses_credit: bool,
    /// The number of classes that are left. `None` if it is unlimited.
    pub credits_left: Option<i32>,
}

/// The payment that an e-mail is about.
#[derive(Clone, Debug)]
pub struct MailPayment {
    /// The payment's status.
    pub status: String,
    /// The payment method: `card` or `desk`.
    pub method: String,
    /// The amount of the payment.
    pub amount: Money,
    /// The sum of the refunds that are due or sent. If there are none, the amount that was
    /// refunded.
    pub refund: Money,
}

static FIND_BOOKING: Statement = Statement::new(
    "mail_outbox.find_booking",
    concat!(
        "select b.user_id, u.muted_categories, u.email = $3 as is_current_address,
        b.scheduled_class_id, b.status,
        case when u.closed_at is null then u.first_name else '' end as first_name,
        u.email = $3 and u.email_verified_at is not null as is_confirmed, u.locale,
        coalesce(c.own_title, t.name) as title, r.name as room, i.name as instructor,
        c.start_time, c.end_time, c.start_time <= $2 as has_started, c.is_cancelled as class_is_cancelled,
        c.cancellation_reason as class_cancellation_reason, b.late_cancellation as is_late,
        case when b.free_until is not null then least(b.free_until, c.start_time) end as free_until,
        b.free_until is null or b.free_until >= $2 as is_free_to_cancel,
        b.price, b.currency, coalesce(b.fee, 0) as fee, ",
        amount_due!(),
        " as amount_due, ",
        pass_name!("w"),
        " as pass_name, b.uses_credit, b.given_at is not null as is_given,
        w.credits - w.credits_used as credits_left,
        course.description as course_name,
        nullif(",
        course_refund!(),
        ", 0) as course_refund, b.course_share_state = 'due' as course_refund_is_due,
        p.status as payment_status, p.method as payment_method, p.amount as payment_amount,
        p.refund as payment_refund
    from bookings b
    join users u on u.id = b.user_id
    join scheduled_classes c on c.id = b.scheduled_class_id
    join class_types t on t.id = c.class_type_id
    join instructors i on i.id = c.instructor_id
    join rooms r on r.id = c.room_id
    left join passes w on w.id = b.pass_id
    left join order_lines l on l.id = w.order_line_id
    left join order_lines course on course.id = b.course_line_id
    left join orders course_order on course_order.id = course.order_id
    left join lateral (
        select p.method, p.amount, coalesce((
                select sum(amount) from refunds
                where payment_id = p.id and state in ('due', 'sent')
            ), p.refunded) as refund, ",
        shown_payment_status!(),
        " as status
        from payments p
        where booking_id = b.id order by created_at desc, id desc limit 1
    ) p on true
    where b.id = $1"
    ),
);

/// Finds the booking of an e-mail, in its current state. Returns `None` if the booking was
/// deleted.
pub async fn find_booking(
    client: &Client,
    id: Uuid,
    address: &str,
    now: DateTime<Utc>,
) -> Result<Option<MailBooking>> {
    let row = FIND_BOOKING.opt(client, &[&id, &now, &address]).await?;
    row.map(|row| booking_from_row(&row)).transpose()
}

fn booking_from_row(row: &Row) -> Result<MailBooking> {
    let price: Decimal = row.try_get("price")?;
    Ok(MailBooking {
        user_id: row.try_get("user_id")?,
        preferences: RecipientPreferences::from_row(row)?,
        scheduled_class_id: row.try_get("scheduled_class_id")?,
        status: row.try_get("status")?,
        first_name: row.try_get("first_name")?,
        is_confirmed: row.try_get("is_confirmed")?,
        locale: locale_from_column(row.try_get("locale")?)?.unwrap_or_default(),
        title: row.try_get("title")?,
        room: row.try_get("room")?,
        instructor: row.try_get("instructor")?,
        start_time: row.try_get("start_time")?,
        end_time: row.try_get("end_time")?,
        has_started: row.try_get("has_started")?,
        class_is_cancelled: row.try_get("class_is_cancelled")?,
        class_cancellation_reason: row.try_get("class_cancellation_reason")?,
        is_late: row.try_get("is_late")?,
        free_until: row.try_get("free_until")?,
        is_free_to_cancel: row.try_get("is_free_to_cancel")?,
        price: Money::from_column(price),
        fee: Money::from_column(row.try_get::<_, Decimal>("fee")?),
        amount_due: Money::from_column(row.try_get::<_, Decimal>("amount_due")?),
        currency: row.try_get("currency")?,
        payment: payment_from_row(row)?,
        pass: pass_from_row(row)?,
        is_given: row.try_get("is_given")?,
        course_refund: course_refund_from_row(row)?,
    })
}

fn pass_from_row(row: &Row) -> Result<Option<MailPass>> {
    let name: Option<String> = row.try_get("pass_name")?;
    name.map(|name| {
        Ok(MailPass {
            name,
            uses_credit: row.try_get("uses_credit")?,
            credits_left: row.try_get("credits_left")?,
        })
    })
    .transpose()
}

fn course_refund_from_row(row: &Row) -> Result<Option<MailCourseRefund>> {
    let amount: Option<Decimal> = row.try_get("course_refund")?;
    amount
        .map(|amount| {
            Ok(MailCourseRefund {
                course: row.try_get("course_name")?,
                amount: Money::from_column(amount),
                is_due: row.try_get("course_refund_is_due")?,
            })
        })
        .transpose()
}

fn payment_from_row(row: &Row) -> Result<Option<MailPayment>> {
    let status: Option<String> = row.try_get("payment_status")?;
    status
        .map(|status| {
            let amount: Decimal = row.try_get("payment_amount")?;
            let refund: Decimal = row.try_get("payment_refund")?;
            Ok(MailPayment {
                status,
                method: row.try_get("payment_method")?,
                amount: Money::from_column(amount),
                refund: Money::from_column(refund),
            })
        })
        .transpose()
}
