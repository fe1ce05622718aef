//! The webhook events of the payment provider. Each event takes effect only once.

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

// A concurrent delivery of the same event waits here until the other transaction has
// ended.
static INSERT: Statement = Statement::new(
    "webhook_event.insert",
    "insert into webhook_events (id, kind) values ($1, $2) on conflict do nothing returning id",
);

/// Records an event, in the transaction that applies it. Returns `false` if the event was
/// already recorded.
pub async fn insert(client: &Client, id: &str, kind: &str) -> Result<bool> {
    Ok(INSERT.opt(client, &[&id, &kind]).await?.is_some())
}
