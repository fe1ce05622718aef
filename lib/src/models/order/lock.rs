//! The lock of an order, and the locks that are taken before it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::OrderState;
use crate::error::{Error, Result};
use crate::models::{course, promo_code};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A locked order.
#[derive(Clone, Copy, Debug)]
pub struct LockedOrder {
    /// The order's id.
    pub id: Uuid,
    /// Whether a payment can settle the order: the order is open, and so is the member's account.
    pub is_payable: bool,
    /// Whether the order is paid.
    pub is_paid: bool,
    /// Whether the order was cancelled.
    pub is_cancelled: bool,
}

static LOCK: Statement = Statement::new(
    "order.lock",
    "select id from orders where id = $1 for no key update",
);

// This is a separate statement, so that it sees what was committed while `LOCK` waited.
static FIND_STATE: Statement = Statement::new(
    "order.find_state",
    "select o.state, u.is_active from orders o join users u on u.id = o.user_id where o.id = $1",
);

/// Locks an order, after the classes that were booked with it and its promo code. Its payment is
/// locked after it.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn lock(client: &Client, id: Uuid) -> Result<LockedOrder> {
    // Without passes, the time does not matter.
    lock_with_passes(client, id, &Vec::new(), DateTime::UNIX_EPOCH).await
}

/// Locks an order like [`lock`], and before it passes that are to be changed, with the classes that
/// were booked with them and are upcoming at `now`.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn lock_with_passes(
    client: &Client,
    id: Uuid,
    pass_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<LockedOrder> {
    course::lock_of_orders(client, &vec![id], pass_ids, now).await?;
    promo_code::lock_of_order(client, id).await?;
    LOCK.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    let row = FIND_STATE.one(client, &[&id]).await?;
    let state = OrderState::from_column(row.try_get("state")?)?;
    let is_active: bool = row.try_get("is_active")?;
    Ok(LockedOrder {
        id,
        is_payable: state == OrderState::Open && is_active,
        is_paid: state == OrderState::Paid,
        is_cancelled: state == OrderState::Cancelled,
    })
}
