//! Claiming the card payments that must be checked with the provider.
//!
//! A claim reserves a payment until its next attempt is due. This is longer than a call
//! to the provider takes. If the process dies, another process claims the payment at that
//! time. The delay doubles with each attempt, from one minute to six hours.

use chrono::{DateTime, Utc};

use super::row::{Payment, payment_columns};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// Creates the statement that claims at most `$1` card payments for which `$condition` is
/// true.
macro_rules! claim_statement {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "with due as materialized (
                    select id from payments
                    where coalesce(method, tender) = 'card' and next_attempt_at <= now() and ",
                $condition,
                " order by next_attempt_at limit $1 for update skip locked
                )
                update payments p set attempts = p.attempts + 1, next_attempt_at = now()
                    + least(interval '6 hours', interval '1 minute' * power(2, least(p.attempts, 16)))
                from due where p.id = due.id returning ",
                payment_columns!()
            ),
        )
    };
}

static CLAIM_UNPAID: Statement = claim_statement!(
    "payment.claim_unpaid",
    "status = 'pending' and expires_at <= $2"
);

/// Claims pending card payments that have expired.
pub async fn claim_unpaid(client: &Client, limit: i64, now: DateTime<Utc>) -> Result<Vec<Payment>> {
    let rows = CLAIM_UNPAID.all(client, &[&limit, &now]).await?;
    rows.iter().map(Payment::from_row).collect()
}

static CLAIM_UNCLOSED: Statement = claim_statement!(
    "payment.claim_unclosed",
    "status in ('cancelled', 'failed') and checkout_url is not null"
);

/// Claims cancelled and failed card payments whose checkout may still be open.
pub async fn claim_unclosed(client: &Client, limit: i64) -> Result<Vec<Payment>> {
    let rows = CLAIM_UNCLOSED.all(client, &[&limit]).await?;
    rows.iter().map(Payment::from_row).collect()
}
