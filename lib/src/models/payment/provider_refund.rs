//! Recording the refunds that the provider has made.
//!
//! The money has moved, so these refunds are stored as the provider reports them. They were
//! sent by Sabor or by its previous version, or somebody made them in the provider's
//! dashboard.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::fee::clear_refunded_fee;
use super::refund::{RefundSource, RefundState};
use super::row::{Payment, PaymentChange, record_event};
use super::settlement::{Outcome, lock_payment, mismatch};
use crate::crypto::random;
use crate::error::Result;
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::minor_units::from_minor_units;
use crate::values::money::Money;

/// The number of failed refunds after which no refund of a payment is retried. Staff can
/// still refund the payment.
const MAX_FAILED_REFUNDS: usize = 3;

/// The pause before a failed refund is retried.
const RETRY_PAUSE: TimeDelta = TimeDelta::hours(1);

/// The provider's reason for a refund that failed because the payment was disputed.
const FAILED_BY_DISPUTE: &str = "charge_for_pending_refund_disputed";

/// A refund, as the provider reports it.
#[derive(Clone, Debug)]
pub struct ProviderRefund {
    /// The provider's id.
    pub id: String,
    /// Our id of the refund, if the provider's refund contains one.
    pub refund_id: Option<Uuid>,
    /// Our id of the payment, if the provider's refund contains one.
    pub payment_id: Option<Uuid>,
    /// The state: `Sent`, `Done`, or `Failed`.
    pub state: RefundState,
    /// Whether somebody cancelled the refund. It must then not be retried.
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

    /// Returns whether the refund is open and the provider has not reported it.
    fn can_be_withdrawn(&self) -> bool {
        match self.state {
            RefundState::Due => true,
            RefundState::Sent => self.provider_refund.is_none(),
            _ => false,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, RefundState::Due | RefundState::Sent)
    }

    /// Returns whether the amount counts as refunded, or as about to be refunded.
    fn counts(&self) -> bool {
        self.is_open() || self.state == RefundState::Done
    }
}

static LIST: Statement = Statement::new(
    "refund.list",
    "select id, amount, state, source = 'provider' as is_by_provider, provider_refund
    from refunds where payment_id = $1 order by created_at, id for no key update",
);

/// Records the provider's refunds of a payment. `refunds` must be sorted, oldest first. Must be
/// called in a transaction.
///
/// If a refund fails, another row retries it. Sabor's own refunds that the provider has not
/// made are withdrawn if the rest of the payment is too small for them. The outcome is a
/// mismatch if staff must check the payment.
pub async fn record_refunds(
    client: &Client,
    payment_id: Uuid,
    refunds: &[ProviderRefund],
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let Some((payment, subject)) = lock_payment(client, payment_id).await? else {
        return Ok(Outcome::Unchanged);
    };
    if payment.method != PaymentMethod::Card {
        return Ok(mismatch(&payment, "a refund of a payment at the desk"));
    }
    let mut recorder = RefundRecorder {
        client,
        payment: &payment,
        revival: match (subject.is_cancelled(), subject.is_paid_order()) {
            (true, _) => Revival::All,
            (false, true) => Revival::ByRule,
            (false, false) => Revival::Nothing,
        },
        now,
        outcome: Outcome::Unchanged,
        done_count: 0,
        is_due_again: false,
    };
    for refund in refunds {
        recorder.record(refund).await?;
    }
    if payment.status == PaymentStatus::Paid {
        clear_refunded_fee(client, payment.id).await?;
    }
    recorder.finish().await
}

/// Which of Sabor's own refunds are due again if the one that has replaced them fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Revival {
    /// None, because the member has the booking again, or the order is open.
    Nothing,
    /// Those that a rule has made: an order that is paid can have classes that were cancelled.
    ByRule,
    /// All, because the booking or the order was cancelled.
    All,
}

/// Records the refunds of one payment, one after another.
struct RefundRecorder<'a> {
    client: &'a Client,
    payment: &'a Payment,
    /// Which of Sabor's own refunds are due again if the one that has replaced them fails.
    revival: Revival,
    now: DateTime<Utc>,
    outcome: Outcome,
    /// The number of refunds that are now done and were not done before.
    done_count: usize,
    /// Whether another refund has become due in place of one that failed or was withdrawn.
    is_due_again: bool,
}

