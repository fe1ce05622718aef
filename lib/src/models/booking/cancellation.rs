//! Cancelling bookings.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::errors::CLASS_STARTED;
use super::pass_locks::lock_passes;
use super::row::{Booking, BookingStatus, find, lock_occurrence};
use super::waitlist::promote;
use crate::error::{Error, ErrorCode, Result};
use crate::models::member_event::{self, MemberEventKind, NewMemberEvent};
use crate::models::{course, ids};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A booking to cancel.
#[derive(Clone, Debug)]
pub struct Cancellation {
    /// The booking's id.
    pub booking_id: Uuid,
    /// Who cancels the booking.
    pub by: CancelledBy,
    /// The reason, if one was given.
    pub reason: Option<String>,
}

/// Who cancels a booking. This decides until when it can be cancelled.
#[derive(Clone, Copy, Debug)]
pub enum CancelledBy {
    /// The member with this id, who must own the booking. They can cancel until the start,
    /// unless they are checked in.
    Member(Uuid),
    /// The member with this id, whose account is being closed or deactivated. A check-in does
    /// not matter.
    ClosedAccount(Uuid),
    /// The studio, which can also cancel after the start.
    Studio {
        /// Whether the cancellation is never late. This applies to unpaid bookings that the
        /// system cancels, and to cancellations for which staff request it.
        lenient: bool,
    },
}

impl CancelledBy {
    fn owner(self) -> Option<Uuid> {
        match self {
            Self::Member(id) | Self::ClosedAccount(id) => Some(id),
            Self::Studio { .. } => None,
        }
    }
}

// A booking on the waitlist has no `free_until`, so its cancellation is never late. The
// exception is a booking that was cancelled late and reopened, because it keeps its
// `free_until`. If the class or the booking has moved to an earlier time, `free_until` can be
// after the start. The start is then the deadline.
//
// The share in a course is due if the cancellation is lenient, or if the studio has changed the class
// and the member cancels before the start.
//
// The money that exceeds the fee of a late cancellation is refunded. The refund waits for ten
// minutes, so that it can be withdrawn if the member books again. A share that is due because the
// member has cancelled waits as long: the clean-up refunds it.
static CANCEL: Statement = Statement::new(
    "booking.cancel",
    "with late as (
        select free_until is not null and least(free_until, $7) < $2 and not $4 as is_late
        from bookings where id = $1
    ), cancelled_booking as (
        update bookings b set status = 'cancelled', waitlist_position = null, cancelled_at = $2,
            cancellation_reason = $3,
            late_cancellation = late.is_late,
            course_share_state = case
                when b.course_share_state = 'closed' then 'closed'
                when b.course_line_id is not null and ($4
                    or (b.course_share_state = 'refundable' and not late.is_late)) then 'due'
                else b.course_share_state end,
            fee = case when late.is_late then booking_fee(b, $8) end
        from late
        where b.id = $1 and (b.status in ('booked', 'waitlisted') or (b.status = 'attended' and $5))
        returning b.id, b.user_id, coalesce(b.fee, 0) as fee,
            coalesce(b.course_share_state = 'due', false) and not $9 as is_share_due
    ), cancelled_payment as (
        update payments p set status = 'cancelled'
        from cancelled_booking
        where p.booking_id = cancelled_booking.id and p.status = 'pending'
    ), refund as (
        insert into refunds (id, payment_id, amount, source, next_attempt_at)
        select gen_random_uuid(), p.id, p.amount - p.refunded - cancelled_booking.fee, 'rule',
            $2 + interval '10 minutes'
        from cancelled_booking join payments p on p.booking_id = cancelled_booking.id
        where p.status = 'paid' and p.refunded + cancelled_booking.fee < p.amount
        returning payment_id, state
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), u.email, 'booking_cancelled',
            jsonb_strip_nulls(jsonb_build_object('bookingId', cancelled_booking.id, 'reason', $6))
        from cancelled_booking join users u on u.id = cancelled_booking.user_id
    )
    select user_id, is_share_due, (select payment_id from refund where state = 'due') as refund_due
    from cancelled_booking",
);

