//! Cancelling orders that are not paid, and giving up the spots of orders.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::lock::lock;
use crate::error::{Error, ErrorCode, Result};
use crate::models::course::{self, ReleasedSpots};
use crate::models::member_event::{self, NewMemberEvent};
use crate::models::{ids, mail_outbox, promo_code, wallet};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

static CANCEL: Statement = Statement::new(
    "order.cancel",
    "with cancelled as (
        update orders set state = 'cancelled', cancelled_at = now()
        where id = any($1) and state = 'open' returning id
    )
    update payments p set status = 'cancelled', next_attempt_at = now()
    from cancelled where p.order_id = cancelled.id and p.status = 'pending'",
);

/// Cancels an open order, and its pending payment. The spots of a course are given up, and go to the
/// members on the waitlists. The member who loses them gets an e-mail, and `reason` is in it. The order
/// must be locked with [`lock`]. The checkout of the payment must be closed after the transaction.
/// Returns the members' events, which the caller records at the end of the transaction.
pub async fn cancel(
    client: &Client,
    id: Uuid,
    reason: Option<&str>,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let released = cancel_locked(client, &vec![id], reason, now).await?;
    mail_lost_spots(client, id, &released).await?;
    released.promote(client, now, studio).await
}

/// Cancels an open order like [`cancel`], without an e-mail, because the response tells the member.
pub async fn discard(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let released = cancel_locked(client, &vec![id], None, now).await?;
    released.promote(client, now, studio).await
}

/// Queues one e-mail about all spots that a member has lost.
async fn mail_lost_spots(client: &Client, id: Uuid, released: &ReleasedSpots) -> Result<()> {
    match released.is_empty() {
        true => Ok(()),
        false => mail_outbox::insert_for_order(client, id, "course_spots_lost").await,
    }
}

/// Cancels those of the locked orders that are open. Returns the spots that they held. The spots are
/// given up first, because a trigger would give them up without the waitlists.
pub(super) async fn cancel_locked(
    client: &Client,
    ids: &Vec<Uuid>,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<ReleasedSpots> {
    if ids.is_empty() {
        return Ok(ReleasedSpots::default());
    }
    let released = course::release_unpaid(client, ids, reason, now).await?;
    wallet::lock_of_orders(client, ids).await?;
    CANCEL.execute(client, &[ids]).await?;
    Ok(released)
}

/// Gives up the upcoming spots of lines of an order, which go to the members on the waitlists. Locks
/// the order first. Returns the members' events, which the caller records at the end of the
/// transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `order_not_paid`.
pub async fn release(
    client: &Client,
    id: Uuid,
    line_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    if line_ids.is_empty() {
        return Ok(Vec::new());
    }
    if !lock(client, id).await?.is_paid {
        return Err(NOT_PAID);
    }
    let released = course::release_lines(client, line_ids, now).await?;
    mail_lost_spots(client, id, &released).await?;
    released.promote(client, now, studio).await
}

const NOT_PAID: Error = Error::Conflict {
    code: ErrorCode::OrderNotPaid,
    message: "The order is not paid, so its spots cannot be released",
};

static LOCK_OPEN_COURSES: Statement = Statement::new(
    "order.lock_open_courses",
    "select o.id from orders o
    where o.user_id = $1 and o.state = 'open' and o.sold_by is null and exists (
        select from order_lines l
        where l.order_id = o.id and l.kind = 'course' and l.product_id = any($2))
    order by o.id for no key update",
);

/// Locks the open orders of courses that a locked member has placed. The classes and the promo codes
/// must be locked. Returns the ids of the orders.
pub(super) async fn lock_open_courses(
    client: &Client,
    user_id: Uuid,
    product_ids: &Vec<Uuid>,
) -> Result<Vec<Uuid>> {
    let rows = LOCK_OPEN_COURSES
        .all(client, &[&user_id, product_ids])
        .await?;
    ids(&rows)
}

static LOCK_OPEN_OF: Statement = Statement::new(
    "order.lock_open_of",
    "select id from orders where user_id = $1 and state = 'open' order by id for no key update",
);

/// Cancels the open orders of a member whose account is being closed or deactivated. The classes that
/// they hold must be locked. Returns the members' events, which the caller records at the end of the
/// transaction.
pub async fn cancel_open_of(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    promo_code::lock_of_orders(client, user_id).await?;
    let open = ids(&LOCK_OPEN_OF.all(client, &[&user_id]).await?)?;
    // Closing the account empties the member's credit later. Its wallet is locked here, so that all
    // wallets are locked together.
    wallet::lock_paying(client, None, user_id).await?;
    let released = cancel_locked(client, &open, None, now).await?;
    released.promote(client, now, studio).await
}

/// Refunds the shares of an order that are due, and those of classes that were cancelled. Locks the
/// order first, with all of its classes. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`](crate::Error::NotFound).
pub async fn refund_shares(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    lock(client, id).await?;
    let events = course::refund_shares_of_orders(client, &vec![id], now).await?;
    member_event::record(client, &events).await
}
