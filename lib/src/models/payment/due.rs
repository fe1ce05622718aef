//! Payments about which the provider has to be asked, past any request.
//!
//! Whoever takes one has it for itself until its pause is over, which is longer
//! than a call to the provider may take; so whoever is killed meanwhile leaves
//! it to the next. The pauses double, from a minute to six hours.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Payment, payment_columns};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

macro_rules! claim {
    ($name:literal, $due:literal) => {
        Statement::new(
            $name,
            concat!(
                "update payments p set attempts = p.attempts + 1, next_attempt_at = now()
                    + least(interval '6 hours', interval '1 minute' * power(2, least(p.attempts, 16)))
                from (
                    select id from payments
                    where method = 'card' and next_attempt_at <= now() and ",
                $due,
                " order by next_attempt_at limit 1 for update skip locked
                ) due
                where p.id = due.id returning ",
                payment_columns!()
            ),
        )
    };
}

static UNPAID: Statement = claim!(
    "payment.claim_unpaid",
    "status = 'pending' and expires_at <= $1"
);
static UNCLOSED: Statement = claim!(
    "payment.claim_unclosed",
    "status in ('cancelled', 'failed') and checkout_url is not null"
);
static REFUND: Statement = claim!("payment.claim_refund", "status = 'refund_due'");

/// A card payment that was not made in time, as far as we know.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]; so below.
pub async fn claim_unpaid(client: &Client, now: DateTime<Utc>) -> Result<Option<Payment>> {
    let row = UNPAID.opt(client, &[&now]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

/// A card payment that was given up, and whose checkout may still be open.
///
/// # Errors
///
/// As [`claim_unpaid`].
pub async fn claim_unclosed(client: &Client) -> Result<Option<Payment>> {
    let row = UNCLOSED.opt(client, &[]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

/// A card payment that has to go back.
///
/// # Errors
///
/// As [`claim_unpaid`].
pub async fn claim_refund(client: &Client) -> Result<Option<Payment>> {
    let row = REFUND.opt(client, &[]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static NOTE_REFUND: Statement = Statement::new(
    "payment.note_refund",
    "update payments set provider_refund = $2 where id = $1",
);

/// Keeps what the provider calls a refund that is under way.
///
/// # Errors
///
/// As [`claim_unpaid`].
pub async fn note_refund(client: &Client, id: Uuid, refund: &str) -> Result<()> {
    NOTE_REFUND.execute(client, &[&id, &refund]).await
}
