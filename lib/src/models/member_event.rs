//! What happened to members, as they are told it.

use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::db::Statement;
use crate::error::Result;

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
    from unnest($1::uuid[], $2::text[], $3::jsonb[]) as told (user_id, kind, data)
    order by user_id",
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
