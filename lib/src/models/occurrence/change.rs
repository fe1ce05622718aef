//! Creating, changing and cancelling occurrences, and notifying the members who
//! booked them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::models::booking::{self, CLASS_CANCELLED, CLASS_STARTED};
use crate::models::member_event::{self, NewMemberEvent};
use crate::models::weekly_class::{unknown_class_type, unknown_instructor};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// An occurrence to create that does not belong to a weekly class.
#[derive(Clone, Debug)]
pub struct NewOccurrence {
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The instructor's id.
    pub instructor_id: Uuid,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// The duration. `None` for the class type's duration.
    pub duration_minutes: Option<i32>,
    /// The number of spots. `None` for the class type's number.
    pub max_participants: Option<i32>,
    /// The room.
    pub room: String,
    /// The title. `None` for the class type's name.
    pub title: Option<String>,
    /// The description. `None` for the class type's description.
    pub description: Option<String>,
    /// The price. `None` for the class type's price.
    pub price: Option<Money>,
}

static LOCK_TIMETABLE: Statement = Statement::new(
    "occurrence.lock_timetable",
    "select pg_advisory_xact_lock(hashtextextended('timetable', 0))",
);

/// Serializes transactions that change when and where occurrences take place.
///
/// Two transactions that need the same room would otherwise deadlock, because each
/// inserts its occurrence before it checks for others. Must be called before any other
/// lock is taken.
pub async fn lock_timetable(client: &Client) -> Result<()> {
    LOCK_TIMETABLE.execute(client, &[]).await
}

static INSERT: Statement = Statement::new(
    "occurrence.insert",
    "insert into scheduled_classes (id, class_type_id, instructor_id, title, description,
        start_time, end_time, max_participants, room, price_override)
    select $1, t.id, $3, coalesce($4, t.name), coalesce($5, ''), $6,
        $6 + make_interval(mins => coalesce($7, t.duration_minutes)),
        coalesce($8, t.max_participants), $9, $10
    from class_types t where t.id = $2 and t.is_active
    returning id",
);

/// Inserts an occurrence and returns its id.
///
/// # Errors
///
/// [`Error::Invalid`] when the class type or the instructor does not exist; 409
/// `room_taken`, `instructor_taken`.
pub async fn insert(client: &Client, occurrence: &NewOccurrence) -> Result<Uuid> {
    let id = random::id();
    INSERT
        .opt(
            client,
            &[
                &id,
                &occurrence.class_type_id,
                &occurrence.instructor_id,
                &occurrence.title,
                &occurrence.description,
                &occurrence.start_time,
                &occurrence.duration_minutes,
                &occurrence.max_participants,
                &occurrence.room,
                &occurrence.price.map(Money::as_column),
            ],
        )
        .await
        .on_constraint(
            "scheduled_classes_instructor_id_fkey",
            unknown_instructor("occurrence"),
        )
        .on_constraint("scheduled_classes_room_free", ROOM_TAKEN)
        .on_constraint("scheduled_classes_instructor_free", INSTRUCTOR_TAKEN)?
        .ok_or_else(|| unknown_class_type("occurrence"))?;
    Ok(id)
}

const ROOM_TAKEN: Error = Error::Conflict {
    code: "room_taken",
    message: "There is another class in this room at that time",
};

const INSTRUCTOR_TAKEN: Error = Error::Conflict {
    code: "instructor_taken",
    message: "This instructor has another class at that time",
};

/// An occurrence before a change, with its row locked.
#[derive(Clone, Debug)]
pub struct LockedOccurrence {
    /// The occurrence's id.
    pub id: Uuid,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// When the occurrence ends.
    pub end_time: DateTime<Utc>,
    instructor_id: Uuid,
    room: String,
}

static LOCK: Statement = Statement::new(
    "occurrence.lock",
    "select id, start_time, end_time, instructor_id, room, is_cancelled
    from scheduled_classes where id = $1 for no key update",
);