impl RefundRecorder<'_> {
    /// Records a refund, withdraws Sabor's own refunds that the rest of the payment no longer
    /// allows, and retries the refund if it failed.
    async fn record(&mut self, refund: &ProviderRefund) -> Result<()> {
        let currency = &self.payment.currency;
        let amount = from_minor_units(refund.amount, currency)
            .filter(|amount| !amount.is_zero())
            .filter(|_| refund.currency.eq_ignore_ascii_case(currency));
        let Some(amount) = amount else {
            self.outcome = mismatch(
                self.payment,
                "a refund of an invalid amount or in another currency",
            );
            return Ok(());
        };
        let rows = LIST.all(self.client, &[&self.payment.id]).await?;
        let rows: Vec<RefundRow> = rows
            .iter()
            .map(RefundRow::from_row)
            .collect::<Result<_>>()?;
        let known = find_row(&rows, refund, self.payment.id, amount);
        match known {
            Some(known) if is_up_to_date(known, refund) => return Ok(()),
            Some(known) if known.amount != amount => {
                self.outcome = mismatch(self.payment, "a refund of another amount");
                return Ok(());
            }
            _ => {}
        }
        let is_counted = known.is_some_and(RefundRow::counts);
        let mut replaced = Decimal::ZERO;
        if refund.state != RefundState::Failed && !is_counted {
            let reported_row_id = known.map(|known| known.id);
            let Some(withdrawn) = self.make_room(&rows, reported_row_id, amount).await? else {
                self.outcome = mismatch(self.payment, "refunds of more than the payment");
                return Ok(());
            };
            replaced = withdrawn;
        }
        self.store(known, refund, amount, replaced).await?;
        let was_done = known.is_some_and(|known| known.state == RefundState::Done);
        if refund.state == RefundState::Done && !was_done {
            self.done_count += 1;
        }
        if refund.state == RefundState::Failed {
            self.outcome = mismatch(self.payment, "a refund failed");
            self.retry_refund(known, &rows, refund, amount).await?;
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
        replaced: Decimal,
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
                        &replaced,
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

    /// Withdraws Sabor's own refunds that were not made, newest first, until `amount` and the
    /// other refunds together do not exceed the payment. If more is withdrawn than needed,
    /// another refund of the difference becomes due. Returns by how much the due amount was
    /// reduced, or `None` if `amount` is too large even then.
    async fn make_room(
        &mut self,
        rows: &[RefundRow],
        reported_row_id: Option<Uuid>,
        amount: Money,
    ) -> Result<Option<Decimal>> {
        let counted: Decimal = rows
            .iter()
            .filter(|row| row.counts())
            .map(|row| row.amount.as_column())
            .sum();
        let needed = counted + amount.as_column() - self.payment.amount.as_column();
        let mut missing = needed;
        let withdrawable = rows.iter().rev().filter(|row| row.can_be_withdrawn());
        let mut withdrawn = Vec::new();
        for row in withdrawable {
            if missing <= Decimal::ZERO {
                break;
            }
            if Some(row.id) != reported_row_id {
                withdrawn.push(row.id);
                missing -= row.amount.as_column();
            }
        }
        if missing > Decimal::ZERO {
            return Ok(None);
        }
        if let Some(last) = withdrawn.last().copied() {
            WITHDRAW.execute(self.client, &[&withdrawn]).await?;
            if missing < Decimal::ZERO {
                self.insert_again(last, -missing, self.now).await?;
            }
        }
        Ok(Some(needed.max(Decimal::ZERO)))
    }

    /// Makes another refund due in place of one of Sabor's own that failed. There is no
    /// retry after too many failures, if somebody cancelled the refund, or if it failed
    /// because of a dispute, which decides who gets the money. If the refund was made at the
    /// provider, the amount that was withdrawn for it becomes due again.
    async fn retry_refund(
        &mut self,
        known: Option<&RefundRow>,
        rows: &[RefundRow],
        refund: &ProviderRefund,
        amount: Money,
    ) -> Result<()> {
        let Some(known) = known else {
            return Ok(());
        };
        if known.is_by_provider {
            return self.insert_replaced(known.id).await;
        }
        let earlier = rows.iter().filter(|row| {
            row.state == RefundState::Failed && row.id != known.id && row.provider_refund.is_some()
        });
        let is_final = refund.is_cancelled
            || refund.failure_reason.as_deref() == Some(FAILED_BY_DISPUTE)
            || earlier.count() + 1 >= MAX_FAILED_REFUNDS;
        if !is_final {
            self.insert_again(known.id, amount.as_column(), self.now + RETRY_PAUSE)
                .await?;
        }
        Ok(())
    }

    /// Makes the amount that was withdrawn for a refund at the provider due again, as far as it
    /// still is.
    async fn insert_replaced(&mut self, id: Uuid) -> Result<()> {
        if self.revival == Revival::Nothing {
            return Ok(());
        }
        let is_by_rule = self.revival == Revival::ByRule;
        let row = INSERT_REPLACED
            .opt(self.client, &[&random::id(), &id, &self.now, &is_by_rule])
            .await?;
        if let Some(row) = row {
            self.is_due_again |=
                RefundState::from_column(row.try_get("state")?)? == RefundState::Due;
        }
        Ok(())
    }

    async fn insert_again(
        &mut self,
        id: Uuid,
        amount: Decimal,
        next_attempt_at: DateTime<Utc>,
    ) -> Result<()> {
        let row = INSERT_AGAIN
            .one(
                self.client,
                &[&random::id(), &id, &amount, &next_attempt_at],
            )
            .await?;
        self.is_due_again |= RefundState::from_column(row.try_get("state")?)? == RefundState::Due;
        Ok(())
    }

    /// Records the member's events. This must be the last statement of the transaction.
    async fn finish(self) -> Result<Outcome> {
        for _ in 0..self.done_count {
            record_event(self.client, self.payment, PaymentChange::Refunded).await?;
        }
        if self.is_due_again {
            record_event(self.client, self.payment, PaymentChange::RefundDue).await?;
        }
        Ok(match self.outcome {
            Outcome::Changed if self.is_due_again => Outcome::RefundDue,
            outcome => outcome,
        })
    }
}

/// Finds the row of a refund by the provider's id, or else by our id. A refund that the
/// previous version of the program has sent contains only the payment's id, so it is found
/// by the payment and the amount.
fn find_row<'a>(
    rows: &'a [RefundRow],
    refund: &ProviderRefund,
    payment_id: Uuid,
    amount: Money,
) -> Option<&'a RefundRow> {
    let has_provider_id = |row: &&RefundRow| row.provider_refund.as_ref() == Some(&refund.id);
    let without_provider_id = || rows.iter().filter(|row| row.provider_refund.is_none());
    let has_our_id = |row: &&RefundRow| Some(row.id) == refund.refund_id;
    let is_of_payment = refund.refund_id.is_none() && refund.payment_id == Some(payment_id);
    let may_be_this_refund =
        |row: &&RefundRow| is_of_payment && row.is_open() && row.amount == amount;
    rows.iter()
        .find(has_provider_id)
        .or_else(|| without_provider_id().find(has_our_id))
        .or_else(|| without_provider_id().find(may_be_this_refund))
}

