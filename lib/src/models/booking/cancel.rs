//! Giving a place up, and who gets it.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::create::CLASS_STARTED;
use super::{Booking, find, lock_class};
use crate::error::{Error, Result};
use crate::models::member_event::{self, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A booking to be cancelled.
#[derive(Clone, Debug)]
pub struct Cancellation {
    /// Which.
    pub booking_id: Uuid,
    /// Whose it has to be; `None`: anybody's, for staff and for the house.
    pub owner: Option<Uuid>,
    /// As it was told.
    pub reason: Option<String>,
    /// Never late, whatever the time: the house gives up what was not paid, and
    /// staff may be lenient.
    pub lenient: bool,
}

// `late` is about a place: whoever only waited may leave at any time. Who was
// checked in ahead of a class that is to come has a place like any other.
static CANCEL: Statement = Statement::new(
    "booking.cancel",
    "with gone as (
        update bookings set status = 'cancelled', waitlist_position = null, cancelled_at = $2,
            cancellation_reason = $3, late_cancellation = status <> 'waitlisted' and $4
        where id = $1 and (status in ('booked', 'waitlisted') or (status = 'attended' and $5))
        returning id, user_id, late_cancellation
    ), settled as (
        update payments p
        set status = case p.status when 'pending' then 'cancelled' else 'refund_due' end
        from gone where p.booking_id = gone.id
          and (p.status = 'pending' or (p.status = 'paid' and not gone.late_cancellation))
        returning p.id, p.status
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), u.email, 'booking_cancelled',
            jsonb_build_object('bookingId', gone.id)
        from gone join users u on u.id = gone.user_id
    )
    select user_id, (select id from settled where status = 'refund_due') as refund_due from gone",
);

/// Cancels a booking and, in the same transaction, gives its place to whoever
/// waits first. To be called in a transaction. What a member has paid becomes
/// `refund_due`, unless it is too late for that. Returns the booking as it is
/// then.
///
/// # Errors
///
/// 404 for a booking that there is not, or that is somebody else's; 409
/// `class_started`, `not_cancellable` for one that is cancelled already, or
/// whose class was attended; [`Error::Unavailable`].
pub async fn cancel(
    client: &Client,
    cancellation: &Cancellation,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Booking> {
    let events = give_up(client, cancellation, now, studio).await?;
    member_event::record(client, &events).await?;
    find(client, cancellation.booking_id).await
}

static COMING: Statement = Statement::new(
    "booking.coming",
    "select b.id from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.user_id = $1 and b.status in ('booked', 'waitlisted', 'attended') and c.start_time > $2
    order by c.id",
);

/// Cancels all that a member has booked and that has not begun: whose account
/// is closed does not come. To be called in a transaction.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn cancel_all_of(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<()> {
    let rows = COMING.all(client, &[&user_id, &now]).await?;
    let mut events = Vec::new();
    for row in &rows {
        let cancellation = Cancellation {
            booking_id: row.try_get("id")?,
            owner: Some(user_id),
            reason: None,
            lenient: false,
        };
        match give_up(client, &cancellation, now, studio).await {
            Ok(told) => events.extend(told),
            // Somebody else has cancelled it in this moment.
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    member_event::record(client, &events).await
}

/// Returns what its caller has to tell the members.
async fn give_up(
    client: &Client,
    cancellation: &Cancellation,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let id = cancellation.booking_id;
    let (class_id, start) = lock_class(client, id, cancellation.owner).await?;
    if start <= now && !cancellation.lenient {
        return Err(CLASS_STARTED);
    }
    let late = now > start - studio.cancellation_window && !cancellation.lenient;
    let row = CANCEL
        .opt(
            client,
            &[&id, &now, &cancellation.reason, &late, &(start > now)],
        )
        .await?
        .ok_or(NOT_CANCELLABLE)?;
    let user_id: Uuid = row.try_get("user_id")?;
    let event = |kind, data| NewMemberEvent {
        user_id,
        kind,
        data,
    };
    let told = json!({ "bookingId": id, "scheduledClassId": class_id });
    let mut events = vec![event("booking_cancelled", told)];
    if let Some(payment_id) = row.try_get::<_, Option<Uuid>>("refund_due")? {
        let told = json!({ "bookingId": id, "paymentId": payment_id });
        events.push(event("payment_refund_due", told));
    }
    events.extend(promote(client, class_id, now, studio).await?);
    Ok(events)
}

const NOT_CANCELLABLE: Error = Error::Conflict {
    code: "not_cancellable",
    message: "This booking can no longer be cancelled",
};

// A statement of its own: that of the cancellation would not see who came to
// wait while it waited for the lock itself.
static PROMOTE: Statement = Statement::new(
    "booking.promote",
    "with class as (
        select id, max_participants - current_participants as free from scheduled_classes
        where id = $1 and not is_cancelled and start_time > $2 + make_interval(secs => $3)
    ), next as (
        select id from bookings
        where scheduled_class_id = $1 and status = 'waitlisted'
        order by waitlist_position limit (select free from class)
    ), promoted as (
        update bookings b set status = 'booked', waitlist_position = null
        from next, class where b.id = next.id
        returning b.id, b.user_id
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), u.email, 'booking_promoted',
            jsonb_build_object('bookingId', p.id)
        from promoted p join users u on u.id = p.user_id
    )
    select id, user_id from promoted",
);

/// Gives free places to those who wait, in the order in which they came; not
/// in the last hours before the start (`WAITLIST_CUTOFF_HOURS`). To be called
/// in a transaction that holds the lock of the occurrence. Returns what its
/// caller has to tell the members, as the last thing in the transaction.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn promote(
    client: &Client,
    scheduled_class_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let cutoff = studio.waitlist_cutoff.as_secs_f64();
    let rows = PROMOTE
        .all(client, &[&scheduled_class_id, &now, &cutoff])
        .await?;
    rows.iter()
        .map(|row| {
            let id: Uuid = row.try_get("id")?;
            Ok(NewMemberEvent {
                user_id: row.try_get("user_id")?,
                kind: "booking_promoted",
                data: json!({ "bookingId": id, "scheduledClassId": scheduled_class_id }),
            })
        })
        .collect()
}
