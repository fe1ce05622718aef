//! Moving a booking to another occurrence.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::creation::{NewBooking, PayWith, decide};
use super::pass_locks::lock_passes;
use super::row::{Booking, find};
use super::waitlist::promote;
use crate::error::{Error, Result};
use crate::models::member_event::{self, MemberEventKind, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

// The lock of `book_class`, which every move takes. Under it, the booking stays where it is.
static LOCK_MEMBERS_BOOKINGS: Statement = Statement::new(
    "booking.lock_members_bookings",
    "select pg_advisory_xact_lock(hashtextextended('bookings ' || user_id, 0))
    from bookings where id = $1",
);

// A previous version of the program also sends this kind of e-mail.
static MAIL: Statement = Statement::new(
    "booking.mail_move",
    "insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email, 'class_moved',
        jsonb_build_object('bookingId', b.id, 'before', $2::jsonb)
    from bookings b join users u on u.id = b.user_id
    where b.id = $1",
);

// Finds a payment that was kept after a late cancellation, or whose refund was not sent yet.
// Booking the occurrence again would reuse the same payment. `find_reusable_payment` locks it.
static FIND_KEPT_PAYMENT: Statement = Statement::new(
    "booking.find_kept_payment",
    "select kept.id from bookings b, find_reusable_payment(b.user_id, b.scheduled_class_id, true) kept
    where b.id = $1 and b.price > 0 and kept.id is not null and not exists (
        select from payments p where p.booking_id = b.id and p.status = 'paid')",
);

static CANCEL_PENDING_PAYMENT: Statement = Statement::new(
    "booking.cancel_pending_payment",
    "update payments set status = 'cancelled', next_attempt_at = now()
    where booking_id = $1 and status = 'pending'",
);

// The last payment of a booking counts, so `created_at` must be later than that of the booking's
// other payments.
static TAKE_OVER_PAYMENT: Statement = Statement::new(
    "booking.take_over_payment",
    "with payment as (
        update payments p set booking_id = $1,
            created_at = case when exists (
                select from payments o where o.booking_id = $1 and o.created_at >= p.created_at
            ) then clock_timestamp() else p.created_at end
        where p.id = $2 returning p.amount, p.currency
    )
    update bookings b set price = payment.amount, currency = payment.currency
    from payment where b.id = $1",
);

// A refund that the bank has returned is not listed any more, because the payment pays again.
static RESOLVE_REFUND: Statement = Statement::new(
    "booking.resolve_refund",
    "update refunds set resolved_at = clock_timestamp()
    where payment_id = $1 and state = 'failed' and resolved_at is null and source = 'rule'",
);

// This is a statement of its own, because a trigger updates the payment.
static WITHDRAW_REFUND: Statement = Statement::new(
    "booking.withdraw_refund",
    "update refunds set state = 'withdrawn' where payment_id = $1 and state = 'due'",
);

/// Lets an unpaid booking take over the payment that the member has already made for the
/// occurrence, with its price, so that the member does not pay twice. Such a payment belongs to
/// a cancelled booking. A pending payment of the moved booking is cancelled.
async fn take_over_kept_payment(client: &Client, booking_id: Uuid) -> Result<()> {
    let Some(kept) = FIND_KEPT_PAYMENT.opt(client, &[&booking_id]).await? else {
        return Ok(());
    };
    let payment_id: Uuid = kept.try_get("id")?;
    CANCEL_PENDING_PAYMENT
        .execute(client, &[&booking_id])
        .await?;
    TAKE_OVER_PAYMENT
        .execute(client, &[&booking_id, &payment_id])
        .await?;
    RESOLVE_REFUND.execute(client, &[&payment_id]).await?;
    WITHDRAW_REFUND.execute(client, &[&payment_id]).await
}

// A statement of its own, because the constraint of the pass allows the other booking to use the
// credit only after this one has released it.
static RELEASE_USED_CREDIT: Statement = Statement::new(
    "booking.release_used_credit",
    "update bookings kept set uses_credit = false
    from bookings b, passes p
    where b.id = $1 and b.price > 0 and kept.user_id = b.user_id
      and kept.scheduled_class_id = b.scheduled_class_id and kept.status = 'cancelled'
      and kept.uses_credit and p.id = kept.pass_id and p.status = 'live'
      and not exists (select from payments where booking_id = b.id and status = 'paid')
    returning kept.pass_id, kept.pass_day",
);

