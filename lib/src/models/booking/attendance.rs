//! Recording who attended.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::errors::{CLASS_CANCELLED, NO_SPOT};
use super::row::{BookingStatus, lock_occurrence};
use crate::error::{Error, ErrorCode, Result};
use crate::models::user::full_name;
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// How long before the start of a class members can be checked in.
pub(in crate::models) const CHECK_IN_OPENS: TimeDelta = TimeDelta::hours(1);

/// Whether a member attended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// The member came.
    Attended,
    /// The member did not come.
    NoShow,
    /// The attendance is unknown. Recording this clears an earlier record.
    Unknown,
}

// A member who did not come owes `NO_SHOW_FEE`. What was paid beyond it is refunded a day later,
// because staff correct the attendance in the evening. A trigger then clears the fee and withdraws
// the refund. The e-mail waits for an hour for the same reason.
static RECORD: Statement = Statement::new(
    "booking.record_attendance",
    "with booking as (
        select b.id, b.status, c.start_time <= $3 as has_started,
            c.start_time <= $4 as check_in_is_open
        from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.id = $1
        for no key update of b
    ), recorded as (
        update bookings b set status = $2,
            checked_in_at = case $2 when 'attended' then coalesce(b.checked_in_at, $3) end,
            checked_in_by = case when $2 = 'attended' and b.status <> 'attended' then $5
                else b.checked_in_by end,
            fee = case when $2 = 'no_show' and b.status <> 'no_show' then booking_fee(b, $7)
                else b.fee end
        from booking
        where b.id = booking.id and booking.status in ('booked', 'attended', 'no_show')
          and case $2 when 'attended' then check_in_is_open when 'no_show' then has_started
              else $6::timestamptz is null or b.checked_in_at = $6 or b.status = 'booked' end
        returning b.id, b.user_id, case when booking.status <> b.status then b.fee end as new_fee
    ), cancelled_payment as (
        update payments p set status = 'cancelled', next_attempt_at = now()
        from recorded
        where p.booking_id = recorded.id and p.status = 'pending' and p.amount <> recorded.new_fee
    ), refund as (
        insert into refunds (id, payment_id, amount, source, next_attempt_at)
        select gen_random_uuid(), p.id, p.amount - p.refunded - recorded.new_fee, 'rule',
            $3 + interval '1 day'
        from recorded join payments p on p.booking_id = recorded.id
        where p.status = 'paid' and p.refunded + recorded.new_fee < p.amount
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload, next_attempt_at)
        select gen_random_uuid(), u.email, 'no_show',
            jsonb_build_object('bookingId', recorded.id), now() + interval '1 hour'
        from recorded join users u on u.id = recorded.user_id
        where recorded.new_fee > 0
    )
    select status, exists (select from recorded) as is_recorded from booking",
);

/// Records whether the member of a booking attended. `actor_id` is the member who records it.
/// With `seen`, a check-in is undone only if it was recorded at this time. A no-show costs
/// `NO_SHOW_FEE`. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `no_place` when the booking has no spot; 409 `check_in_not_open`
/// for a check-in more than an hour before the start; 409 `class_not_started` for a no-show
/// before the start; 409 `attendance_changed` when the check-in to undo is another one than
/// `seen`.
pub async fn record_attendance(
    client: &Client,
    booking_id: Uuid,
    attendance: Attendance,
    seen: Option<DateTime<Utc>>,
    actor_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<()> {
    let status = match attendance {
        Attendance::Attended => "attended",
        Attendance::NoShow => "no_show",
        Attendance::Unknown => "booked",
    };
    lock_occurrence(client, booking_id, None).await?;
    let check_in_opens = now + CHECK_IN_OPENS;
    let row = RECORD
        .opt(
            client,
            &[
                &booking_id,
                &status,
                &now,
                &check_in_opens,
                &actor_id,
                &seen,
                &studio.no_show_fee.map(Money::as_column),
            ],
        )
        .await?
        .ok_or(Error::NotFound)?;
    if row.try_get("is_recorded")? {
        return Ok(());
    }
    let had_spot = BookingStatus::from_column(row.try_get("status")?)?.has_spot();
    Err(match attendance {
        _ if !had_spot => NO_SPOT,
        Attendance::NoShow => CLASS_NOT_STARTED,
        Attendance::Attended => CHECK_IN_NOT_OPEN,
        Attendance::Unknown => ATTENDANCE_CHANGED,
    })
}

/// The member who recorded a check-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckInAuthor {
    /// The member's id.
    pub id: Uuid,
    /// The member's first and last name.
    pub name: String,
}

impl CheckInAuthor {
    /// Reads the columns of `check_in_author_columns!`.
    pub(super) fn from_row(row: &Row) -> Result<Option<Self>> {
        let id: Option<Uuid> = row.try_get("author_id")?;
        id.map(|id| {
            let (first, last) = (
                row.try_get("author_first_name")?,
                row.try_get("author_last_name")?,
            );
            Ok(Self {
                id,
                name: full_name(first, last),
            })
        })
        .transpose()
    }
}

