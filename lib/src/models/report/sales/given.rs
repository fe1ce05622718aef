//! The spots that the studio gave for free.

use rust_decimal::Decimal;

use super::{Scope, amount};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The spots that the studio gave for free. Nobody owes anything for them.
#[derive(Clone, Debug)]
pub struct GivenSum {
    /// The number of spots.
    pub count: i64,
    /// What they would have cost.
    pub value: Decimal,
}

static SUM: Statement = Statement::new(
    "report.given_sums",
    "select count(*) as count, sum(given_price) as value from bookings
    where given_at >= $1 and given_at < $2 and currency = $3
      and status in ('booked', 'attended', 'no_show')",
);

/// Sums up the spots that were given, without those that were cancelled afterwards.
pub async fn sum(client: &Client, scope: &Scope) -> Result<GivenSum> {
    let row = SUM
        .one(client, &[&scope.since, &scope.till, &scope.currency])
        .await?;
    Ok(GivenSum {
        count: row.try_get("count")?,
        value: amount(&row, "value")?,
    })
}
