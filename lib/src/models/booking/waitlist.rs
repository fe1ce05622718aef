//! Promotion from the waitlist.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::error::Result;
use crate::models::member_event::{MemberEventKind, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::time_zone::TimeZone;

// Promotion is a separate statement from the cancellation, because a statement does not
// see waitlist entries that were committed while it waited for the lock.
//
// A class above its capacity has no free spot.
//
// A booking that was reopened after a late cancellation keeps its `free_until`.
static PROMOTE: Statement = Statement::new(
    "booking.promote",
    "with class as (
        select id, greatest(0, max_participants - current_participants) as free_spots,
            least(start_time, greatest(start_time - make_interval(secs => $4),
                $2 + make_interval(secs => $5))) as free_until
        from scheduled_classes
        where id = $1 and not is_cancelled and start_time > $2 + make_interval(secs => $3)
    ), next as (
        select id from bookings
        where scheduled_class_id = $1 and status = 'waitlisted'
        order by waitlist_position limit (select free_spots from class)
    ), promoted as (
        update bookings b set status = 'booked', waitlist_position = null,
            free_until = coalesce(b.free_until, class.free_until)
        from next, class where b.id = next.id
        returning b.id, b.user_id
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), u.email, 'booking_promoted',
            jsonb_build_object('bookingId', p.id, 'scheduledClassId', $1::uuid)
        from promoted p join users u on u.id = p.user_id
    )
    select p.id, p.user_id, c.start_time from promoted p, scheduled_classes c where c.id = $1",
);

// A statement of its own, because a statement cannot change a row twice.
static PAY_PROMOTED: Statement = Statement::new(
    "booking.pay_promoted",
    "select pay_with_pass(id, $2, null) from unnest($1::uuid[]) id",
);

/// Gives the free spots of an occurrence to the first members on its waitlist, and queues an
/// e-mail to each. A pass of the member pays if one can. A promoted member can cancel free of
/// charge for at least `FREE_CANCELLATION_GRACE_MINUTES`, but not after the start. Does nothing
/// in the last `WAITLIST_CUTOFF_HOURS` before the start. Returns the members' events, which the
/// caller records at the end of the transaction.
///
/// Must be called in a transaction that holds the occurrence's lock.
pub async fn promote(
    client: &Client,
    scheduled_class_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let rows = PROMOTE
        .all(
            client,
            &[
                &scheduled_class_id,
                &now,
                &studio.waitlist_cutoff.as_secs_f64(),
                &studio.cancellation_window.as_secs_f64(),
                &studio.free_cancellation_grace.as_secs_f64(),
            ],
        )
        .await?;
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let day = TimeZone::of_studio(studio)?.date(first.try_get("start_time")?);
    let ids: Result<Vec<Uuid>> = rows.iter().map(|row| Ok(row.try_get("id")?)).collect();
    PAY_PROMOTED.all(client, &[&ids?, &day]).await?;
    rows.iter()
        .map(|row| {
            let id: Uuid = row.try_get("id")?;
            Ok(NewMemberEvent {
                user_id: row.try_get("user_id")?,
                kind: MemberEventKind::BookingPromoted,
                data: json!({ "bookingId": id, "scheduledClassId": scheduled_class_id }),
            })
        })
        .collect()
}
