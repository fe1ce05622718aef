//! The balance at the provider: what it has kept, its payouts, and what matches nothing of Sabor's.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::{Scope, amount};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How many entries that match nothing are listed.
const UNMATCHED_MAX: i64 = 500;

/// Sums of entries. Charges, refunds, disputes, and other entries together, minus the fees, are the
/// net.
#[derive(Clone, Copy, Debug)]
pub struct EntrySums {
    /// Payments by card, before fees.
    pub charges: Decimal,
    /// Refunds, and those that failed. Negative if more was given back.
    pub refunds: Decimal,
    /// Disputes. Negative if more was taken.
    pub disputes: Decimal,
    /// What the provider has kept.
    pub fees: Decimal,
    /// Everything else.
    pub other: Decimal,
}

impl EntrySums {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            charges: amount(row, "charges")?,
            refunds: amount(row, "refunds")?,
            disputes: amount(row, "disputes")?,
            fees: amount(row, "fees")?,
            other: amount(row, "other")?,
        })
    }

    /// Returns what has reached the balance.
    pub fn net(&self) -> Decimal {
        self.charges + self.refunds + self.disputes + self.other - self.fees
    }
}

// The provider's categories, in groups.

macro_rules! charges {
    () => {
        "'charge', 'charge_failure'"
    };
}

macro_rules! refunds {
    () => {
        "'refund', 'refund_failure', 'partial_capture_reversal'"
    };
}

macro_rules! disputes {
    () => {
        "'dispute', 'dispute_reversal'"
    };
}

/// What the provider charges for its services.
macro_rules! services {
    () => {
        "'fee', 'tax', 'network_cost'"
    };
}

macro_rules! payouts {
    () => {
        "'payout', 'payout_reversal'"
    };
}

/// Sums up the entries `e` as columns of [`EntrySums`]. A payout is not part of any sum, but its
/// fee is.
macro_rules! entry_sums {
    () => {
        concat!(
            "sum(e.amount) filter (where e.category in (",
            charges!(),
            ")) as charges, sum(e.amount) filter (where e.category in (",
            refunds!(),
            ")) as refunds, sum(e.amount) filter (where e.category in (",
            disputes!(),
            ")) as disputes, sum(e.fee - case when e.category in (",
            services!(),
            ") then e.amount else 0 end) as fees, sum(e.amount) filter (where e.category not in (",
            charges!(),
            ", ",
            refunds!(),
            ", ",
            disputes!(),
            ", ",
            services!(),
            ", ",
            payouts!(),
            ")) as other"
        )
    };
}

static SUM_UP: Statement = Statement::new(
    "report.provider_sums",
    concat!(
        "select ",
        entry_sums!(),
        ", -sum(e.amount) filter (where e.category in (",
        payouts!(),
        ")) as paid_out
        from provider_entries e, provider_pull known
        where e.created_at >= greatest($1, known.complete_since)
          and e.created_at < least($2, known.complete_until) and e.currency = $3"
    ),
);

/// What happened in the balance in the scope.
#[derive(Clone, Copy, Debug)]
pub struct BalanceSums {
    /// The entries.
    pub entries: EntrySums,
    /// What was sent to the bank, without payouts that failed.
    pub paid_out: Decimal,
}

/// Sums up the entries of the scope, as far as they are known.
pub async fn sum_up(client: &Client, scope: &Scope) -> Result<BalanceSums> {
    let row = SUM_UP
        .one(client, &[&scope.since, &scope.till, &scope.currency])
        .await?;
    Ok(BalanceSums {
        entries: EntrySums::from_row(&row)?,
        paid_out: amount(&row, "paid_out")?,
    })
}

/// A payout, and what it consists of.
#[derive(Clone, Debug)]
pub struct PayoutSums {
    /// The provider's id.
    pub id: String,
    /// The day on which the bank gets the money.
    pub arrives_on: NaiveDate,
    /// What the bank gets. Negative if the provider takes money from the bank.
    pub amount: Decimal,
    /// Whether the provider has started it. Otherwise, it does not know what it consists of.
    pub is_automatic: bool,
    /// Whether the bank has sent it back, or it was cancelled.
    pub has_failed: bool,
    /// What it consists of. `None` if that is not known.
    pub entries: Option<EntrySums>,
}

// A payout that was sent back is an entry of a later payout.
static LIST_PAYOUTS: Statement = Statement::new(
    "report.payouts",
    concat!(
        "select p.id, p.arrives_on, p.is_automatic, p.is_complete, -own.amount as amount, exists (
            select from provider_entries r
            where r.source = p.id and r.category = 'payout_reversal') as has_failed, parts.*
        from provider_payouts p
        join provider_entries own on own.source = p.id and own.category = 'payout'
        cross join lateral (
            select charges, refunds, disputes, fees, coalesce(other, 0) + coalesce(returned, 0)
                as other
            from (select ",
        entry_sums!(),
        ", sum(e.amount) filter (where e.category = 'payout_reversal') as returned
                from provider_entries e
                where e.payout = p.id and e.category <> 'payout') sums
        ) parts
        where p.arrives_on between $1 and $2 and own.currency = $3
        order by p.arrives_on desc, own.created_at desc, p.id"
    ),
);

