//! Events for staff: what happens to the bookings, payments and classes of a day.
//!
//! Triggers record them, so no change is left out, whichever version of the program makes it.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// The position of an event among all events for staff: its transaction, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaffEventPosition {
    transaction_id: i64,
    seq: i64,
}

impl StaffEventPosition {
    /// Parses the text that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<i64>().ok()).flatten()
        };
        let (transaction_id, seq) = text.split_once('-')?;
        Some(Self {
            transaction_id: number(transaction_id)?,
            seq: number(seq)?,
        })
    }
}

impl fmt::Display for StaffEventPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.transaction_id, self.seq)
    }
}

/// A stored event.
#[derive(Clone, Debug)]
pub struct StaffEvent {
    /// The row's id.
    pub id: Uuid,
    /// The position among the events.
    pub position: StaffEventPosition,
    /// What happened, such as `booking_created`.
    pub kind: String,
    /// The ids that the event is about.
    pub data: Value,
    /// The start of the transaction that recorded the event.
    pub created_at: DateTime<Utc>,
}

impl StaffEvent {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            position: StaffEventPosition {
                transaction_id: row.try_get("transaction_id")?,
                seq: row.try_get("seq")?,
            },
            kind: row.try_get("kind")?,
            data: row.try_get("data")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the paging cursor of the event.
    pub fn page_position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

/// The condition that an event `e` concerns a class that starts between `$from` and `$until`.
macro_rules! is_on_day {
    ($from:literal, $until:literal) => {
        concat!(
            "(e.starts_at >= ",
            $from,
            " and e.starts_at < ",
            $until,
            " or e.previous_starts_at >= ",
            $from,
            " and e.previous_starts_at < ",
            $until,
            ")"
        )
    };
}

/// The id of the oldest transaction that is still in progress.
macro_rules! horizon {
    () => {
        "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    };
}

static HORIZON: Statement = Statement::new(
    "staff_event.horizon",
    concat!("select ", horizon!(), " as horizon"),
);

/// Returns the position before all events that are not yet visible. Some events after it may be
/// visible already.
pub async fn latest_position(client: &Client) -> Result<StaffEventPosition> {
    Ok(StaffEventPosition {
        transaction_id: HORIZON.one(client, &[]).await?.try_get("horizon")?,
        seq: 0,
    })
}

// An event is read when all transactions with smaller ids have ended. No event can become
// visible before it then.
static LIST_AFTER: Statement = Statement::new(
    "staff_event.list_after",
    concat!(
        "select horizon.id as horizon, e.*
        from (select ",
        horizon!(),
        " as id) horizon left join lateral (
            select e.id, e.transaction_id, e.seq, e.kind, e.data, e.created_at
            from staff_events e
            where (e.transaction_id, e.seq) > (least($1, horizon.id), $2)
              and e.transaction_id < horizon.id and ",
        is_on_day!("$3", "$4"),
        "
            order by e.transaction_id, e.seq limit $5
        ) e on true"
    ),
);

/// Lists up to `limit` events after a position, oldest first, about the classes that start on a
/// day. Returns the position after which to continue, too.
pub async fn list_after(
    client: &Client,
    after: StaffEventPosition,
    day: &Range<DateTime<Utc>>,
    limit: i64,
) -> Result<(Vec<StaffEvent>, StaffEventPosition)> {
    let StaffEventPosition {
        transaction_id,
        seq,
    } = after;
    let rows = LIST_AFTER
        .all(
            client,
            &[&transaction_id, &seq, &day.start, &day.end, &limit],
        )
        .await?;
    let mut events = Vec::new();
    let mut horizon = after.transaction_id;
    for row in &rows {
        horizon = row.try_get("horizon")?;
        if row.try_get::<_, Option<Uuid>>("id")?.is_some() {
            events.push(StaffEvent::from_row(row)?);
        }
    }
    let next = match events.last() {
        Some(last) if events.len() as i64 == limit => last.position,
        _ => StaffEventPosition {
            transaction_id: horizon,
            seq: 0,
        },
    };
    Ok((events, next))
}

static LIST: Statement = Statement::new(
    "staff_event.list",
    concat!(
        "select e.id, e.transaction_id, e.seq, e.kind, e.data, e.created_at from staff_events e
        where ($1::timestamptz is null or (e.created_at, e.id) < ($1, $2)) and ",
        is_on_day!("$3", "$4"),
        " order by e.created_at desc, e.id desc limit $5"
    ),
);

/// Lists a page of the events about the classes that start on a day, newest first.
pub async fn list(
    client: &Client,
    day: &Range<DateTime<Utc>>,
    page: &Page,
) -> Result<Vec<StaffEvent>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(
            client,
            &[&time, &id, &day.start, &day.end, &page.row_limit()],
        )
        .await?;
    rows.iter().map(StaffEvent::from_row).collect()
}
