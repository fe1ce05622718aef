//! Entering the refunds that the provider has made.
//!
//! The money has moved, so these refunds are stored as they are. Sabor sent them, or somebody
//! made them in the provider's dashboard, or the previous version of the program sent them.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::refund::{RefundSource, RefundState};
use super::row::{Payment, PaymentMethod, record_event};
use super::settlement::{Outcome, lock_payment, mismatch};
use crate::crypto::random;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::minor_units::from_minor_units;
use crate::values::money::Money;

/// How many refunds of a payment may fail before nothing is tried again. Staff can still
/// refund the payment.
const MAX_FAILED: usize = 3;

/// The pause before a refund that failed is tried again.
const RETRY_PAUSE: TimeDelta = TimeDelta::hours(1);

/// The provider's reason for a refund that failed because the payment was disputed.
const FAILED_FOR_DISPUTE: &str = "charge_for_pending_refund_disputed";

/// A refund, as the provider reports it.
#[derive(Clone, Debug)]
pub struct ProviderRefund {
    /// The provider's id.
    pub id: String,
    /// Our id of the refund, if the provider's refund names one.
    pub refund_id: Option<Uuid>,
    /// Our id of the payment, if the provider's refund names one.
    pub payment_id: Option<Uuid>,
    /// The state: `Sent`, `Done`, or `Failed`.
    pub state: RefundState,
    /// Whether somebody cancelled it, so that it must not be tried again.
    pub is_cancelled: bool,
    /// The provider's reason for the failure.
    pub failure_reason: Option<String>,
    /// The amount in the smallest unit of the currency.
    pub amount: i64,
    /// The ISO 4217 code of the currency, in upper or lower case.
    pub currency: String,
}

struct RefundRow {
    id: Uuid,
    amount: Money,
    state: RefundState,
    is_by_provider: bool,
    provider_refund: Option<String>,
}

impl RefundRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            amount: Money::from_column(row.try_get::<_, Decimal>("amount")?),
            state: RefundState::from_column(row.try_get("state")?)?,
            is_by_provider: row.try_get("is_by_provider")?,
            provider_refund: row.try_get("provider_refund")?,
        })
    }

    /// Returns whether the provider has not made it, as far as we know.
    fn is_unmade(&self) -> bool {
        match self.state {
            RefundState::Due => true,
            RefundState::Sent => self.provider_refund.is_none(),
            _ => false,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, RefundState::Due | RefundState::Sent)
    }

    fn counts(&self) -> bool {
        self.is_open() || self.state == RefundState::Done
    }
}

static LIST: Statement = Statement::new(
    "refund.list",
    "select id, amount, state, source = 'provider' as is_by_provider, provider_refund
    from refunds where payment_id = $1 order by created_at, id for no key update",
);

/// Enters the refunds that the provider has made of a payment, oldest first. Must be
/// called in a transaction.
///
/// A refund that fails is tried again by another row. Refunds of ours that were not made
/// are withdrawn where the provider's do not leave room for them. The outcome is a
/// mismatch if a person must look at the payment.
pub async fn enter_refunds(
    client: &Client,
    payment_id: Uuid,
    refunds: &[ProviderRefund],
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let Some((payment, _)) = lock_payment(client, payment_id).await? else {
        return Ok(Outcome::Unchanged);
    };
    if payment.method != PaymentMethod::Card {
        return Ok(mismatch(&payment, "a refund of a payment at the desk"));
    }
    let mut entry = Entry {
        client,
        payment: &payment,
        now,
        outcome: Outcome::Unchanged,
        done_count: 0,
        due_again: false,
    };
    for refund in refunds {
        entry.enter(refund).await?;
    }
    entry.finish().await
}

struct Entry<'a> {
    client: &'a Client,
    payment: &'a Payment,
    now: DateTime<Utc>,
    outcome: Outcome,
    done_count: usize,
    due_again: bool,
}