/// Returns whether the row already has the state that the provider reports, or a later one.
/// A failed refund stays failed. A refund that is done can only become failed.
fn is_up_to_date(row: &RefundRow, refund: &ProviderRefund) -> bool {
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
        provider_reason, first_sent_at, done_at, replaced)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
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

// At most the remaining amount is refunded again, because staff may have refunded a part of
// the payment in another way. With `$4`, it is also at most what a rule has refunded before. If
// all of the failed refund is due again, this one replaces it, and staff have nothing to do.
static INSERT_REPLACED: Statement = Statement::new(
    "refund.insert_replaced",
    "with again as (
        select r.id as failed_id, p.id as payment_id,
            least(r.replaced, p.amount - p.refunded, case when $4 then (
                select coalesce(sum(w.amount), 0) from refunds w
                where w.payment_id = p.id and w.state = 'withdrawn' and w.source = 'rule')
                end) as amount
        from refunds r join payments p on p.id = r.payment_id
        where r.id = $2
    )
    insert into refunds (id, payment_id, amount, source, next_attempt_at, failed_refund_id)
    select $1, again.payment_id, again.amount, 'rule', $3,
        case when r.state = 'failed' and again.amount >= r.amount then r.id end
    from again join refunds r on r.id = again.failed_id
    where again.amount > 0
    returning state",
);

static INSERT_AGAIN: Statement = Statement::new(
    "refund.insert_again",
    "insert into refunds (id, payment_id, amount, method, source, reason, by, next_attempt_at,
        failed_refund_id)
    select $1, payment_id, $3, method, source, reason, by, $4,
        case state when 'failed' then id end
    from refunds where id = $2
    returning state",
);
