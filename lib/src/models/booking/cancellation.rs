//! Cancelling bookings.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::errors::CLASS_STARTED;
use super::row::{Booking, find, lock_occurrence};
use super::waitlist::promote;
use crate::error::{Error, Result};
use crate::models::member_event::{self, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A booking to cancel.
#[derive(Clone, Debug)]
pub struct Cancellation {
    /// The booking's id.
    pub booking_id: Uuid,
    /// The member who must own the booking. `None` allows any member.
    pub owner: Option<Uuid>,
    /// The reason, if one was given.
    pub reason: Option<String>,
    /// Whether the deadlines are waived: the cancellation is never late, and is possible
    /// after the start. True for unpaid bookings that the system cancels, and for
    /// cancellations that staff mark as lenient.
    pub lenient: bool,
}

// A member on the waitlist has no `free_until` and can leave at any time. The exception is
// a booking that was cancelled late and reopened, because it keeps its `free_until`. A
// member who was checked in before the start can still cancel until the start.
//
// The refund waits for ten minutes, so that it can be withdrawn if the member books again.
static CANCEL: Statement = Statement::new(
    "booking.cancel",
    "with cancelled_booking as (
        update bookings set status = 'cancelled', waitlist_position = null, cancelled_at = $2,
            cancellation_reason = $3, late_cancellation = coalesce(free_until < $2, false) and not $4
        where id = $1 and (status in ('booked', 'waitlisted') or (status = 'attended' and $5))
        returning id, user_id, late_cancellation
    ), cancelled_payment as (
        update payments p set status = 'cancelled'
        from cancelled_booking
        where p.booking_id = cancelled_booking.id and p.status = 'pending'
    ), refund as (
        insert into refunds (id, payment_id, amount, source, next_attempt_at)
        select gen_random_uuid(), p.id, p.amount - p.refunded, 'rule', $2 + interval '10 minutes'
        from cancelled_booking join payments p on p.booking_id = cancelled_booking.id
        where p.status = 'paid' and p.refunded < p.amount
          and not cancelled_booking.late_cancellation
        returning payment_id, state
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), u.email, 'booking_cancelled',
            jsonb_strip_nulls(jsonb_build_object('bookingId', cancelled_booking.id, 'reason', $6))
        from cancelled_booking join users u on u.id = cancelled_booking.user_id
    )
    select user_id, (select payment_id from refund where state = 'due') as refund_due
    from cancelled_booking",
);

/// Cancels a booking and gives its spot to the first member on the waitlist. The payment is
/// refunded, unless the cancellation is late, which means after the booking's `free_until`.
/// Returns the cancelled booking. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the booking does not exist or belongs to another
/// member; 409 `class_started`; 409 `not_cancellable` when the booking is
/// already cancelled or the class was attended.
pub async fn cancel(
    client: &Client,
    cancellation: &Cancellation,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Booking> {
    let events = cancel_and_promote(client, cancellation, now, studio).await?;
    member_event::record(client, &events).await?;
    find(client, cancellation.booking_id).await
}

static UPCOMING_OF_MEMBER: Statement = Statement::new(
    "booking.upcoming_of_member",
    "select b.id from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.user_id = $1 and b.status in ('booked', 'waitlisted', 'attended') and c.start_time > $2
    order by c.id",
);

/// Cancels all upcoming bookings of a member whose account is being closed.
/// Must be called in a transaction.
pub async fn cancel_all_of(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<()> {
    let rows = UPCOMING_OF_MEMBER.all(client, &[&user_id, &now]).await?;
    let mut events = Vec::new();
    for row in &rows {
        let cancellation = Cancellation {
            booking_id: row.try_get("id")?,
            owner: Some(user_id),
            reason: None,
            lenient: false,
        };
        match cancel_and_promote(client, &cancellation, now, studio).await {
            Ok(booking_events) => events.extend(booking_events),
            // Another request has cancelled the booking.
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    member_event::record(client, &events).await
}

/// Cancels a booking and gives its spot to the waitlist. Returns the members' events,
/// which the caller must record at the end of its transaction.
async fn cancel_and_promote(
    client: &Client,
    cancellation: &Cancellation,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let id = cancellation.booking_id;
    let (class_id, start) = lock_occurrence(client, id, cancellation.owner).await?;
    if start <= now && !cancellation.lenient {
        return Err(CLASS_STARTED);
    }
    // The e-mail does not contain a reason that the member has given. Otherwise, anyone
    // could register with a stranger's e-mail address and send text to it.
    let reason_in_mail = match cancellation.owner {
        Some(_) => None,
        None => cancellation.reason.clone(),
    };
    let row = CANCEL
        .opt(
            client,
            &[
                &id,
                &now,
                &cancellation.reason,
                &cancellation.lenient,
                &(start > now),
                &reason_in_mail,
            ],
        )
        .await?
        .ok_or(NOT_CANCELLABLE)?;
    let user_id: Uuid = row.try_get("user_id")?;
    let event = |kind, data| NewMemberEvent {
        user_id,
        kind,
        data,
    };
    let cancelled = json!({ "bookingId": id, "scheduledClassId": class_id });
    let mut events = vec![event("booking_cancelled", cancelled)];
    if let Some(payment_id) = row.try_get::<_, Option<Uuid>>("refund_due")? {
        let refund_due = json!({ "bookingId": id, "paymentId": payment_id });
        events.push(event("payment_refund_due", refund_due));
    }
    events.extend(promote(client, class_id, now, studio).await?);
    Ok(events)
}

const NOT_CANCELLABLE: Error = Error::Conflict {
    code: "not_cancellable",
    message: "This booking can no longer be cancelled",
};