/// The columns that [`CheckInAuthor::from_row`] reads from a user `a`, who may be missing.
macro_rules! check_in_author_columns {
    () => {
        "a.id as author_id, a.first_name as author_first_name, a.last_name as author_last_name"
    };
}
pub(super) use check_in_author_columns;

/// A check-in to undo.
#[derive(Clone, Copy, Debug)]
pub struct CheckInToUndo {
    /// The booking's id.
    pub booking_id: Uuid,
    /// The time of the check-in. Another check-in of the booking is kept.
    pub checked_in_at: DateTime<Utc>,
}

/// The result for one of several bookings whose members are checked in, or whose check-in is
/// undone.
#[derive(Clone, Debug)]
pub struct CheckInResult {
    /// The booking's id.
    pub booking_id: Uuid,
    /// What happened.
    pub outcome: CheckInOutcome,
    /// The booking's status after the request. `None` if the class has no such booking.
    pub status: Option<BookingStatus>,
    /// When the member was checked in. `None` if they are not checked in.
    pub checked_in_at: Option<DateTime<Utc>>,
    /// Who checked the member in. `None` if they are not checked in, or if it is unknown.
    pub author: Option<CheckInAuthor>,
}

/// What happened to one of several bookings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInOutcome {
    /// The member is checked in now.
    CheckedIn,
    /// The member was checked in before.
    AlreadyCheckedIn,
    /// The member is not checked in any longer.
    Undone,
    /// The booking has not changed.
    Rejected(CheckInRejection),
}

/// Why a booking has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckInRejection {
    /// The class has no such booking.
    NotFound,
    /// The booking has no spot.
    NoPlace,
    /// The check-in to undo is no longer there: the member was checked in again, or is recorded
    /// as a no-show.
    AttendanceChanged,
}

/// The state of a booking before the request.
struct StateBefore {
    booking_id: Uuid,
    status: BookingStatus,
    checked_in_at: Option<DateTime<Utc>>,
    author: Option<CheckInAuthor>,
    has_changed: bool,
}

impl StateBefore {
    /// Reads a row. Returns the booking's id as the error if the class has no such booking.
    fn from_row(row: &Row) -> Result<Result<Self, Uuid>> {
        let booking_id = row.try_get("id")?;
        let Some(status) = row.try_get::<_, Option<&str>>("status")? else {
            return Ok(Err(booking_id));
        };
        Ok(Ok(Self {
            booking_id,
            status: BookingStatus::from_column(status)?,
            checked_in_at: row.try_get("checked_in_at")?,
            author: CheckInAuthor::from_row(row)?,
            has_changed: row.try_get("has_changed")?,
        }))
    }
}

impl CheckInResult {
    fn not_found(booking_id: Uuid) -> Self {
        Self {
            booking_id,
            outcome: CheckInOutcome::Rejected(CheckInRejection::NotFound),
            status: None,
            checked_in_at: None,
            author: None,
        }
    }

    /// Returns the result of a check-in by `actor` at the time `now`.
    fn of_check_in(before: StateBefore, actor: &CheckInAuthor, now: DateTime<Utc>) -> Self {
        let outcome = match before.status {
            BookingStatus::Attended => CheckInOutcome::AlreadyCheckedIn,
            status if status.has_spot() => {
                return Self {
                    booking_id: before.booking_id,
                    outcome: CheckInOutcome::CheckedIn,
                    status: Some(BookingStatus::Attended),
                    checked_in_at: Some(now),
                    author: Some(actor.clone()),
                };
            }
            _ => CheckInOutcome::Rejected(CheckInRejection::NoPlace),
        };
        Self::unchanged(before, outcome)
    }

    /// Returns the result of undoing a check-in.
    fn of_undoing(before: StateBefore) -> Self {
        let outcome = match before.status {
            _ if before.has_changed => {
                return Self {
                    booking_id: before.booking_id,
                    outcome: CheckInOutcome::Undone,
                    status: Some(BookingStatus::Booked),
                    checked_in_at: None,
                    author: None,
                };
            }
            BookingStatus::Booked => CheckInOutcome::Undone,
            status if status.has_spot() => {
                CheckInOutcome::Rejected(CheckInRejection::AttendanceChanged)
            }
            _ => CheckInOutcome::Rejected(CheckInRejection::NoPlace),
        };
        Self::unchanged(before, outcome)
    }

    fn unchanged(before: StateBefore, outcome: CheckInOutcome) -> Self {
        Self {
            booking_id: before.booking_id,
            outcome,
            status: Some(before.status),
            checked_in_at: before.checked_in_at,
            author: before.author,
        }
    }
}

static LOCK_CLASS: Statement = Statement::new(
    "booking.lock_class_for_check_in",
    "select is_cancelled, start_time <= $2 as check_in_is_open from scheduled_classes
    where id = $1 for no key update",
);

