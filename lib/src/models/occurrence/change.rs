//! Creating, changing and cancelling occurrences, and notifying the members who
//! booked them.
//!
//! Every change of an occurrence goes through [`update`] or [`cancel`], whether staff change
//! one occurrence, a weekly class, or a closure.

mod lock;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::lock::{
    LockedOccurrence, lock, lock_for_cancellation, lock_timetable, lock_upcoming_between,
    lock_upcoming_of_weekly,
};
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::models::booking::{self, CHECK_IN_OPENS};
use crate::models::instructor;
use crate::models::member_event::{MemberEventKind, NewMemberEvent};
use crate::models::weekly_class::unknown_class_type;
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;
use crate::values::time_zone::TimeZone;

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
    /// The room's id.
    pub room_id: Uuid,
    /// The title. `None` for the class type's name.
    pub title: Option<String>,
    /// The description. `None` for the class type's description.
    pub description: Option<String>,
    /// The price. `None` for the class type's price.
    pub price: Option<Money>,
}

static INSERT: Statement = Statement::new(
    "occurrence.insert",
    "insert into scheduled_classes (id, class_type_id, instructor_id, own_title, description,
        start_time, end_time, max_participants, room_id, price_override)
    select $1, t.id, $3, $4, coalesce($5, ''), $6,
        $6 + make_interval(mins => coalesce($7, t.duration_minutes)),
        coalesce($8, t.max_participants), $9, $10
    from class_types t where t.id = $2 and t.is_active for share of t
    returning id",
);

/// Inserts an occurrence and returns its id.
///
/// # Errors
///
/// [`Error::Invalid`] when the class type or the instructor does not exist or is retired;
/// 409 `room_taken`, `instructor_taken`.
pub async fn insert(client: &Client, occurrence: &NewOccurrence) -> Result<Uuid> {
    let id = random::id();
    instructor::lock_active(client, occurrence.instructor_id, "occurrence").await?;
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
                &occurrence.room_id,
                &occurrence.price.map(Money::as_column),
            ],
        )
        .await
        .on_constraint("scheduled_classes_room_free", ROOM_TAKEN)
        .on_constraint("scheduled_classes_instructor_free", INSTRUCTOR_TAKEN)?
        .ok_or_else(|| unknown_class_type("occurrence"))?;
    Ok(id)
}

const ROOM_TAKEN: Error = Error::Conflict {
    code: ErrorCode::RoomTaken,
    message: "There is another class in this room at that time",
};

const INSTRUCTOR_TAKEN: Error = Error::Conflict {
    code: ErrorCode::InstructorTaken,
    message: "This instructor has another class at that time",
};

/// A booking, or an entry on a waitlist, of an occurrence that is about to change.
#[derive(Clone, Copy, Debug)]
pub struct AffectedBooking {
    /// The occurrence's id.
    pub occurrence_id: Uuid,
    /// The member's id.
    pub user_id: Uuid,
    /// Whether the member is on the waitlist.
    pub is_waitlisted: bool,
}

static LIST_AFFECTED: Statement = Statement::new(
    "occurrence.list_affected",
    "select scheduled_class_id, user_id, status = 'waitlisted' as is_waitlisted from bookings
    where scheduled_class_id = any($1) and status <> 'cancelled'",
);

/// Lists the active bookings (not cancelled) of these occurrences.
pub async fn list_affected(client: &Client, ids: &Vec<Uuid>) -> Result<Vec<AffectedBooking>> {
    let rows = LIST_AFFECTED.all(client, &[ids]).await?;
    let booking = |row: &Row| {
        Ok(AffectedBooking {
            occurrence_id: row.try_get("scheduled_class_id")?,
            user_id: row.try_get("user_id")?,
            is_waitlisted: row.try_get("is_waitlisted")?,
        })
    };
    rows.iter().map(booking).collect()
}

/// The changes to an occurrence. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct OccurrenceChanges {
    /// When the occurrence starts and ends.
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The instructor's id.
    pub instructor_id: Option<Uuid>,
    /// The room's id.
    pub room_id: Option<Uuid>,
    /// The title. `Some(None)` selects the class type's name.
    pub title: Option<Option<String>>,
    /// The description. An empty string selects the class type's description.
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
        room_id = coalesce($5, room_id),
        own_title = case when $6 then $7 else own_title end,
        description = coalesce($8, description),
        max_participants = coalesce($9, max_participants),
        price_override = case when $10 then $11 else price_override end,
        sequence = sequence + 1
    where id = $1
    returning start_time, end_time, instructor_id, room_id",
);

