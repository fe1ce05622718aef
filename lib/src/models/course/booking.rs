//! Booking the classes of a course.
//!
//! A spot in a course is a booking of each upcoming class. The bookings are made in the transaction
//! that orders the course, or not at all.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use super::shares::{price_of_left, split};
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::models::booking::OVERLAPPING_BOOKING;
use crate::models::member_event::{MemberEventKind, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A class of a course that is about to be booked.
struct BookableClass {
    id: Uuid,
    is_full: bool,
    is_upcoming: bool,
}

static LIST_CLASSES: Statement = Statement::new(
    "course.list_classes",
    "select id, current_participants >= max_participants as is_full,
        not is_cancelled and start_time > $2 as is_upcoming
    from scheduled_classes where course_id = $1 order by start_time, id",
);

/// Lists the classes of a course, earliest first.
async fn list_classes(
    client: &Client,
    course_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<BookableClass>> {
    let rows = LIST_CLASSES.all(client, &[&course_id, &now]).await?;
    rows.iter()
        .map(|row| {
            Ok(BookableClass {
                id: row.try_get("id")?,
                is_full: row.try_get("is_full")?,
                is_upcoming: row.try_get("is_upcoming")?,
            })
        })
        .collect()
}

/// Returns what a course with this price costs now: the shares of its upcoming classes.
///
/// # Errors
///
/// 409 `course_over` when no class is left.
pub(in crate::models) async fn price_now(
    client: &Client,
    course_id: Uuid,
    price: Decimal,
    currency: &str,
    now: DateTime<Utc>,
) -> Result<Decimal> {
    let classes = list_classes(client, course_id, now).await?;
    let is_upcoming: Vec<bool> = classes.iter().map(|class| class.is_upcoming).collect();
    match is_upcoming.contains(&true) {
        true => Ok(price_of_left(price, &is_upcoming, currency)),
        false => Err(COURSE_OVER),
    }
}

static LIST_LINES: Statement = Statement::new(
    "course.list_lines",
    "select l.id, l.product_id, l.amount, o.user_id, o.currency
    from orders o join order_lines l on l.order_id = o.id
    where o.id = $1 and l.kind = 'course' order by l.created_at, l.id",
);

// An entry on a waitlist is taken over, unless a payment that was kept belongs to it, or a course has
// paid for it. An entry for another class does not count when that class has started. A spot that a
// course has paid and that the member has given up can be taken again, so it counts as booked.
static FIND_CONFLICT: Statement = Statement::new(
    "course.find_conflict",
    "select coalesce(bool_or(b.scheduled_class_id = k.id), false) as is_booked, count(*) as count
    from unnest($2::uuid[]) ids (id) join scheduled_classes k on k.id = ids.id
    join bookings b on b.user_id = $1
    join scheduled_classes c on c.id = b.scheduled_class_id and not c.is_cancelled
    where (c.id = k.id and case b.status
            when 'waitlisted' then b.free_until is not null or b.course_line_id is not null
            when 'cancelled' then b.course_share_state in ('kept', 'refundable', 'due') and exists (
                select from order_lines l join orders o on o.id = l.order_id
                where l.id = b.course_line_id and o.state = 'paid')
            else true end)
      or (not (c.id = any($2)) and b.status not in ('cancelled', 'no_show')
        and (b.status <> 'waitlisted' or c.start_time > $3)
        and c.start_time < k.end_time and c.end_time > k.start_time)",
);

// The insert does not see that entries on waitlists were taken over, so it leaves their classes out.
static INSERT: Statement = Statement::new(
    "course.insert_bookings",
    "with part as (
        select c.id as class_id, part.share, least(c.start_time, greatest(
            c.start_time - make_interval(secs => $7), $6 + make_interval(secs => $8))) as free_until
        from unnest($4::uuid[], $5::numeric[]) part (id, share)
        join scheduled_classes c on c.id = part.id
    ), taken_over as (
        update bookings b set status = 'booked', waitlist_position = null, price = 0, currency = $3,
            booked_at = $6, free_until = part.free_until, course_line_id = $1,
            course_share = part.share, course_share_state = 'kept'
        from part
        where b.user_id = $2 and b.scheduled_class_id = part.class_id and b.status = 'waitlisted'
        returning b.id, b.scheduled_class_id
    ), inserted as (
        insert into bookings (id, user_id, scheduled_class_id, status, price, currency, booked_at,
            free_until, course_line_id, course_share, course_share_state)
        select gen_random_uuid(), $2, class_id, 'booked', 0, $3, $6, free_until, $1, share, 'kept'
        from part
        where not exists (
            select from bookings b
            where b.user_id = $2 and b.scheduled_class_id = part.class_id
              and b.status = 'waitlisted')
        order by class_id
        returning id, scheduled_class_id
    )
    select * from taken_over union all select * from inserted",
);

// The member leaves a spot beyond the capacity and takes it again.
static KEEP_EXTRA_PLACES: Statement = Statement::new(
    "course.keep_extra_places",
    "update scheduled_classes
    set extra_places = current_participants + 1 - max_participants
    where id = any($1) and current_participants >= max_participants",
);

/// Books the classes of the courses that an order is for. The classes must be locked. The member can
/// book the classes `released_ids` even if they are full, because this transaction has given up the
/// member's own spots in them. Returns the member's events, which the caller records at the end of the
/// transaction.
///
/// # Errors
///
/// 409 `course_over` when no class is left; `course_full`; `course_already_booked` when the member has
/// a booking of one of the classes; `overlapping_booking`.
pub(in crate::models) async fn book(
    client: &Client,
    order_id: Uuid,
    released_ids: &[Uuid],
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let mut events = Vec::new();
    for line in LIST_LINES.all(client, &[&order_id]).await? {
        events.extend(book_line(client, &line, released_ids, now, studio).await?);
    }
    Ok(events)
}

async fn book_line(
    client: &Client,
    line: &Row,
    released_ids: &[Uuid],
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let (line_id, course_id): (Uuid, Uuid) = (line.try_get("id")?, line.try_get("product_id")?);
    let (user_id, currency): (Uuid, &str) = (line.try_get("user_id")?, line.try_get("currency")?);
    let mut left = list_classes(client, course_id, now).await?;
    left.retain(|class| class.is_upcoming);
    if left.is_empty() {
        return Err(COURSE_OVER);
    }
    let class_ids: Vec<Uuid> = left.iter().map(|class| class.id).collect();
    let conflict = FIND_CONFLICT
        .one(client, &[&user_id, &class_ids, &now])
        .await?;
    if conflict.try_get("is_booked")? {
        return Err(COURSE_ALREADY_BOOKED);
    }
    let is_released = |class: &&BookableClass| released_ids.contains(&class.id);
    if left
        .iter()
        .any(|class| class.is_full && !is_released(&class))
    {
        return Err(COURSE_FULL);
    }
    if conflict.try_get::<_, i64>("count")? > 0 {
        return Err(OVERLAPPING_BOOKING);
    }
    let own_ids: Vec<Uuid> = left
        .iter()
        .filter(is_released)
        .map(|class| class.id)
        .collect();
    if !own_ids.is_empty() {
        KEEP_EXTRA_PLACES.execute(client, &[&own_ids]).await?;
    }
    let shares = split(line.try_get("amount")?, class_ids.len(), currency);
    let rows = INSERT
        .all(
            client,
            &[
                &line_id,
                &user_id,
                &currency.to_owned(),
                &class_ids,
                &shares,
                &now,
                &studio.cancellation_window.as_secs_f64(),
                &studio.free_cancellation_grace.as_secs_f64(),
            ],
        )
        .await
        .on_constraint("bookings_active_key", COURSE_ALREADY_BOOKED)?;
    let confirmed = |row: &Row| booking_event(row, user_id, MemberEventKind::BookingConfirmed);
    rows.iter().map(confirmed).collect()
}

pub(super) fn booking_event(
    row: &Row,
    user_id: Uuid,
    kind: MemberEventKind,
) -> Result<NewMemberEvent> {
    let (id, class_id): (Uuid, Uuid) = (row.try_get("id")?, row.try_get("scheduled_class_id")?);
    Ok(NewMemberEvent {
        user_id,
        kind,
        data: json!({ "bookingId": id, "scheduledClassId": class_id }),
    })
}

static HAS_UPCOMING: Statement = Statement::new(
    "course.has_upcoming",
    "select exists (
        select from bookings b join order_lines l on l.id = b.course_line_id
        join orders o on o.id = l.order_id join scheduled_classes c on c.id = b.scheduled_class_id
        where b.user_id = $1 and b.status = 'booked' and c.start_time > $2 and o.state = 'paid'
    ) as has_upcoming",
);

/// Returns whether a member has a spot in an upcoming class of a course that is paid.
pub(crate) async fn has_upcoming(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let row = HAS_UPCOMING.one(client, &[&user_id, &now]).await?;
    Ok(row.try_get("has_upcoming")?)
}

const COURSE_OVER: Error = Error::Conflict {
    code: ErrorCode::CourseOver,
    message: "This course has no upcoming classes",
};

const COURSE_FULL: Error = Error::Conflict {
    code: ErrorCode::CourseFull,
    message: "A class of this course is full",
};

const COURSE_ALREADY_BOOKED: Error = Error::Conflict {
    code: ErrorCode::CourseAlreadyBooked,
    message: "There is already a booking for a class of this course",
};