/// Locks an occurrence, so that members can be checked in. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the occurrence does not exist; 409 `class_cancelled`,
/// `check_in_not_open`.
pub async fn lock_for_check_in(
    client: &Client,
    scheduled_class_id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = LOCK_CLASS
        .opt(client, &[&scheduled_class_id, &(now + CHECK_IN_OPENS)])
        .await?
        .ok_or(Error::NotFound)?;
    if row.try_get("is_cancelled")? {
        return Err(CLASS_CANCELLED);
    }
    if !row.try_get::<_, bool>("check_in_is_open")? {
        return Err(CHECK_IN_NOT_OPEN);
    }
    Ok(())
}

static CHECK_IN_ALL: Statement = Statement::new(
    "booking.check_in_all",
    concat!(
        "with found as (
            select id, status, checked_in_at, checked_in_by from bookings
            where id = any($2) and scheduled_class_id = $1
            for no key update
        ), checked_in as (
            update bookings b set status = 'attended', checked_in_at = $3, checked_in_by = $4
            from found where b.id = found.id and found.status in ('booked', 'no_show')
            returning b.id
        )
        select requested.id, found.status, found.checked_in_at,
            checked_in.id is not null as has_changed, ",
        check_in_author_columns!(),
        " from unnest($2) with ordinality as requested (id, number)
        left join found on found.id = requested.id
        left join checked_in on checked_in.id = requested.id
        left join users a on a.id = found.checked_in_by
        order by requested.number"
    ),
);

/// Checks in the members of several bookings of an occurrence that is locked by
/// [`lock_for_check_in`]. Returns the result for each booking, in the order of the ids.
pub async fn check_in_all(
    client: &Client,
    scheduled_class_id: Uuid,
    booking_ids: &Vec<Uuid>,
    actor: &CheckInAuthor,
    now: DateTime<Utc>,
) -> Result<Vec<CheckInResult>> {
    let rows = CHECK_IN_ALL
        .all(client, &[&scheduled_class_id, booking_ids, &now, &actor.id])
        .await?;
    let result = |row| {
        Ok(match StateBefore::from_row(row)? {
            Ok(before) => CheckInResult::of_check_in(before, actor, now),
            Err(id) => CheckInResult::not_found(id),
        })
    };
    rows.iter().map(result).collect()
}

static UNDO_ALL: Statement = Statement::new(
    "booking.undo_all_check_ins",
    concat!(
        "with requested as (
            select * from unnest($2::uuid[], $3::timestamptz[]) with ordinality
                as requested (id, seen, number)
        ), found as (
            select id, status, checked_in_at, checked_in_by from bookings
            where id = any($2) and scheduled_class_id = $1
            for no key update
        ), undone as (
            update bookings b set status = 'booked'
            from found join requested on requested.id = found.id
            where b.id = found.id and found.status = 'attended'
              and found.checked_in_at = requested.seen
            returning b.id
        )
        select requested.id, found.status, found.checked_in_at,
            undone.id is not null as has_changed, ",
        check_in_author_columns!(),
        " from requested
        left join found on found.id = requested.id
        left join undone on undone.id = requested.id
        left join users a on a.id = found.checked_in_by
        order by requested.number"
    ),
);

/// Undoes check-ins for an occurrence that is locked by [`lock_for_check_in`]. Returns the
/// result for each booking, in the order of `check_ins`.
pub async fn undo_all_check_ins(
    client: &Client,
    scheduled_class_id: Uuid,
    check_ins: &[CheckInToUndo],
) -> Result<Vec<CheckInResult>> {
    let ids: Vec<Uuid> = check_ins.iter().map(|undo| undo.booking_id).collect();
    let seen: Vec<DateTime<Utc>> = check_ins.iter().map(|undo| undo.checked_in_at).collect();
    let rows = UNDO_ALL
        .all(client, &[&scheduled_class_id, &ids, &seen])
        .await?;
    let result = |row| {
        Ok(match StateBefore::from_row(row)? {
            Ok(before) => CheckInResult::of_undoing(before),
            Err(id) => CheckInResult::not_found(id),
        })
    };
    rows.iter().map(result).collect()
}

static UNDO_CHECK_INS: Statement = Statement::new(
    "booking.undo_check_ins",
    "update bookings set status = 'booked' where scheduled_class_id = $1 and status = 'attended'",
);

/// Undoes the check-ins for a locked occurrence that has moved to a later time. A member who
/// is checked in could not cancel the booking.
pub(in crate::models) async fn undo_check_ins(
    client: &Client,
    scheduled_class_id: Uuid,
) -> Result<()> {
    UNDO_CHECK_INS.execute(client, &[&scheduled_class_id]).await
}

const CHECK_IN_NOT_OPEN: Error = Error::Conflict {
    code: ErrorCode::CheckInNotOpen,
    message: "Check-in opens an hour before the class starts",
};

const CLASS_NOT_STARTED: Error = Error::Conflict {
    code: ErrorCode::ClassNotStarted,
    message: "This class has not begun yet",
};

const ATTENDANCE_CHANGED: Error = Error::Conflict {
    code: ErrorCode::AttendanceChanged,
    message: "The attendance of this member was changed in the meantime; load the roster again",
};
