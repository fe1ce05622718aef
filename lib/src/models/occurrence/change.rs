//! What staff change in the timetable, and whom it concerns.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::models::booking;
use crate::models::class_schedule::{no_class_type, no_instructor};
use crate::models::member_event::{self, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A class of its own, of no pattern.
#[derive(Clone, Debug)]
pub struct NewOccurrence {
    /// What is taught.
    pub class_type_id: Uuid,
    /// Who teaches it.
    pub instructor_id: Uuid,
    /// When it begins.
    pub start_time: DateTime<Utc>,
    /// `None`, here and below: as its class type has it.
    pub duration_minutes: Option<i32>,
    /// How many may come.
    pub max_participants: Option<i32>,
    /// Where it is.
    pub room: String,
    /// What it is called.
    pub title: Option<String>,
    /// What is told of it.
    pub description: Option<String>,
    /// What it costs.
    pub price: Option<Money>,
}

static LOCK_TIMETABLE: Statement = Statement::new(
    "occurrence.lock_timetable",
    "select pg_advisory_xact_lock(hashtextextended('timetable', 0))",
);

/// Makes one transaction at a time change when and where classes are. Two that
/// want the same place would else wait for each other: each has entered its
/// class before it looks for others. To be called before all else.
///
/// # Errors
///
/// [`Error::Unavailable`].
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

/// Enters a class. Returns its id.
///
/// # Errors
///
/// 400 for a class type or an instructor that there is not; 409 `room_taken`,
/// `instructor_taken`; [`Error::Unavailable`].
pub async fn insert(client: &Client, new: &NewOccurrence) -> Result<Uuid> {
    let id = random::id();
    INSERT
        .opt(
            client,
            &[
                &id,
                &new.class_type_id,
                &new.instructor_id,
                &new.title,
                &new.description,
                &new.start_time,
                &new.duration_minutes,
                &new.max_participants,
                &new.room,
                &new.price.map(Money::as_column),
            ],
        )
        .await
        .on_constraint(
            "scheduled_classes_instructor_id_fkey",
            no_instructor("occurrence"),
        )
        .on_constraint("scheduled_classes_room_free", ROOM_TAKEN)
        .on_constraint("scheduled_classes_instructor_free", INSTRUCTOR_TAKEN)?
        .ok_or_else(|| no_class_type("occurrence"))?;
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

/// A class as it is before it is changed, its row locked.
#[derive(Clone, Debug)]
pub struct Before {
    /// `scheduled_classes.id`
    pub id: Uuid,
    /// When it begins.
    pub start_time: DateTime<Utc>,
    /// When it ends.
    pub end_time: DateTime<Utc>,
    instructor_id: Uuid,
    room: String,
}

static LOCK: Statement = Statement::new(
    "occurrence.lock",
    "select id, start_time, end_time, instructor_id, room, is_cancelled
    from scheduled_classes where id = $1 for no key update",
);

/// Locks a class that is still to come. To be called in a transaction, before
/// all else.
///
/// # Errors
///
/// 404 when there is none; 409 `class_cancelled`, `class_started`;
/// [`Error::Unavailable`].
pub async fn lock(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<Before> {
    let row = LOCK.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    if row.try_get("is_cancelled")? {
        return Err(booking::CLASS_CANCELLED);
    }
    let before = Before {
        id,
        start_time: row.try_get("start_time")?,
        end_time: row.try_get("end_time")?,
        instructor_id: row.try_get("instructor_id")?,
        room: row.try_get("room")?,
    };
    if before.start_time <= now {
        return Err(booking::CLASS_STARTED);
    }
    Ok(before)
}

/// What is to be changed of a class; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// When it begins, and when it ends.
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Who teaches it.
    pub instructor_id: Option<Uuid>,
    /// Where it is.
    pub room: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// What is told of it.
    pub description: Option<String>,
    /// How many may come.
    pub max_participants: Option<i32>,
    /// What it costs; the inner `None`: what its type does.
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

/// Changes a class that has been locked, and tells those who have booked it
/// or wait: that it moved, and that somebody else teaches it. More places go
/// to those who wait.
///
/// # Errors
///
/// 400 for an instructor that there is not; 409 `room_taken`,
/// `instructor_taken`, `places_taken` when more have a place than there would
/// be; [`Error::Unavailable`].
pub async fn update(
    client: &Client,
    before: &Before,
    changes: &Changes,
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
            no_instructor("occurrence"),
        )
        .on_constraint("scheduled_classes_room_free", ROOM_TAKEN)
        .on_constraint("scheduled_classes_instructor_free", INSTRUCTOR_TAKEN)
        .on_constraint("scheduled_classes_places", PLACES_TAKEN)?;
    let mut events = Vec::new();
    for (kind, told) in news(before, &row)? {
        events.extend(notify(client, before.id, kind, told).await?);
    }
    events.extend(booking::promote(client, before.id, now, studio).await?);
    member_event::record(client, &events).await
}

const PLACES_TAKEN: Error = Error::Conflict {
    code: "places_taken",
    message: "More members have a place than there would be",
};

/// What there is to tell, and what a mail needs to know of it.
fn news(before: &Before, after: &Row) -> Result<Vec<(&'static str, Value)>> {
    let (start, end): (DateTime<Utc>, DateTime<Utc>) =
        (after.try_get("start_time")?, after.try_get("end_time")?);
    let room: String = after.try_get("room")?;
    let instructor: Uuid = after.try_get("instructor_id")?;
    let mut news = Vec::new();
    if (start, end) != (before.start_time, before.end_time) || room != before.room {
        let was = json!({
            "startTime": before.start_time,
            "endTime": before.end_time,
            "room": before.room,
        });
        news.push(("class_moved", json!({ "before": was })));
    }
    if instructor != before.instructor_id {
        news.push(("instructor_changed", json!({})));
    }
    Ok(news)
}

static NOTIFY: Statement = Statement::new(
    "occurrence.notify",
    "with concerned as (
        select b.id, b.user_id, u.email from bookings b join users u on u.id = b.user_id
        where b.scheduled_class_id = $1 and b.status <> 'cancelled'
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), email, $2, jsonb_build_object('bookingId', id) || $3
        from concerned
    )
    select id, user_id from concerned",
);

