//! The locks that a change of occurrences takes first.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::booking::{CLASS_CANCELLED, CLASS_OVER, CLASS_STARTED};
use crate::store::client::Client;
use crate::store::statement::Statement;

static LOCK_TIMETABLE: Statement = Statement::new(
    "occurrence.lock_timetable",
    "select pg_advisory_xact_lock(hashtextextended('timetable', 0))",
);

/// Serializes transactions that change when and where occurrences take place.
///
/// Two transactions that need the same room would otherwise deadlock. Postgres inserts a row
/// first and checks the exclusion constraint afterwards, so each transaction would wait for
/// the row of the other. Must be called before any other lock is taken.
pub async fn lock_timetable(client: &Client) -> Result<()> {
    LOCK_TIMETABLE.execute(client, &[]).await
}

/// An occurrence before a change, with its row locked.
#[derive(Clone, Debug)]
pub struct LockedOccurrence {
    /// The occurrence's id.
    pub id: Uuid,
    /// The weekly class that the occurrence belongs to, and the date for which it was
    /// generated. `None` for a single class.
    pub weekly: Option<(Uuid, NaiveDate)>,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// When the occurrence ends.
    pub end_time: DateTime<Utc>,
    /// The instructor's id.
    pub instructor_id: Uuid,
    /// The room's id.
    pub room_id: Uuid,
    /// The number of spots.
    pub max_participants: i32,
    pub(super) room: String,
    is_cancelled: bool,
}

/// The columns that [`LockedOccurrence::from_row`] reads from an occurrence `c` and its
/// room `r`.
macro_rules! locked_columns {
    () => {
        "c.id, c.class_schedule_id, c.occurrence_date, c.start_time, c.end_time, c.instructor_id,
        c.room_id, c.max_participants, r.name as room, c.is_cancelled"
    };
}

impl LockedOccurrence {
    fn from_row(row: &Row) -> Result<Self> {
        let weekly_class_id: Option<Uuid> = row.try_get("class_schedule_id")?;
        let date: Option<NaiveDate> = row.try_get("occurrence_date")?;
        Ok(Self {
            id: row.try_get("id")?,
            weekly: weekly_class_id.zip(date),
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            instructor_id: row.try_get("instructor_id")?,
            room_id: row.try_get("room_id")?,
            max_participants: row.try_get("max_participants")?,
            room: row.try_get("room")?,
            is_cancelled: row.try_get("is_cancelled")?,
        })
    }
}

static LOCK: Statement = Statement::new(
    "occurrence.lock",
    concat!(
        "select ",
        locked_columns!(),
        " from scheduled_classes c join rooms r on r.id = c.room_id
        where c.id = $1 for no key update of c"
    ),
);

/// Locks an upcoming occurrence. Must be called in a transaction, before the
/// locks of its bookings are taken.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `class_cancelled`, `class_started`.
pub async fn lock(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<LockedOccurrence> {
    let before = lock_active(client, id).await?;
    match before.start_time <= now {
        true => Err(CLASS_STARTED),
        false => Ok(before),
    }
}

/// How long after its end a class can be cancelled. Staff may learn later that it did not
/// take place.
const CANCELLABLE_AFTER_END: TimeDelta = TimeDelta::hours(24);

/// Locks an occurrence that is to be cancelled. It may have begun, for example if the
/// instructor has not come. Must be called in a transaction, before the locks of its bookings
/// are taken.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `class_cancelled`; 409 `class_over` when it ended more than a day
/// ago.
pub async fn lock_for_cancellation(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<LockedOccurrence> {
    let before = lock_active(client, id).await?;
    match before.end_time + CANCELLABLE_AFTER_END <= now {
        true => Err(CLASS_OVER),
        false => Ok(before),
    }
}

/// Locks an occurrence that is not cancelled.
async fn lock_active(client: &Client, id: Uuid) -> Result<LockedOccurrence> {
    let row = LOCK.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    let occurrence = LockedOccurrence::from_row(&row)?;
    match occurrence.is_cancelled {
        true => Err(CLASS_CANCELLED),
        false => Ok(occurrence),
    }
}

static LOCK_UPCOMING_OF_WEEKLY: Statement = Statement::new(
    "occurrence.lock_upcoming_of_weekly",
    concat!(
        "select ",
        locked_columns!(),
        " from scheduled_classes c join rooms r on r.id = c.room_id
        where c.class_schedule_id = $1 and c.start_time > $2 and not c.is_cancelled
          and ($3::date is null or c.occurrence_date >= $3)
        order by c.id for no key update of c"
    ),
);

/// Locks the upcoming occurrences of a weekly class that are not cancelled. Returns them
/// sorted by start. `from` selects those that were generated for this date or later.
pub async fn lock_upcoming_of_weekly(
    client: &Client,
    weekly_class_id: Uuid,
    from: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<Vec<LockedOccurrence>> {
    let rows = LOCK_UPCOMING_OF_WEEKLY
        .all(client, &[&weekly_class_id, &now, &from])
        .await?;
    sorted_by_start(&rows)
}

static LOCK_UPCOMING_BETWEEN: Statement = Statement::new(
    "occurrence.lock_upcoming_between",
    concat!(
        "select ",
        locked_columns!(),
        " from scheduled_classes c join rooms r on r.id = c.room_id
        where c.start_time >= $1 and c.start_time < $2 and c.start_time > $3
          and not c.is_cancelled
        order by c.id for no key update of c"
    ),
);

/// Locks the upcoming occurrences that start in a range and are not cancelled. Returns them
/// sorted by start.
pub async fn lock_upcoming_between(
    client: &Client,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<LockedOccurrence>> {
    let rows = LOCK_UPCOMING_BETWEEN
        .all(client, &[&from, &until, &now])
        .await?;
    sorted_by_start(&rows)
}

// The statements lock the rows in the order of their ids, as other transactions do, so the
// result is sorted afterwards.
fn sorted_by_start(rows: &[Row]) -> Result<Vec<LockedOccurrence>> {
    let mut occurrences = rows
        .iter()
        .map(LockedOccurrence::from_row)
        .collect::<Result<Vec<_>>>()?;
    occurrences.sort_by_key(|occurrence| (occurrence.start_time, occurrence.id));
    Ok(occurrences)
}
