//! Taking a place, or a place in the line for one.

use chrono::{DateTime, Utc};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Booking, booking_columns, find};
use crate::config::StudioConfig;
use crate::db::Statement;
use crate::error::{Error, OnConstraint, Result};
use crate::random;

/// A booking to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewBooking {
    /// For whom.
    pub user_id: Uuid,
    /// For which occurrence.
    pub scheduled_class_id: Uuid,
    /// Whether to wait when there is no place.
    pub join_waitlist: bool,
}

// All in one statement. Whoever comes at the same time waits for the lock of
// the occurrence and then sees, in its row alone, what the others left; whoever
// would only learn that it is full does not wait. The count itself is kept by a
// trigger, and bounded by a constraint. Only the ticket is drawn under the lock
// as well, so that tickets rise in the order of arrival.
//
// A member who waits, and asks again when there is a place, moves up into it:
// that can be after the time when places go by themselves to those who wait.
static CREATE: Statement = Statement::new(
    "booking.create",
    concat!(
        "with member as (
            select id, email from users where id = $2 and is_active
        ), class as (
            select c.id, c.start_time, c.is_cancelled,
                c.current_participants < c.max_participants as has_place,
                coalesce(c.price_override, t.price_per_class) as price
            from scheduled_classes c join class_types t on t.id = c.class_type_id
            where c.id = $3 and ($4 or c.current_participants < c.max_participants
                or c.is_cancelled or c.start_time <= $5)
            for no key update of c
        ), decided as (
            select class.*, case
                when class.is_cancelled then 'class_cancelled'
                when class.start_time <= $5 then 'class_started'
                when class.has_place then 'booked'
                when not $4 then 'class_full'
                when class.start_time <= $5 + make_interval(secs => $6) then 'waitlist_closed'
                else 'waitlisted' end as outcome
            from class
        ), moved as (
            update bookings b set status = 'booked', waitlist_position = null
            from decided where decided.outcome = 'booked' and b.status = 'waitlisted'
              and b.user_id = $2 and b.scheduled_class_id = decided.id
            returning b.*
        ), made as (
            insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position,
                price, currency, booked_at)
            select $1, member.id, decided.id, decided.outcome,
                case decided.outcome when 'waitlisted' then nextval('waitlist_tickets') end,
                decided.price, $7, $5
            from decided, member
            where decided.outcome in ('booked', 'waitlisted') and not exists (select from moved)
            returning *
        ), booking as (
            select * from moved union all select * from made
        ), mailed as (
            insert into mail_outbox (id, recipient, kind, payload)
            select gen_random_uuid(), member.email,
                case b.status when 'booked' then 'booking_confirmed' else 'booking_waitlisted' end,
                jsonb_build_object('bookingId', b.id)
            from booking b, member
        ), told as (
            insert into member_events (id, user_id, kind, data)
            select gen_random_uuid(), b.user_id,
                case b.status when 'booked' then 'booking_confirmed' else 'booking_waitlisted' end,
                jsonb_build_object('bookingId', b.id, 'scheduledClassId', b.scheduled_class_id)
            from booking b
        )
        select coalesce((select outcome from decided), 'class_full') as outcome,
            exists (select from member) as is_member,
            exists (select from bookings mine where mine.user_id = $2
                and mine.scheduled_class_id = $3 and mine.status <> 'cancelled') as has_booking, ",
        booking_columns!(),
        ", null::bigint as waitlist_position, null::text as payment_status
        from scheduled_classes c
        join instructors i on i.id = c.instructor_id
        left join booking b on true
        where c.id = $3"
    ),
);

/// Books a place, or joins the waitlist where that is wished and there is none.
/// Mail and event are written with it.
///
/// # Errors
///
/// 404 for a class that there is not; 409 `class_full`, `class_cancelled`,
/// `class_started`, `waitlist_closed`, `already_booked`; [`Error::SessionGone`]
/// for a member whose account is closed; [`Error::Unavailable`].
pub async fn create(
    client: &Client,
    new: NewBooking,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Booking> {
    let row = CREATE
        .opt(
            client,
            &[
                &random::id(),
                &new.user_id,
                &new.scheduled_class_id,
                &new.join_waitlist,
                &now,
                &studio.waitlist_cutoff.as_secs_f64(),
                &studio.currency,
            ],
        )
        .await
        .on_constraint("bookings_active_key", ALREADY_BOOKED)?
        .ok_or(Error::NotFound)?;
    let outcome: String = row.try_get("outcome")?;
    match outcome.as_str() {
        "booked" | "waitlisted" if !row.try_get("is_member")? => Err(Error::SessionGone),
        "booked" => Booking::from_row(&row),
        // The rank is counted afterwards: this statement does not see who
        // came while it waited.
        "waitlisted" => find(client, row.try_get("id")?).await,
        "class_full" if row.try_get("has_booking")? => Err(ALREADY_BOOKED),
        "class_full" => Err(CLASS_FULL),
        "class_cancelled" => Err(CLASS_CANCELLED),
        "class_started" => Err(CLASS_STARTED),
        "waitlist_closed" => Err(WAITLIST_CLOSED),
        _ => Err(Error::internal("an outcome of booking that is not known")),
    }
}

const ALREADY_BOOKED: Error = Error::Conflict {
    code: "already_booked",
    message: "There is a booking for this class already",
};

const CLASS_FULL: Error = Error::Conflict {
    code: "class_full",
    message: "This class is full",
};

pub(in crate::models) const CLASS_CANCELLED: Error = Error::Conflict {
    code: "class_cancelled",
    message: "This class has been cancelled",
};

pub(in crate::models) const CLASS_STARTED: Error = Error::Conflict {
    code: "class_started",
    message: "This class has already begun",
};

const WAITLIST_CLOSED: Error = Error::Conflict {
    code: "waitlist_closed",
    message: "It is too late to wait for a place in this class",
};
