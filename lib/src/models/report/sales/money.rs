//! Money that came in and went out, by day and by tender.

use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::{Scope, amount, bucket};
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How money came in or went out. Payments with gift cards and credit are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoneyTender {
    /// A card, online at Stripe Checkout.
    Card,
    /// Cash.
    Cash,
    /// A card at the studio's own card reader.
    Terminal,
    /// A bank transfer.
    Transfer,
    /// A class or a fee that was paid at the desk. How is not known.
    Desk,
}

impl MoneyTender {
    fn from_column(text: &str) -> Result<Self> {
        match text {
            "card" => Ok(Self::Card),
            "cash" => Ok(Self::Cash),
            "terminal" => Ok(Self::Terminal),
            "transfer" => Ok(Self::Transfer),
            "desk" => Ok(Self::Desk),
            _ => Err(Error::internal("unknown tender of money")),
        }
    }

    /// Returns the name in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Cash => "cash",
            Self::Terminal => "terminal",
            Self::Transfer => "transfer",
            Self::Desk => "desk",
        }
    }
}

/// The payments or the refunds of a bucket with one tender and currency.
#[derive(Clone, Debug)]
pub struct MoneySum {
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The number of the bucket, from 0.
    pub bucket: usize,
    /// Whether the money was given back.
    pub is_refund: bool,
    /// How it came in or went out.
    pub tender: MoneyTender,
    /// The number of payments or refunds.
    pub count: i64,
    /// Their sum.
    pub amount: Decimal,
}

// A refund that was not paid out in the way of the payment counts for the way of the refund.
static LIST: Statement = Statement::new(
    "report.money",
    "select p.currency, width_bucket(p.paid_at, $3) - 1 as bucket, false as is_refund,
        coalesce(p.tender, p.method) as tender, count(*) as count, sum(p.amount) as amount
    from payments p
    where p.paid_at >= $1 and p.paid_at < $2 and p.wallet_id is null
    group by 1, 2, 3, 4
    union all
    select p.currency, width_bucket(r.done_at, $3) - 1, true,
        case r.method when 'original' then coalesce(p.tender, p.method) else r.method end,
        count(*), sum(r.amount)
    from refunds r join payments p on p.id = r.payment_id
    where r.state = 'done' and r.done_at >= $1 and r.done_at < $2
      and r.method <> 'credit' and (p.wallet_id is null or r.method <> 'original')
    group by 1, 2, 3, 4",
);

/// The disputes that were lost.
#[derive(Clone, Copy, Debug)]
pub struct LostDisputeSum {
    /// The number of disputes.
    pub count: i64,
    /// The money that the banks have kept.
    pub amount: Decimal,
}

static SUM_LOST_DISPUTES: Statement = Statement::new(
    "report.lost_disputes",
    "select count(*) as count, coalesce(sum(d.amount), 0) as amount
    from disputes d join payments p on p.id = d.payment_id
    where d.status = 'lost' and d.closed_at >= $1 and d.closed_at < $2 and p.currency = $3",
);

/// Sums up the disputes that were lost in the scope.
pub async fn sum_lost_disputes(client: &Client, scope: &Scope) -> Result<LostDisputeSum> {
    let row = SUM_LOST_DISPUTES
        .one(client, &[&scope.since, &scope.till, &scope.currency])
        .await?;
    Ok(LostDisputeSum {
        count: row.try_get("count")?,
        amount: amount(&row, "amount")?,
    })
}

/// Sums up payments and refunds in all currencies by bucket and tender. Payments with gift cards and
/// credit are not counted, and neither are refunds to them.
pub async fn list(client: &Client, scope: &Scope) -> Result<Vec<MoneySum>> {
    let rows = LIST
        .all(client, &[&scope.since, &scope.till, &scope.starts])
        .await?;
    let from_row = |row: &Row| {
        Ok(MoneySum {
            currency: row.try_get("currency")?,
            bucket: bucket(row)?,
            is_refund: row.try_get("is_refund")?,
            tender: MoneyTender::from_column(row.try_get("tender")?)?,
            count: row.try_get("count")?,
            amount: amount(row, "amount")?,
        })
    };
    rows.iter().map(from_row).collect()
}
