//! Moving a booking to another occurrence.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::creation::{NewBooking, decide};
use super::errors::NOT_MOVABLE;
use super::row::{Booking, BookingStatus, find};
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

/// Moves a booking to a spot in another occurrence, for staff. The booking keeps its price
/// and its payment, and can be cancelled free of charge for at least as long as before. The
/// spot that becomes free goes to the waitlist. The member is notified. Returns the id of the
/// occurrence that the booking leaves. Must be called in a transaction.
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
    if before.status != BookingStatus::Booked {
        return Err(NOT_MOVABLE);
    }
    let target = NewBooking {
        user_id: before.user_id,
        scheduled_class_id,
        join_waitlist: false,
        by_staff: true,
    };
    decide(client, &target, Some(booking_id), now, studio).await?;
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