/// Cancels a booking and gives its spot to the first member on the waitlist, unless the waitlist
/// has closed ([`promote`]). The payment is refunded. A late cancellation, which means after the
/// booking's `free_until` or after the start, costs `LATE_CANCEL_FEE`: what was paid beyond it is
/// refunded, and a member who has not paid owes it. A lenient cancellation is never late. Nothing is
/// refunded for a class of a course, unless the cancellation is lenient or the studio has changed the
/// class. Returns the cancelled booking. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the booking does not exist or belongs to another
/// member; 409 `class_started` when a member cancels after the start; 409 `checked_in` when
/// the member is checked in; 409 `not_cancellable` when the booking is already cancelled or
/// the member did not come.
pub async fn cancel(
    client: &Client,
    cancellation: &Cancellation,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Booking> {
    let (mut events, is_share_due) = cancel_and_promote(client, cancellation, now, studio).await?;
    if is_share_due {
        let ids = vec![cancellation.booking_id];
        events.extend(course::refund_cancelled_bookings(client, &ids, now).await?);
    }
    member_event::record(client, &events).await?;
    find(client, cancellation.booking_id).await
}

// The orders that are not paid are cancelled after the bookings, so their classes are locked with
// those of the bookings.
static LOCK_CLASSES_OF_MEMBER: Statement = Statement::new(
    "booking.lock_classes_of_member",
    "select id from scheduled_classes
    where id in (
        select c.id from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.user_id = $1 and b.status in ('booked', 'waitlisted', 'attended')
          and c.start_time > $2
        union all
        select b.scheduled_class_id from orders o join order_lines l on l.order_id = o.id
        join bookings b on b.course_line_id = l.id
        where o.user_id = $1 and o.state = 'open'
    )
    order by id for no key update",
);

static OF_MEMBER: Statement = Statement::new(
    "booking.of_member",
    "select b.id, b.status in ('booked', 'waitlisted', 'attended') and c.start_time > $2
        as is_upcoming
    from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.user_id = $1 and (
        (b.status in ('booked', 'waitlisted', 'attended') and c.start_time > $2)
        or exists (select from order_lines l join orders o on o.id = l.order_id
            where l.id = b.course_line_id and o.state = 'open'))
    order by c.id",
);

/// Cancels all upcoming bookings of a member whose account is being closed or deactivated. Also locks
/// the classes of the orders that are not paid, which are cancelled next. Must be called in a
/// transaction. Returns the members' events, which the caller records at the end of it.
pub async fn cancel_all_of(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    LOCK_CLASSES_OF_MEMBER
        .all(client, &[&user_id, &now])
        .await?;
    let rows = OF_MEMBER.all(client, &[&user_id, &now]).await?;
    lock_passes(client, ids(&rows)?, Vec::new()).await?;
    let mut share_due = Vec::new();
    let mut events = Vec::new();
    for row in &rows {
        if !row.try_get::<_, bool>("is_upcoming")? {
            continue;
        }
        let cancellation = Cancellation {
            booking_id: row.try_get("id")?,
            by: CancelledBy::ClosedAccount(user_id),
            reason: None,
        };
        match cancel_and_promote(client, &cancellation, now, studio).await {
            Ok((booking_events, is_share_due)) => {
                events.extend(booking_events);
                share_due.extend(is_share_due.then_some(cancellation.booking_id));
            }
            // Another request has cancelled the booking.
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    events.extend(course::refund_cancelled_bookings(client, &share_due, now).await?);
    Ok(events)
}

/// Cancels a booking and gives its spot to the waitlist. Returns the members' events,
/// which the caller must record at the end of its transaction, and whether its share in a course must
/// be refunded at once, which the caller does before.
async fn cancel_and_promote(
    client: &Client,
    cancellation: &Cancellation,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<(Vec<NewMemberEvent>, bool)> {
    let (id, by) = (cancellation.booking_id, cancellation.by);
    // The passes are locked after the class, in the same round trip.
    let ((class_id, start), ()) = tokio::try_join!(
        biased;
        lock_occurrence(client, id, by.owner()),
        lock_passes(client, vec![id], Vec::new()),
    )?;
    let is_studio = matches!(by, CancelledBy::Studio { .. });
    if start <= now && !is_studio {
        return Err(CLASS_STARTED);
    }
    // The e-mail does not contain a reason that the member has given. Otherwise, anyone
    // could register with a stranger's e-mail address and send text to it.
    let reason_in_mail = cancellation.reason.clone().filter(|_| is_studio);
    let row = CANCEL
        .opt(
            client,
            &[
                &id,
                &now,
                &cancellation.reason,
                &matches!(by, CancelledBy::Studio { lenient: true }),
                &matches!(by, CancelledBy::ClosedAccount(_)),
                &reason_in_mail,
                &start,
                &studio.late_cancel_fee.map(Money::as_column),
                &matches!(by, CancelledBy::Member(_)),
            ],
        )
        .await?;
    let Some(row) = row else {
        let is_checked_in = find(client, id).await?.status == BookingStatus::Attended;
        return Err(match is_checked_in {
            true if is_studio => UNDO_CHECK_IN_FIRST,
            true => CHECKED_IN,
            false => NOT_CANCELLABLE,
        });
    };
    let user_id: Uuid = row.try_get("user_id")?;
    let event = |kind, data| NewMemberEvent {
        user_id,
        kind,
        data,
    };
    let cancelled = json!({ "bookingId": id, "scheduledClassId": class_id });
    let mut events = vec![event(MemberEventKind::BookingCancelled, cancelled)];
    if let Some(payment_id) = row.try_get::<_, Option<Uuid>>("refund_due")? {
        let refund_due = json!({ "bookingId": id, "paymentId": payment_id });
        events.push(event(MemberEventKind::PaymentRefundDue, refund_due));
    }
    events.extend(promote(client, class_id, now, studio).await?);
    Ok((events, row.try_get("is_share_due")?))
}

const CHECKED_IN: Error = Error::Conflict {
    code: ErrorCode::CheckedIn,
    message: "You are checked in for this class; please ask at the desk to cancel",
};

const UNDO_CHECK_IN_FIRST: Error = Error::Conflict {
    code: ErrorCode::CheckedIn,
    message: "The member is checked in; undo the check-in first",
};

const NOT_CANCELLABLE: Error = Error::Conflict {
    code: ErrorCode::NotCancellable,
    message: "This booking can no longer be cancelled",
};
