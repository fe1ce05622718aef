//! Passes whose payment is disputed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::change::{NewPassChange, PassChange, insert_change, lock, restore, revoke};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

static LIST_OF_ORDER: Statement = Statement::new(
    "pass.list_of_order",
    "select w.id from passes w join order_lines l on l.id = w.order_line_id where l.order_id = $1",
);

/// Returns the ids of the passes of an order.
pub async fn list_of_order(client: &Client, order_id: Uuid) -> Result<Vec<Uuid>> {
    let rows = LIST_OF_ORDER.all(client, &[&order_id]).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Locks the passes of an order, after the upcoming classes that were booked with them. Returns
/// their ids.
pub async fn lock_of_order(
    client: &Client,
    order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>> {
    let ids = list_of_order(client, order_id).await?;
    let passes = lock(client, ids, now).await?;
    Ok(passes.iter().map(|pass| pass.id).collect())
}

static LIST_LIVE: Statement = Statement::new(
    "pass.list_live",
    "select id from passes where id = any($1) and status = 'live' order by id",
);

/// Revokes locked passes, because their payment is disputed. Returns whether there was one to revoke.
pub async fn revoke_disputed(
    client: &Client,
    locked_ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<bool> {
    let new = automatic(PassChange::Revoke, "The payment is disputed");
    let live = LIST_LIVE.all(client, &[&locked_ids.to_vec()]).await?;
    for row in &live {
        let id = row.try_get("id")?;
        revoke(client, id, now).await?;
        insert_change(client, id, &new).await?;
    }
    Ok(!live.is_empty())
}

// A pass that staff have revoked stays revoked, and so does one of an account that was closed.
static LIST_DISPUTED: Statement = Statement::new(
    "pass.list_disputed",
    "select p.id from passes p join users u on u.id = p.user_id
    cross join lateral (
        select change, by from pass_changes where pass_id = p.id
        and change in ('revoke', 'restore') order by created_at desc, id desc limit 1
    ) c
    where p.id = any($1) and u.is_active and p.status = 'revoked' and c.change = 'revoke' and c.by is null
    order by p.id",
);

/// Restores locked passes that a dispute has revoked.
pub async fn restore_disputed(client: &Client, locked_ids: &[Uuid]) -> Result<()> {
    let new = automatic(PassChange::Restore, "The payment is no longer disputed");
    for row in LIST_DISPUTED.all(client, &[&locked_ids.to_vec()]).await? {
        let id = row.try_get("id")?;
        restore(client, id).await?;
        insert_change(client, id, &new).await?;
    }
    Ok(())
}

/// Returns a change that a rule makes, and not staff.
pub(super) fn automatic(change: PassChange, reason: &str) -> NewPassChange {
    NewPassChange {
        change,
        reason: reason.to_owned(),
        staff_id: None,
    }
}