/// Locks an upcoming occurrence. Must be called in a transaction, before the
/// locks of its bookings are taken.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `class_cancelled`, `class_started`.
pub async fn lock(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<LockedOccurrence> {
    let row = LOCK.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    if row.try_get("is_cancelled")? {
        return Err(CLASS_CANCELLED);
    }
    let before = LockedOccurrence {
        id,
        start_time: row.try_get("start_time")?,
        end_time: row.try_get("end_time")?,
        instructor_id: row.try_get("instructor_id")?,
        room: row.try_get("room")?,
    };
    if before.start_time <= now {
        return Err(CLASS_STARTED);
    }
    Ok(before)
}

/// The changes to an occurrence. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct OccurrenceChanges {
    /// When the occurrence starts and ends.
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The instructor's id.
    pub instructor_id: Option<Uuid>,
    /// The room.
    pub room: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The description. An empty text selects the class type's description.
    pub description: Option<String>,
    /// The number of spots.
    pub max_participants: Option<i32>,
    /// The price. `Some(None)` selects the class type's price.
    pub price: Option<Option<Money>>,
}

static UPDATE: Statement = Statement::new(
    "occurrence.update",
    "update scheduled_classes set
        start_time = coalesce($2, start_time),
        end_time = coalesce($3, end_time),
        instructor_id = coalesce($4, instructor_id),
        room = coalesce($5, room),
        title = coalesce($6, title),
        description = coalesce($7, description),
        max_participants = coalesce($8, max_participants),
        price_override = case when $9 then $10 else price_override end,
        sequence = sequence + 1
    where id = $1
    returning start_time, end_time, instructor_id, room",
);

/// Changes a locked occurrence. A change of time, room or instructor notifies the members
/// who booked the occurrence or are on its waitlist. Additional spots go to the waitlist.
///
/// # Errors
///
/// [`Error::Invalid`] when the instructor does not exist; 409 `room_taken`,
/// `instructor_taken`; 409 `places_taken` when fewer spots would exist than are
/// taken.
pub async fn update(
    client: &Client,
    before: &LockedOccurrence,
    changes: &OccurrenceChanges,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<()> {
    let row = UPDATE
        .one(
            client,
            &[
                &before.id,
                &changes.times.map(|(start, _)| start),
                &changes.times.map(|(_, end)| end),
                &changes.instructor_id,
                &changes.room,
                &changes.title,
                &changes.description,
                &changes.max_participants,
                &changes.price.is_some(),
                &changes.price.flatten().map(Money::as_column),
            ],
        )
        .await
        .on_constraint(
            "scheduled_classes_instructor_id_fkey",
            unknown_instructor("occurrence"),
        )
        .on_constraint("scheduled_classes_room_free", ROOM_TAKEN)
        .on_constraint("scheduled_classes_instructor_free", INSTRUCTOR_TAKEN)
        .on_constraint("scheduled_classes_places", PLACES_TAKEN)?;
    let mut events = Vec::new();
    for (kind, payload) in notifications(before, &row)? {
        events.extend(notify(client, before.id, kind, payload).await?);
    }
    events.extend(booking::promote(client, before.id, now, studio).await?);
    member_event::record(client, &events).await
}

const PLACES_TAKEN: Error = Error::Conflict {
    code: "places_taken",
    message: "More spots are already taken",
};

/// Returns the notifications that a change requires: the kind of each, and the payload of
/// its mail.
fn notifications(before: &LockedOccurrence, after: &Row) -> Result<Vec<(&'static str, Value)>> {
    let (start, end): (DateTime<Utc>, DateTime<Utc>) =
        (after.try_get("start_time")?, after.try_get("end_time")?);
    let room: String = after.try_get("room")?;
    let instructor: Uuid = after.try_get("instructor_id")?;
    let mut notifications = Vec::new();
    if (start, end) != (before.start_time, before.end_time) || room != before.room {
        let previous = json!({
            "startTime": before.start_time,
            "endTime": before.end_time,
            "room": before.room,
        });
        notifications.push(("class_moved", json!({ "before": previous })));
    }
    if instructor != before.instructor_id {
        notifications.push(("instructor_changed", json!({})));
    }
    Ok(notifications)
}

static NOTIFY: Statement = Statement::new(
    "occurrence.notify",
    "with notified as (
        select b.id, b.user_id, u.email from bookings b join users u on u.id = b.user_id
        where b.scheduled_class_id = $1 and b.status <> 'cancelled'
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), email, $2, jsonb_build_object('bookingId', id) || $3
        from notified
    )
    select id, user_id from notified",
);

