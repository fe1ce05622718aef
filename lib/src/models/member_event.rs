//! What members are told while they are connected, or when they come back.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::{Client, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Result;
use crate::store::page::Page;
use crate::store::postgres::Statement;

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct MemberEvent {
    /// Its row.
    pub id: Uuid,
    /// Its place among the member's events: whoever has seen one of them has
    /// seen all with a smaller number.
    pub seq: i64,
    /// What happened, such as `booking_promoted`.
    pub kind: String,
    /// To what.
    pub data: Value,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl MemberEvent {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            seq: row.try_get("seq")?,
            kind: row.try_get("kind")?,
            data: row.try_get("data")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// What a cursor is made of; the statement goes by the id.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

/// An event as its member sees it, in a list and in a stream alike.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MemberEvent)]
pub struct Shown {
    /// As `Last-Event-ID` names it.
    id: i64,
    kind: String,
    data: Value,
    created_at: DateTime<Utc>,
}

impl From<MemberEvent> for Shown {
    fn from(event: MemberEvent) -> Self {
        Self {
            id: event.seq,
            kind: event.kind,
            data: event.data,
            created_at: event.created_at,
        }
    }
}

/// Something that happened to a member.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// To whom.
    pub user_id: Uuid,
    /// What: `booking_confirmed` and its like.
    pub kind: &'static str,
    /// What a page needs to know about it.
    pub data: Value,
}

// Sorted, for each row takes the lock of its member: two who tell the same
// members must not wait for one another.
static TELL: Statement = Statement::new(
    "member_event.tell",
    "insert into member_events (id, user_id, kind, data)
    select gen_random_uuid(), user_id, kind, data
    from unnest($1::uuid[], $2::text[], $3::jsonb[]) with ordinality
        as told (user_id, kind, data, place)
    order by user_id, place",
);

/// Tells members what happened. The last statement of its transaction: from
/// here on it holds the locks of their streams.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn tell(client: &Client, events: &[NewEvent]) -> Result<()> {
    let users: Vec<Uuid> = events.iter().map(|event| event.user_id).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind).collect();
    let data: Vec<Value> = events.iter().map(|event| event.data.clone()).collect();
    TELL.execute(client, &[&users, &kinds, &data]).await
}

static LATEST: Statement = Statement::new(
    "member_event.latest",
    "select coalesce(max(seq), 0) as seq from member_events where user_id = $1",
);

/// The number of a member's latest event; 0 before the first.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn latest(client: &Client, user_id: Uuid) -> Result<i64> {
    Ok(LATEST.one(client, &[&user_id]).await?.try_get("seq")?)
}

static AFTER: Statement = Statement::new(
    "member_event.after",
    "select id, seq, kind, data, created_at from member_events
    where user_id = $1 and seq > $2 order by seq limit $3",
);

/// A member's events after a number, oldest first.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn after(
    client: &Client,
    user_id: Uuid,
    seq: i64,
    most: i64,
) -> Result<Vec<MemberEvent>> {
    let rows = AFTER.all(client, &[&user_id, &seq, &most]).await?;
    rows.iter().map(MemberEvent::from_row).collect()
}

// By number: the times are those of the transactions' beginnings. Behind an
// event that has been cleaned up there is nothing left, either.
static LIST: Statement = Statement::new(
    "member_event.list",
    "select id, seq, kind, data, created_at from member_events
    where user_id = $1 and ($2 is null or seq < (
        select seq from member_events where id = $2 and user_id = $1
    ))
    order by seq desc limit $3",
);

/// A page of a member's events, newest first.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn list(client: &Client, user_id: Uuid, page: &Page) -> Result<Vec<MemberEvent>> {
    let (_, id) = page.after();
    let rows = LIST.all(client, &[&user_id, &id, &page.fetch()]).await?;
    rows.iter().map(MemberEvent::from_row).collect()
}