impl Entry<'_> {
    async fn enter(&mut self, refund: &ProviderRefund) -> Result<()> {
        let currency = &self.payment.currency;
        let amount = from_minor_units(refund.amount, currency)
            .filter(|amount| !amount.is_zero())
            .filter(|_| refund.currency.eq_ignore_ascii_case(currency));
        let Some(amount) = amount else {
            self.outcome = mismatch(self.payment, "a refund of another amount or currency");
            return Ok(());
        };
        let rows = LIST.all(self.client, &[&self.payment.id]).await?;
        let rows: Vec<RefundRow> = rows
            .iter()
            .map(RefundRow::from_row)
            .collect::<Result<_>>()?;
        let known = find(&rows, refund, self.payment.id, amount);
        match known {
            Some(known) if is_settled(known, refund) => return Ok(()),
            Some(known) if known.amount != amount => {
                self.outcome = mismatch(self.payment, "a refund of another amount");
                return Ok(());
            }
            _ => {}
        }
        let is_claimed = known.is_some_and(RefundRow::counts);
        if refund.state != RefundState::Failed && !is_claimed {
            let own_id = known.map(|known| known.id);
            if !self.make_room(&rows, own_id, amount).await? {
                self.outcome = mismatch(self.payment, "refunds of more than the payment");
                return Ok(());
            }
        }
        self.store(known, refund, amount).await?;
        let was_done = known.is_some_and(|known| known.state == RefundState::Done);
        if refund.state == RefundState::Done && !was_done {
            self.done_count += 1;
        }
        if refund.state == RefundState::Failed {
            self.outcome = mismatch(self.payment, "a refund failed");
            self.try_again(known, &rows, refund, amount).await?;
        } else if matches!(self.outcome, Outcome::Unchanged) {
            self.outcome = Outcome::Changed;
        }
        Ok(())
    }

    /// Stores the state of a refund, in its row or in a new one.
    async fn store(
        &self,
        known: Option<&RefundRow>,
        refund: &ProviderRefund,
        amount: Money,
    ) -> Result<()> {
        let state = refund.state.as_str();
        let done_at = (refund.state == RefundState::Done).then_some(self.now);
        let Some(known) = known else {
            return INSERT
                .execute(
                    self.client,
                    &[
                        &random::id(),
                        &self.payment.id,
                        &amount.as_column(),
                        &state,
                        &RefundSource::Provider.as_str(),
                        &Some(refund.id.clone()),
                        &refund.failure_reason,
                        &self.now,
                        &done_at,
                    ],
                )
                .await;
        };
        UPDATE
            .execute(
                self.client,
                &[
                    &known.id,
                    &state,
                    &refund.id,
                    &refund.failure_reason,
                    &self.now,
                    &done_at,
                ],
            )
            .await
    }

    /// Withdraws refunds of ours that were not made, newest first, until `amount` fits.
    /// If more is withdrawn than is needed, another refund of the rest is due. Returns
    /// whether the amount fits.
    async fn make_room(
        &mut self,
        rows: &[RefundRow],
        own_id: Option<Uuid>,
        amount: Money,
    ) -> Result<bool> {
        let claimed: Decimal = rows
            .iter()
            .filter(|row| row.counts())
            .map(|row| row.amount.as_column())
            .sum();
        let mut missing = claimed + amount.as_column() - self.payment.amount.as_column();
        let unmade = rows.iter().rev().filter(|row| row.is_unmade());
        let mut withdrawn = Vec::new();
        for row in unmade {
            if missing <= Decimal::ZERO {
                break;
            }
            if Some(row.id) != own_id {
                withdrawn.push(row.id);
                missing -= row.amount.as_column();
            }
        }
        if missing > Decimal::ZERO {
            return Ok(false);
        }
        if let Some(last) = withdrawn.last().copied() {
            WITHDRAW.execute(self.client, &[&withdrawn]).await?;
            if missing < Decimal::ZERO {
                self.insert_again(last, -missing, self.now).await?;
            }
        }
        Ok(true)
    }

    /// Makes another refund due in place of one of ours that failed. Nothing is tried
    /// again after too many failures, after somebody cancelled the refund, and after a
    /// dispute, which decides about the money.
    async fn try_again(
        &mut self,
        known: Option<&RefundRow>,
        rows: &[RefundRow],
        refund: &ProviderRefund,
        amount: Money,
    ) -> Result<()> {
        let Some(known) = known.filter(|known| !known.is_by_provider) else {
            return Ok(());
        };
        let earlier = rows.iter().filter(|row| {
            row.state == RefundState::Failed && row.id != known.id && row.provider_refund.is_some()
        });
        let is_final = refund.is_cancelled
            || refund.failure_reason.as_deref() == Some(FAILED_FOR_DISPUTE)
            || earlier.count() + 1 >= MAX_FAILED;
        if !is_final {
            self.insert_again(known.id, amount.as_column(), self.now + RETRY_PAUSE)
                .await?;
        }
        Ok(())
    }

    async fn insert_again(&mut self, id: Uuid, amount: Decimal, at: DateTime<Utc>) -> Result<()> {
        let row = INSERT_AGAIN
            .one(self.client, &[&random::id(), &id, &amount, &at])
            .await?;
        self.due_again |= RefundState::from_column(row.try_get("state")?)? == RefundState::Due;
        Ok(())
    }

    /// Records the member's events, which must come last.
    async fn finish(self) -> Result<Outcome> {
        for _ in 0..self.done_count {
            record_event(self.client, self.payment, "payment_refunded").await?;
        }
        if self.due_again {
            record_event(self.client, self.payment, "payment_refund_due").await?;
        }
        Ok(match self.outcome {
            Outcome::Changed if self.due_again => Outcome::RefundDue,
            outcome => outcome,
        })
    }
}