/// Queues a mail for every member who booked an occurrence or is on its waitlist. Returns
/// the members' events, which the caller must record at the end of its transaction.
async fn notify(
    client: &Client,
    id: Uuid,
    kind: &'static str,
    payload: Value,
) -> Result<Vec<NewMemberEvent>> {
    let rows = NOTIFY.all(client, &[&id, &kind, &payload]).await?;
    rows.iter()
        .map(|row| event_from_row(row, kind, id))
        .collect()
}

fn event_from_row(row: &Row, kind: &'static str, class_id: Uuid) -> Result<NewMemberEvent> {
    let booking_id: Uuid = row.try_get("id")?;
    Ok(NewMemberEvent {
        user_id: row.try_get("user_id")?,
        kind,
        data: json!({ "bookingId": booking_id, "scheduledClassId": class_id }),
    })
}

// Also cancels bookings of members who were already checked in, because the class has not
// started. Also refunds payments for late cancellations, because the class does not take
// place.
static CANCEL: Statement = Statement::new(
    "occurrence.cancel",
    "with class as (
        update scheduled_classes
        set is_cancelled = true, cancellation_reason = $2, sequence = sequence + 1
        where id = $1
    ), cancelled as (
        update bookings set status = 'cancelled', waitlist_position = null,
            cancelled_at = $3, cancellation_reason = $2
        where scheduled_class_id = $1 and status <> 'cancelled'
        returning id, user_id
    ), settled as (
        update payments p
        set status = case p.status when 'pending' then 'cancelled' else 'refund_due' end
        from bookings b
        where b.scheduled_class_id = $1 and p.booking_id = b.id and p.status in ('pending', 'paid')
        returning p.id, p.booking_id, p.user_id, p.status
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), u.email, 'class_cancelled',
            jsonb_build_object('bookingId', cancelled.id)
        from cancelled join users u on u.id = cancelled.user_id
    )
    select coalesce(cancelled.id, due.booking_id) as id,
        coalesce(cancelled.user_id, due.user_id) as user_id,
        cancelled.id is not null as was_cancelled, due.id as refund_due
    from cancelled full join (select * from settled where status = 'refund_due') due
        on due.booking_id = cancelled.id",
);

/// Cancels a locked occurrence and all its bookings. Returns the number of bookings that
/// were cancelled. Their payments become `refund_due`, even shortly before the start.
pub async fn cancel(
    client: &Client,
    before: &LockedOccurrence,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<usize> {
    let reason = reason.map(str::to_owned);
    let rows = CANCEL.all(client, &[&before.id, &reason, &now]).await?;
    let mut events = Vec::new();
    let mut cancelled_count = 0;
    for row in &rows {
        let event = event_from_row(row, "class_cancelled", before.id)?;
        if let Some(payment_id) = row.try_get::<_, Option<Uuid>>("refund_due")? {
            events.push(NewMemberEvent {
                kind: "payment_refund_due",
                data: json!({ "bookingId": event.data["bookingId"], "paymentId": payment_id }),
                ..event.clone()
            });
        }
        if row.try_get("was_cancelled")? {
            events.push(event);
            cancelled_count += 1;
        }
    }
    member_event::record(client, &events).await?;
    Ok(cancelled_count)
}
