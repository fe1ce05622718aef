//! The balance at Stripe, in the sales report.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::models::report::sales::provider::{
    BalanceSums, EntrySums, PayoutSums, Unmatched, UnmatchedEntry,
};
use crate::values::currency::format_amount;
use crate::values::time_zone::TimeZone;

/// What happened in the balance at Stripe, as Stripe says. An entry counts on the studio's day on
/// which it was created.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StripeBalance)]
pub(super) struct StripeBalance {
    /// From when on all entries are known. Earlier ones do not count.
    complete_since: DateTime<Utc>,
    /// Until when all entries are known. They are read once a night.
    complete_until: DateTime<Utc>,
    #[serde(flatten)]
    pub(super) parts: StripeParts,
    /// What has reached the balance: charges, refunds, disputes, and other entries together, minus
    /// the fees.
    pub(super) net: String,
    /// What was sent to the bank, without payouts that failed.
    pub(super) paid_out: String,
    /// The payouts that reach the bank in the range, latest first.
    pub(super) payouts: Vec<StripePayout>,
    /// How many entries match no payment, refund, or dispute here.
    unmatched_count: i64,
    /// These entries, latest first. At most 500.
    pub(super) unmatched: Vec<StripeEntry>,
}

/// What a balance or a payout consists of. What was taken is negative, except for the fees.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StripeParts {
    /// Payments by card, before fees.
    #[schema(examples("250.00"))]
    pub(super) charges: String,
    /// Refunds.
    pub(super) refunds: String,
    /// Disputes.
    pub(super) disputes: String,
    /// Everything else.
    pub(super) other: String,
    /// What Stripe keeps.
    pub(super) fees: String,
}

/// A payout to the studio's bank.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StripePayout {
    /// Stripe's id.
    #[schema(examples("po_1Pgc6Bll2uBXHUBB"))]
    pub(super) id: String,
    /// The day on which the bank gets the money.
    pub(super) arrives_on: NaiveDate,
    /// What the bank gets. Negative if Stripe takes money from the bank.
    pub(super) amount: String,
    /// Whether Stripe has started it. Otherwise, somebody has started it by hand.
    pub(super) is_automatic: bool,
    /// Whether the bank has sent it back, or it was cancelled.
    pub(super) has_failed: bool,
    /// What it consists of. Together, and minus the fees, that is the amount. Null if Stripe has not
    /// said so yet, or if somebody has started the payout by hand.
    pub(super) parts: Option<StripeParts>,
}

/// An entry at Stripe that matches nothing here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StripeEntry {
    /// Stripe's id.
    #[schema(examples("txn_1Pgc6Bll2uBXHUBB"))]
    pub(super) id: String,
    /// Stripe's type.
    #[schema(examples("charge"))]
    pub(super) stripe_type: String,
    /// Stripe's id of the charge, the refund, or the dispute. Null if there is none.
    pub(super) source: Option<String>,
    /// The studio's day on which it was created.
    pub(super) day: NaiveDate,
    /// What was added to the balance. Negative if it was taken from it.
    pub(super) amount: String,
    /// What Stripe has kept of it.
    pub(super) fee: String,
    /// The amount minus the fee.
    pub(super) net: String,
}

/// What the statements have read.
pub(super) struct BalanceFigures {
    pub(super) complete: (DateTime<Utc>, DateTime<Utc>),
    pub(super) sums: BalanceSums,
    pub(super) payouts: Vec<PayoutSums>,
    pub(super) unmatched: Unmatched,
}

impl StripeBalance {
    pub(super) fn new(figures: BalanceFigures, currency: &str, zone: &TimeZone) -> Self {
        let format = |amount: Decimal| format_amount(amount, currency);
        let BalanceFigures {
            complete: (complete_since, complete_until),
            sums,
            payouts,
            unmatched,
        } = figures;
        let payout = |payout: PayoutSums| StripePayout {
            id: payout.id,
            arrives_on: payout.arrives_on,
            amount: format(payout.amount),
            is_automatic: payout.is_automatic,
            has_failed: payout.has_failed,
            parts: payout.entries.map(|sums| StripeParts::new(&sums, format)),
        };
        let entry = |entry: UnmatchedEntry| StripeEntry {
            id: entry.id,
            stripe_type: entry.kind,
            source: entry.source,
            day: zone.date(entry.created_at),
            amount: format(entry.amount),
            fee: format(entry.fee),
            net: format(entry.net),
        };
        Self {
            complete_since,
            complete_until,
            parts: StripeParts::new(&sums.entries, format),
            net: format(sums.entries.net()),
            paid_out: format(sums.paid_out),
            payouts: payouts.into_iter().map(payout).collect(),
            unmatched_count: unmatched.count,
            unmatched: unmatched.entries.into_iter().map(entry).collect(),
        }
    }
}

impl StripeParts {
    fn new(sums: &EntrySums, format: impl Fn(Decimal) -> String) -> Self {
        Self {
            charges: format(sums.charges),
            refunds: format(sums.refunds),
            disputes: format(sums.disputes),
            other: format(sums.other),
            fees: format(sums.fees),
        }
    }
}