static TAKE_OVER_CREDIT: Statement = Statement::new(
    "booking.take_over_credit",
    "update bookings set pass_id = $2, uses_credit = true, pass_day = $3,
        price_without_pass = price, price = 0
    where id = $1",
);

/// Lets an unpaid booking take over the credit that a late cancellation for the same occurrence has
/// used up.
async fn take_over_used_credit(client: &Client, booking_id: Uuid) -> Result<()> {
    let Some(kept) = RELEASE_USED_CREDIT.opt(client, &[&booking_id]).await? else {
        return Ok(());
    };
    let (pass_id, day): (Uuid, NaiveDate) = (kept.try_get("pass_id")?, kept.try_get("pass_day")?);
    CANCEL_PENDING_PAYMENT
        .execute(client, &[&booking_id])
        .await?;
    TAKE_OVER_CREDIT
        .execute(client, &[&booking_id, &pass_id, &day])
        .await
}

// The member may have cancelled the occurrence late before. What was paid for the fee goes back,
// because the moved booking has its own payment.
static CLEAR_FEES: Statement = Statement::new(
    "booking.clear_fees_of_class",
    "with cleared as (
        update bookings late set fee = null
        from bookings b
        where b.id = $1 and late.user_id = b.user_id
          and late.scheduled_class_id = b.scheduled_class_id and late.status = 'cancelled'
          and late.fee > 0
        returning late.id
    ), cancelled as (
        update payments p set status = 'cancelled', next_attempt_at = now()
        from cleared where p.booking_id = cleared.id and p.status = 'pending'
    )
    insert into refunds (id, payment_id, amount, source, next_attempt_at)
    select gen_random_uuid(), p.id, p.amount - p.refunded, 'rule', $2
    from cleared join payments p on p.booking_id = cleared.id
    where p.status = 'paid' and p.refunded < p.amount",
);

/// Moves a booking to a spot in another occurrence, for staff. The booking keeps its price and
/// its payment or pass, and can be cancelled free of charge for at least as long as before. If
/// it is unpaid, and the member has already paid for the other occurrence, it takes over that
/// payment and its price, or the credit. Until the booking's deadline, even a payment that was
/// kept after a late cancellation is then refunded, because no deadline moves earlier. A fee for
/// cancelling the other occurrence late is cleared. The spot that becomes free goes to the
/// waitlist. The member is notified. Returns the id of the occurrence that the booking leaves.
/// Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the booking or the occurrence does not exist, or the member's
/// account is closed; 409 `not_movable` when the booking has no spot, or attendance was
/// recorded; 409 `class_full`, `class_cancelled`, `class_over`, `already_booked`,
/// `overlapping_booking`.
pub async fn move_to(
    client: &Client,
    booking_id: Uuid,
    scheduled_class_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Uuid> {
    let lock = LOCK_MEMBERS_BOOKINGS.opt(client, &[&booking_id]).await?;
    lock.ok_or(Error::NotFound)?;
    let before = find(client, booking_id).await?;
    let target = NewBooking {
        user_id: before.user_id,
        scheduled_class_id,
        join_waitlist: false,
        by_staff: true,
        beyond_capacity: false,
        pay_with: PayWith::Any,
    };
    decide(client, &target, Some(booking_id), now, studio).await?;
    lock_passes(client, vec![booking_id], Vec::new()).await?;
    take_over_kept_payment(client, booking_id).await?;
    take_over_used_credit(client, booking_id).await?;
    CLEAR_FEES.execute(client, &[&booking_id, &now]).await?;
    MAIL.execute(client, &[&booking_id, &previous(&before)])
        .await?;
    let mut events = vec![NewMemberEvent {
        user_id: before.user_id,
        kind: MemberEventKind::BookingMoved,
        data: json!({ "bookingId": booking_id, "scheduledClassId": scheduled_class_id }),
    }];
    events.extend(promote(client, before.scheduled_class_id, now, studio).await?);
    member_event::record(client, &events).await?;
    Ok(before.scheduled_class_id)
}

/// Returns what the e-mail says about the booking before the move.
fn previous(before: &Booking) -> Value {
    json!({
        "title": before.title,
        "startTime": before.start_time,
        "endTime": before.end_time,
        "room": before.room,
    })
}