/// Lists the payouts that reach the bank from `from` to `to`, latest first.
pub async fn list_payouts(
    client: &Client,
    from: NaiveDate,
    to: NaiveDate,
    currency: &str,
) -> Result<Vec<PayoutSums>> {
    let rows = LIST_PAYOUTS.all(client, &[&from, &to, &currency]).await?;
    let from_row = |row: &Row| {
        let is_complete: bool = row.try_get("is_complete")?;
        Ok(PayoutSums {
            id: row.try_get("id")?,
            arrives_on: row.try_get("arrives_on")?,
            amount: amount(row, "amount")?,
            is_automatic: row.try_get("is_automatic")?,
            has_failed: row.try_get("has_failed")?,
            entries: match is_complete {
                true => Some(EntrySums::from_row(row)?),
                false => None,
            },
        })
    };
    rows.iter().map(from_row).collect()
}

/// An entry that belongs to no payment, refund, or dispute of Sabor.
#[derive(Clone, Debug)]
pub struct UnmatchedEntry {
    /// The provider's id.
    pub id: String,
    /// The provider's type.
    pub kind: String,
    /// The provider's id of what has moved the balance.
    pub source: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// What was added to the balance. Negative if it was taken from it.
    pub amount: Decimal,
    /// What the provider has kept of it.
    pub fee: Decimal,
    /// The amount minus the fee.
    pub net: Decimal,
}

/// The entries that match nothing.
#[derive(Clone, Debug)]
pub struct Unmatched {
    /// How many there are.
    pub count: i64,
    /// The latest ones, latest first. At most 500.
    pub entries: Vec<UnmatchedEntry>,
}

// Payouts, and what the provider charges for its services, have no counterpart in Sabor. Other
// entries, such as money that the studio adds to its balance, have none either, but they are few, and
// staff should know them. Amounts are not compared: a payment of another amount needs a review anyway.
static LIST_UNMATCHED: Statement = Statement::new(
    "report.unmatched_entries",
    concat!(
        "select e.id, e.kind, e.source, e.created_at, e.amount, e.fee, e.net,
        count(*) over () as count
    from provider_entries e, provider_pull known
    where e.created_at >= greatest($1, known.complete_since)
      and e.created_at < least($2, known.complete_until) and e.currency = $3
      and e.category not in (",
        payouts!(),
        ", ",
        services!(),
        ") and not (e.category in (",
        charges!(),
        ") and exists (
        select from payments p where p.provider_payment = e.provider_payment))
      and not exists (select from refunds r where r.provider_refund = e.source)
      and not exists (select from disputes d where d.provider_dispute = e.source)
    order by e.created_at desc, e.id desc limit $4"
    ),
);

/// Lists the entries of the scope that belong to no payment, refund, or dispute of Sabor.
pub async fn list_unmatched(client: &Client, scope: &Scope) -> Result<Unmatched> {
    let rows = LIST_UNMATCHED
        .all(
            client,
            &[&scope.since, &scope.till, &scope.currency, &UNMATCHED_MAX],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(UnmatchedEntry {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            source: row.try_get("source")?,
            created_at: row.try_get("created_at")?,
            amount: amount(row, "amount")?,
            fee: amount(row, "fee")?,
            net: amount(row, "net")?,
        })
    };
    Ok(Unmatched {
        count: rows.first().map_or(Ok(0), |row| row.try_get("count"))?,
        entries: rows.iter().map(from_row).collect::<Result<_>>()?,
    })
}

static FIND_STATE: Statement = Statement::new(
    "report.provider_state",
    "select complete_since, complete_until, refused_at, array(
        select distinct e.currency::text from provider_entries e
        where e.created_at >= $1 and e.created_at < $2) as currencies
    from provider_pull",
);

/// How far the entries are known.
#[derive(Clone, Debug)]
pub struct ProviderState {
    /// All entries from the first to the second time are known. `None` if the provider was never
    /// asked.
    pub complete: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When the provider has refused to show the entries. `None` if it shows them.
    pub refused_at: Option<DateTime<Utc>>,
    /// The currencies of the entries in the scope.
    pub currencies: Vec<String>,
}

/// Returns how far the entries are known.
pub async fn state(client: &Client, scope: &Scope) -> Result<ProviderState> {
    let row = FIND_STATE.one(client, &[&scope.since, &scope.till]).await?;
    Ok(ProviderState {
        complete: Option::zip(
            row.try_get("complete_since")?,
            row.try_get("complete_until")?,
        ),
        refused_at: row.try_get("refused_at")?,
        currencies: row.try_get("currencies")?,
    })
}