/// Finds the row of a refund: by the provider's id, by our id, or as the refund that the
/// previous version of the program has sent, which names the payment alone.
fn find<'a>(
    rows: &'a [RefundRow],
    refund: &ProviderRefund,
    payment_id: Uuid,
    amount: Money,
) -> Option<&'a RefundRow> {
    let has_provider_id = |row: &&RefundRow| row.provider_refund.as_ref() == Some(&refund.id);
    let unnamed = || rows.iter().filter(|row| row.provider_refund.is_none());
    let has_own_id = |row: &&RefundRow| Some(row.id) == refund.refund_id;
    let is_of_payment = refund.refund_id.is_none() && refund.payment_id == Some(payment_id);
    let could_be_sent = |row: &&RefundRow| is_of_payment && row.is_open() && row.amount == amount;
    rows.iter()
        .find(has_provider_id)
        .or_else(|| unnamed().find(has_own_id))
        .or_else(|| unnamed().find(could_be_sent))
}

/// Returns whether the row already has what the provider reports, or something newer. A
/// failed refund stays failed, and only a failure follows a success.
fn is_settled(row: &RefundRow, refund: &ProviderRefund) -> bool {
    if row.provider_refund.is_none() {
        return false;
    }
    match row.state {
        RefundState::Failed => true,
        RefundState::Done => refund.state != RefundState::Failed,
        state => state == refund.state,
    }
}

static INSERT: Statement = Statement::new(
    "refund.insert_of_provider",
    "insert into refunds (id, payment_id, amount, state, source, provider_refund,
        provider_reason, first_sent_at, done_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);

static UPDATE: Statement = Statement::new(
    "refund.update",
    "update refunds set state = $2, provider_refund = $3, provider_reason = $4,
        first_sent_at = coalesce(first_sent_at, $5), done_at = $6
    where id = $1",
);

static WITHDRAW: Statement = Statement::new(
    "refund.withdraw",
    "update refunds set state = 'withdrawn' where id = any ($1)",
);

static INSERT_AGAIN: Statement = Statement::new(
    "refund.insert_again",
    "insert into refunds (id, payment_id, amount, method, source, reason, by, next_attempt_at)
    select $1, payment_id, $3, method, source, reason, by, $4 from refunds where id = $2
    returning state",
);
