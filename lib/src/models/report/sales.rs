//! The sums of the sales report: what came in, what was sold, the tax, and what is open.
//!
//! A payment counts when it arrived (`paid_at`), and a refund when it was done (`done_at`). What a
//! gift card pays was counted as money when the gift card was sold.

pub mod given;
pub mod memberships;
pub mod money;
pub mod open;
pub mod products;
pub mod provider;
pub mod taxes;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use crate::error::{Error, Result};

/// What a report covers: a time, and one currency.
#[derive(Clone, Debug)]
pub struct Scope {
    /// When each bucket begins, in order.
    pub starts: Vec<DateTime<Utc>>,
    /// When the first bucket begins.
    pub since: DateTime<Utc>,
    /// When the last bucket ends, exclusive.
    pub till: DateTime<Utc>,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// How many decimals its amounts have.
    pub decimals: i32,
}

/// Returns the number of a bucket, from 0.
fn bucket(row: &Row) -> Result<usize> {
    let number: i32 = row.try_get("bucket")?;
    usize::try_from(number).map_err(|_| Error::internal("a bucket has a negative number"))
}

/// Returns a sum that the statement has computed.
fn amount(row: &Row, column: &str) -> Result<Decimal> {
    Ok(row
        .try_get::<_, Option<Decimal>>(column)?
        .unwrap_or_default())
}