/// Changes a locked occurrence. A change of time, room or instructor notifies the members
/// who booked the occurrence or are on its waitlist. If the day, the room or the instructor
/// changes, or if the start moves by at least 15 minutes, these members can cancel free of
/// charge until the new start. Check-ins are undone if the class moves to a later time that is
/// more than an hour away. Additional spots are given to the members on the waitlist. Returns
/// the members' events, which the caller must record at the end of its transaction.
///
/// # Errors
///
/// [`Error::Invalid`] when a new instructor does not exist or is retired; 409 `room_taken`,
/// `instructor_taken`; 409 `places_taken` when more spots are taken than the new
/// number of spots.
pub async fn update(
    client: &Client,
    before: &LockedOccurrence,
    changes: &OccurrenceChanges,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    if let Some(id) = changes.instructor_id
        && id != before.instructor_id
    {
        instructor::lock_active(client, id, "occurrence").await?;
    }
    let row = UPDATE
        .one(
            client,
            &[
                &before.id,
                &changes.times.map(|(start, _)| start),
                &changes.times.map(|(_, end)| end),
                &changes.instructor_id,
                &changes.room_id,
                &changes.title.is_some(),
                &changes.title.clone().flatten(),
                &changes.description,
                &changes.max_participants,
                &changes.price.is_some(),
                &changes.price.flatten().map(Money::as_column),
            ],
        )
        .await
        .on_constraint("scheduled_classes_room_free", ROOM_TAKEN)
        .on_constraint("scheduled_classes_instructor_free", INSTRUCTOR_TAKEN)
        .on_constraint("scheduled_classes_places", PLACES_TAKEN)?;
    if allows_free_cancellation(before, &row, studio)? {
        ALLOW_FREE_CANCELLATION
            .execute(client, &[&before.id])
            .await?;
    }
    let start: DateTime<Utc> = row.try_get("start_time")?;
    if start > before.start_time && start > now + CHECK_IN_OPENS {
        booking::undo_check_ins(client, before.id).await?;
    }
    let mut events = Vec::new();
    for (kind, payload) in notifications(before, &row)? {
        events.extend(notify(client, before.id, kind, payload).await?);
    }
    events.extend(booking::promote(client, before.id, now, studio).await?);
    Ok(events)
}

const PLACES_TAKEN: Error = Error::Conflict {
    code: ErrorCode::PlacesTaken,
    message: "More spots are already taken than the new number of spots",
};

/// If the start moves by at least this much, members can cancel free of charge.
const MAJOR_START_CHANGE: TimeDelta = TimeDelta::minutes(15);

/// Returns whether a change is so large that members can cancel free of charge.
fn allows_free_cancellation(
    before: &LockedOccurrence,
    after: &Row,
    studio: &StudioConfig,
) -> Result<bool> {
    let start: DateTime<Utc> = after.try_get("start_time")?;
    let room_id: Uuid = after.try_get("room_id")?;
    let instructor: Uuid = after.try_get("instructor_id")?;
    let zone = TimeZone::of_studio(studio)?;
    let day = |time| zone.date(time);
    Ok((start - before.start_time).abs() >= MAJOR_START_CHANGE
        || day(start) != day(before.start_time)
        || room_id != before.room_id
        || instructor != before.instructor_id)
}

// A booking on the waitlist has no `free_until`, because the member can leave at any time. An
// exception is a reopened booking whose payment was kept, or one of a course. A trigger keeps a
// `free_until` that is already later. The share of a spot in a class of a course is refunded until
// then too. A booking on the waitlist keeps its state, because the member had given up the spot
// without a refund.
static ALLOW_FREE_CANCELLATION: Statement = Statement::new(
    "occurrence.allow_cancellation",
    "update bookings b set free_until = c.start_time,
        course_share_state = case
            when b.course_share_state = 'kept' and b.status <> 'waitlisted' then 'refundable'
            else b.course_share_state end
    from scheduled_classes c
    where c.id = $1 and b.scheduled_class_id = c.id and (b.status in ('booked', 'attended')
        or (b.status = 'waitlisted'
            and (b.free_until is not null or b.course_line_id is not null)))",
);

/// Returns the notifications that a change requires: the kind of each, and the payload of
/// its e-mail.
fn notifications(before: &LockedOccurrence, after: &Row) -> Result<Vec<(MemberEventKind, Value)>> {
    let (start, end): (DateTime<Utc>, DateTime<Utc>) =
        (after.try_get("start_time")?, after.try_get("end_time")?);
    let room_id: Uuid = after.try_get("room_id")?;
    let instructor: Uuid = after.try_get("instructor_id")?;
    let mut notifications = Vec::new();
    if (start, end) != (before.start_time, before.end_time) || room_id != before.room_id {
        let previous = json!({
            "startTime": before.start_time,
            "endTime": before.end_time,
            "room": before.room,
        });
        notifications.push((MemberEventKind::ClassMoved, json!({ "before": previous })));
    }
    if instructor != before.instructor_id {
        notifications.push((MemberEventKind::InstructorChanged, json!({})));
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
        select gen_random_uuid(), email, $2,
            jsonb_build_object('bookingId', id, 'scheduledClassId', $1::uuid) || $3
        from notified
    )
    select id, user_id from notified",
);

