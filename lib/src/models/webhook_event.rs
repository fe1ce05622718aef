//! What a provider has told us, so that each thing is heard once.

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

// Whoever is told the same at the same time waits here until the other's
// transaction has ended.
static HEAR: Statement = Statement::new(
    "webhook_event.hear",
    "insert into webhook_events (id, kind) values ($1, $2) on conflict do nothing returning id",
);

/// Notes an event, in the transaction of its effect. `false`: it was heard
/// before, and has had it.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn hear(client: &Client, id: &str, kind: &str) -> Result<bool> {
    Ok(HEAR.opt(client, &[&id, &kind]).await?.is_some())
}