/// Mails all who have booked a class or wait for a place in it. Returns what
/// its caller has to tell them, as the last thing in the transaction.
async fn notify(
    client: &Client,
    id: Uuid,
    kind: &'static str,
    told: Value,
) -> Result<Vec<NewMemberEvent>> {
    let rows = NOTIFY.all(client, &[&id, &kind, &told]).await?;
    rows.iter().map(|row| event(row, kind, id)).collect()
}

fn event(row: &Row, kind: &'static str, class_id: Uuid) -> Result<NewMemberEvent> {
    let booking_id: Uuid = row.try_get("id")?;
    Ok(NewMemberEvent {
        user_id: row.try_get("user_id")?,
        kind,
        data: json!({ "bookingId": booking_id, "scheduledClassId": class_id }),
    })
}

// The class has not begun: whoever was checked in ahead of time loses the
// place as well. Whoever had cancelled too late for a refund gets it now, as
// the class that the price was kept for will not be.
static CANCEL: Statement = Statement::new(
    "occurrence.cancel",
    "with class as (
        update scheduled_classes
        set is_cancelled = true, cancellation_reason = $2, sequence = sequence + 1
        where id = $1
    ), gone as (
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
            jsonb_build_object('bookingId', gone.id)
        from gone join users u on u.id = gone.user_id
    )
    select coalesce(gone.id, due.booking_id) as id, coalesce(gone.user_id, due.user_id) as user_id,
        gone.id is not null as is_gone, due.id as refund_due
    from gone full join (select * from settled where status = 'refund_due') due
        on due.booking_id = gone.id",
);

/// Cancels a class that has been locked, and with it every booking of it.
/// What was paid becomes `refund_due`, however near the start is. Returns how
/// many bookings were cancelled.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn cancel(
    client: &Client,
    before: &Before,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<usize> {
    let reason = reason.map(str::to_owned);
    let rows = CANCEL.all(client, &[&before.id, &reason, &now]).await?;
    let mut events = Vec::new();
    let mut gone = 0;
    for row in &rows {
        let told = event(row, "class_cancelled", before.id)?;
        if let Some(payment_id) = row.try_get::<_, Option<Uuid>>("refund_due")? {
            events.push(NewMemberEvent {
                kind: "payment_refund_due",
                data: json!({ "bookingId": told.data["bookingId"], "paymentId": payment_id }),
                ..told.clone()
            });
        }
        if row.try_get("is_gone")? {
            events.push(told);
            gone += 1;
        }
    }
    member_event::record(client, &events).await?;
    Ok(gone)
}