/// Queues an e-mail for every member who booked an occurrence or is on its waitlist.
/// Returns the members' events, which the caller must record at the end of its transaction.
async fn notify(
    client: &Client,
    id: Uuid,
    kind: MemberEventKind,
    payload: Value,
) -> Result<Vec<NewMemberEvent>> {
    let rows = NOTIFY.all(client, &[&id, &kind.as_str(), &payload]).await?;
    rows.iter()
        .map(|row| event_from_row(row, kind, id))
        .collect()
}

fn event_from_row(row: &Row, kind: MemberEventKind, occurrence_id: Uuid) -> Result<NewMemberEvent> {
    let booking_id: Uuid = row.try_get("id")?;
    Ok(NewMemberEvent {
        user_id: row.try_get("user_id")?,
        kind,
        data: json!({ "bookingId": booking_id, "scheduledClassId": occurrence_id }),
    })
}

// Also cancels the bookings of members who are checked in, and of members who did not come.
// The class does not take place, so earlier late cancellations no longer count as late, and
// their payments are refunded too. A trigger gives the credits back.
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
    ), excused as (
        update bookings set late_cancellation = false
        where scheduled_class_id = $1 and status = 'cancelled' and late_cancellation
    ), cancelled_payments as (
        update payments p set status = 'cancelled'
        from bookings b
        where b.scheduled_class_id = $1 and p.booking_id = b.id and p.status = 'pending'
    ), refunded as (
        insert into refunds (id, payment_id, amount, source, next_attempt_at)
        select gen_random_uuid(), p.id, p.amount - p.refunded, 'rule', $3
        from bookings b join payments p on p.booking_id = b.id
        where b.scheduled_class_id = $1 and p.status = 'paid' and p.refunded < p.amount
        order by p.id
        returning payment_id, state
    ), due as (
        select p.id, p.booking_id, p.user_id
        from refunded join payments p on p.id = refunded.payment_id
        where refunded.state = 'due'
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), u.email, 'class_cancelled',
            jsonb_build_object('bookingId', cancelled.id)
        from cancelled join users u on u.id = cancelled.user_id
    )
    select coalesce(cancelled.id, due.booking_id) as id,
        coalesce(cancelled.user_id, due.user_id) as user_id,
        cancelled.id is not null as was_cancelled, due.id as refunded_payment_id
    from cancelled full join due on due.booking_id = cancelled.id",
);

// Locks all passes in the order of their ids, so that two cancellations never wait for each other.
static LOCK_PASSES: Statement = Statement::new(
    "occurrence.lock_passes",
    "select p.id from passes p
    where p.id in (
        select b.pass_id from bookings b where b.scheduled_class_id = $1 and b.uses_credit)
    order by p.id for no key update",
);

// A statement of its own, because the cancellation can move the first day of a pass.
static EXTEND_PASSES: Statement = Statement::new(
    "occurrence.extend_passes",
    "with due as (
        select id, $2::date - last_day as days from passes
        where id = any($1) and status = 'live' and credits is not null and last_day < $2
    ), extended as (
        update passes p set extra_days = p.extra_days + due.days from due where p.id = due.id
    )
    insert into pass_changes (id, pass_id, change, number, reason)
    select gen_random_uuid(), id, 'add_days', days, 'A class was cancelled' from due",
);

/// For how many days after the cancellation of a class the credits for it can be used at least.
const CREDIT_DAYS: i64 = 14;

/// Cancels a locked occurrence and all its bookings. Their payments are refunded, even shortly
/// before the start. Their credits are given back, and can be used for at least fourteen days
/// after `today`, the studio's date. `reason` is for the members. The caller refunds the shares
/// in courses, when it has cancelled all occurrences
/// ([`refund_cancelled_classes`](crate::models::course::refund_cancelled_classes)). Returns the
/// number of bookings that were cancelled, and the members' events, which the caller must record at
/// the end of its transaction.
pub async fn cancel(
    client: &Client,
    before: &LockedOccurrence,
    reason: Option<&str>,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<(usize, Vec<NewMemberEvent>)> {
    let reason = reason.map(str::to_owned);
    let passes = LOCK_PASSES.all(client, &[&before.id]).await?;
    let rows = CANCEL.all(client, &[&before.id, &reason, &now]).await?;
    if !passes.is_empty() {
        let ids: Result<Vec<Uuid>> = passes.iter().map(|row| Ok(row.try_get("id")?)).collect();
        let good_until = today + TimeDelta::days(CREDIT_DAYS);
        EXTEND_PASSES.execute(client, &[&ids?, &good_until]).await?;
    }
    let mut events = Vec::new();
    let mut cancelled_count = 0;
    for row in &rows {
        let event = event_from_row(row, MemberEventKind::ClassCancelled, before.id)?;
        if let Some(payment_id) = row.try_get::<_, Option<Uuid>>("refunded_payment_id")? {
            events.push(NewMemberEvent {
                kind: MemberEventKind::PaymentRefundDue,
                data: json!({ "bookingId": event.data["bookingId"], "paymentId": payment_id }),
                ..event.clone()
            });
        }
        if row.try_get("was_cancelled")? {
            events.push(event);
            cancelled_count += 1;
        }
    }
    Ok((cancelled_count, events))
}
