//! Claiming the card payments that must be checked with the provider.
//!
//! A claim reserves a payment until its next attempt is due. This is longer than a call
//! to the provider takes. If the process dies, another process claims the payment at that
//! time. The delay doubles with each attempt, from one minute to six hours.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::row::{Payment, payment_columns};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// Creates the statement that claims one card payment for which `$condition` is true.
macro_rules! claim_statement {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "update payments p set attempts = p.attempts + 1, next_attempt_at = now()
                    + least(interval '6 hours', interval '1 minute' * power(2, least(p.attempts, 16)))
                from (
                    select id from payments
                    where method = 'card' and next_attempt_at <= now() and ",
                $condition,
                " order by next_attempt_at limit 1 for update skip locked
                ) due
                where p.id = due.id returning ",
                payment_columns!()
            ),
        )
    };
}

static CLAIM_UNPAID: Statement = claim_statement!(
    "payment.claim_unpaid",
    "status = 'pending' and expires_at <= $1"
);

/// Claims a pending card payment that has expired.
pub async fn claim_unpaid(client: &Client, now: DateTime<Utc>) -> Result<Option<Payment>> {
    let row = CLAIM_UNPAID.opt(client, &[&now]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static CLAIM_UNCLOSED: Statement = claim_statement!(
    "payment.claim_unclosed",
    "status in ('cancelled', 'failed') and checkout_url is not null"
);

/// Claims a cancelled or failed card payment whose checkout may still be open.
pub async fn claim_unclosed(client: &Client) -> Result<Option<Payment>> {
    let row = CLAIM_UNCLOSED.opt(client, &[]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static CLAIM_REFUND: Statement = claim_statement!("payment.claim_refund", "status = 'refund_due'");

/// Claims a card payment whose refund is due.
pub async fn claim_refund(client: &Client) -> Result<Option<Payment>> {
    let row = CLAIM_REFUND.opt(client, &[]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static STORE_REFUND: Statement = Statement::new(
    "payment.store_refund",
    "update payments set provider_refund = $2 where id = $1",
);

/// Stores the provider's id of a refund that is in progress.
pub async fn store_refund(client: &Client, id: Uuid, refund_id: &str) -> Result<()> {
    STORE_REFUND.execute(client, &[&id, &refund_id]).await
}
