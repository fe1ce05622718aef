//! Starting a membership.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Membership, MembershipStatus, find, find_current};
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::order::{NOT_SOLD, lock_member};
use crate::models::payment_method::CARD_NOT_AVAILABLE;
use crate::models::product::{self, BillingPeriod, Product};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long the checkout can be paid. Stripe rejects one that expires in less than thirty minutes.
const CHECKOUT_TIME: TimeDelta = TimeDelta::minutes(31);

/// The first step of starting a membership.
#[derive(Clone, Debug)]
pub enum MembershipStart {
    /// It can be paid at a checkout.
    Payable(Membership),
    /// Its checkout has expired, or is for another product. It must be closed at the provider
    /// first. Nothing was changed.
    Stale(Membership),
}

static INSERT: Statement = Statement::new(
    "membership.insert",
    "insert into memberships (id, user_id, product_id, name, price, currency, every, credits, days,
        expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
);

/// Starts a membership, or finds the one that the member has started before. Must be called in a
/// transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the account is closed; 409 `product_not_sold` when the product does
/// not exist, is retired, or is not a membership; 409 `card_not_available`; 409 `membership_exists`
/// when the member has one.
pub async fn start(
    client: &Client,
    user_id: Uuid,
    product_id: Uuid,
    currency: &str,
    accepts_cards: bool,
    now: DateTime<Utc>,
) -> Result<MembershipStart> {
    lock_member(client, user_id).await?;
    let (product, every) = find_sold(client, product_id).await?;
    if !accepts_cards {
        return Err(CARD_NOT_AVAILABLE);
    }
    if let Some(membership) = find_current(client, user_id).await? {
        if membership.status != MembershipStatus::Starting
            || membership.provider_subscription.is_some()
        {
            return Err(EXISTS);
        }
        let is_payable = is_same(&membership, &product, currency) && membership.expires_at > now;
        return Ok(match is_payable {
            true => MembershipStart::Payable(membership),
            false => MembershipStart::Stale(membership),
        });
    }
    let id = random::id();
    INSERT
        .execute(
            client,
            &[
                &id,
                &user_id,
                &product.id,
                &product.name,
                &product.price.as_column(),
                &currency.to_owned(),
                &every.as_str(),
                &product.credits,
                &product.days,
                &(now + CHECKOUT_TIME),
            ],
        )
        .await?;
    let started = find(client, id).await?;
    started.map(MembershipStart::Payable).ok_or(Error::NotFound)
}

async fn find_sold(client: &Client, id: Uuid) -> Result<(Product, BillingPeriod)> {
    let product = match product::find(client, id).await {
        Ok(product) if product.is_active => product,
        Ok(_) | Err(Error::NotFound) => return Err(NOT_SOLD),
        Err(error) => return Err(error),
    };
    let every = product.every.ok_or(NOT_SOLD)?;
    Ok((product, every))
}

/// Returns whether the membership is still what the member would start now. The member has seen
/// the current price and conditions.
fn is_same(membership: &Membership, product: &Product, currency: &str) -> bool {
    membership.product_id == product.id
        && membership.name == product.name
        && membership.price == product.price
        && membership.currency == currency
        && membership.credits == product.credits
}

static EXTEND: Statement = Statement::new(
    "membership.extend",
    "update memberships set expires_at = $3
    where id = $1 and expires_at = $2 and status = 'starting' and checkout is null",
);

/// Extends the time for a checkout that could not be created. If a concurrent call has extended
/// it first, nothing changes. Returns the membership as it is now.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn extend(
    client: &Client,
    membership: &Membership,
    now: DateTime<Utc>,
) -> Result<Membership> {
    // The idempotency key contains the expiry in whole seconds, so a new key needs a later one.
    let expires_at = (membership.expires_at + TimeDelta::seconds(1)).max(now + CHECKOUT_TIME);
    EXTEND
        .execute(
            client,
            &[&membership.id, &membership.expires_at, &expires_at],
        )
        .await?;
    find(client, membership.id).await?.ok_or(Error::NotFound)
}

// The first checkout is kept. If the membership has ended in the meantime, its checkout must be
// closed.
static STORE_CHECKOUT: Statement = Statement::new(
    "membership.store_checkout",
    "update memberships set checkout = $2, checkout_url = case status when 'starting' then $3 end,
        must_end = must_end or status = 'ended',
        next_attempt_at = case status when 'ended' then now() else next_attempt_at end
    where id = $1 and checkout is null",
);

/// Stores the checkout that the provider created. Returns the membership as it is now.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn store_checkout(
    client: &Client,
    id: Uuid,
    checkout: &str,
    url: Option<String>,
) -> Result<Membership> {
    STORE_CHECKOUT
        .execute(client, &[&id, &checkout, &url])
        .await?;
    find(client, id).await?.ok_or(Error::NotFound)
}

static ABANDON: Statement = Statement::new(
    "membership.abandon",
    "update memberships set status = 'ended', ended_at = $2
    where id = $1 and status = 'starting' and checkout is null",
);

/// Ends a membership that has no checkout, because the provider refuses to create one.
pub async fn abandon(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    ABANDON.execute(client, &[&id, &now]).await
}

const EXISTS: Error = Error::Conflict {
    code: ErrorCode::MembershipExists,
    message: "You have a membership already",
};
