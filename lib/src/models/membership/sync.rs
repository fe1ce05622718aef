//! Applying what the provider reports about a membership.

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Membership, MembershipStatus, MembershipSync, find};
use crate::crypto::encryption::Keyring;
use crate::error::{Error, Result};
use crate::models::mail_outbox;
use crate::models::member_event;
use crate::models::order::{self, NewInvoiceOrder};
use crate::models::pass::{self, PaidPeriod, PassPeriod};
use crate::models::payment::{self, InvoicePayment, Outcome, Payment};
use crate::models::product::BillingPeriod;
use crate::models::security_event::{self, SecurityEventKind};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;
use crate::values::minor_units::from_minor_units;
use crate::values::money::Money;
use crate::values::time_zone::TimeZone;

/// A period of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When the next one begins.
    pub end: DateTime<Utc>,
}

/// What the provider knows about a membership.
#[derive(Clone, Debug)]
pub enum MembershipReport {
    /// The checkout can still be paid.
    Waiting,
    /// There is no subscription, and there will be none.
    Gone,
    /// There is a second subscription, with this id at the provider. The first one was not read.
    SecondSubscription(String),
    /// There is a subscription.
    Subscription(Box<SubscriptionReport>),
}

/// A subscription, as the provider reports it.
#[derive(Clone, Debug)]
pub struct SubscriptionReport {
    /// The provider's id.
    pub id: String,
    /// The provider's id of the member.
    pub customer: String,
    /// The status.
    pub status: MembershipStatus,
    /// The current period. `None` if the provider reports none.
    pub period: Option<TimeRange>,
    /// The time from which the ends of the periods are counted.
    pub anchor: DateTime<Utc>,
    /// When it will end. `None` if it is renewed.
    pub cancel_at: Option<DateTime<Utc>>,
    /// The latest invoices, oldest first.
    pub invoices: Vec<InvoiceReport>,
}

/// An invoice of a subscription, as the provider reports it.
#[derive(Clone, Debug)]
pub struct InvoiceReport {
    /// The provider's id.
    pub id: String,
    /// Whether it is paid.
    pub is_paid: bool,
    /// Whether it waits for its payment.
    pub is_open: bool,
    /// How often the payment was attempted.
    pub attempt: i32,
    /// What was paid, in the smallest unit of the currency.
    pub amount_paid: i64,
    /// The ISO 4217 code of the currency, in upper or lower case.
    pub currency: String,
    /// The provider's id of the payment. `None` if nothing was paid, or if the money came to the
    /// studio in another way.
    pub provider_payment: Option<String>,
    /// The period of the membership. `None` if the invoice is for something else.
    pub period: Option<TimeRange>,
}

/// What is needed to apply a report.
pub struct ApplyContext<'a> {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The studio's time zone.
    pub zone: &'a TimeZone,
    /// How many days members keep their bookings in a period that is not paid.
    pub grace_days: i64,
    /// The keys that encrypt queued e-mails.
    pub keys: &'a Keyring,
    /// Who reports, for the security log.
    pub caller: &'a Caller,
}

impl ApplyContext<'_> {
    fn today(&self) -> NaiveDate {
        self.zone.date(self.now)
    }

    /// Returns the days of a period by the studio's calendar. The last one is the day before the
    /// next period begins.
    fn days_of(&self, period: TimeRange) -> PassPeriod {
        let first_day = self.zone.date(period.start);
        let days = (self.zone.date(period.end) - first_day).num_days();
        PassPeriod {
            first_day,
            days: i32::try_from(days).unwrap_or(i32::MAX).max(1),
        }
    }
}

/// Applies what the provider reports about a membership, unless a later synchronization was
/// applied already.
///
/// Each paid invoice becomes a paid order with a pass for its period. If the membership is renewed,
/// there is a pass for the next period too, which waits for its payment. Must be called in a
/// transaction.
pub async fn apply(
    client: &Client,
    sync: &MembershipSync,
    report: &MembershipReport,
    context: &ApplyContext<'_>,
) -> Result<Outcome> {
    let id = sync.membership.id;
    let is_open = lock_account(client, sync.membership.user_id).await?;
    pass::lock_unpaid(client, id, context.now).await?;
    LOCK.one(client, &[&id]).await?;
    LOCK_PASSES.all(client, &[&id]).await?;
    // A separate statement sees what was committed while the lock was awaited.
    let membership = find(client, id).await?.ok_or(Error::NotFound)?;
    if sync.number <= membership.sync_done {
        return Ok(Outcome::Unchanged);
    }
    let update = MembershipUpdate {
        client,
        sync,
        membership: &membership,
        is_open,
        context,
    };
    match report {
        MembershipReport::Waiting => update.store(MembershipStatus::Starting, None).await,
        // The checkout was created after Stripe was asked. The next synchronization reads it.
        MembershipReport::Gone if membership.checkout != sync.membership.checkout => {
            Ok(Outcome::Unchanged)
        }
        MembershipReport::Gone => {
            pass::set_unpaid_period(client, id, None, context.now, context.today()).await?;
            update.store(MembershipStatus::Ended, None).await
        }
        MembershipReport::SecondSubscription(subscription) => {
            let problem = "a membership has a second subscription at Stripe";
            update.leave_to_staff(subscription, problem).await?;
            Ok(Outcome::Changed)
        }
        MembershipReport::Subscription(subscription) => update.apply(subscription).await,
    }
}

static LOCK_ACCOUNT: Statement = Statement::new(
    "membership.lock_account",
    "select is_active from users where id = $1 for no key update",
);

/// Locks the member's row. Returns whether the account is active.
async fn lock_account(client: &Client, user_id: Uuid) -> Result<bool> {
    let row = LOCK_ACCOUNT.one(client, &[&user_id]).await?;
    Ok(row.try_get("is_active")?)
}

static LOCK: Statement = Statement::new(
    "membership.lock",
    "select id from memberships where id = $1 for no key update",
);

static LOCK_PASSES: Statement = Statement::new(
    "membership.lock_passes",
    "select id from passes where membership_id = $1 order by id for no key update",
);

static STORE: Statement = Statement::new(
    "membership.store",
    "update memberships set sync_done = $2, attempts = 0,
        next_attempt_at = now() + case when $9 then interval '0' else interval '1 hour' end,
        status = $3, ended_at = case when $3 = 'ended' then coalesce(ended_at, $4) end,
        checkout_url = case when $3 = 'starting' and $5::text is null then checkout_url end,
        provider_subscription = coalesce(provider_subscription, $5),
        period_end = coalesce($6, period_end), cancel_at = $7, must_end = $8
    where id = $1",
);

static STORE_CUSTOMER: Statement = Statement::new(
    "membership.store_customer",
    "update users set provider_customer = $2
    where id = $1 and closed_at is null and provider_customer is distinct from $2",
);

static STORE_FAILURE: Statement = Statement::new(
    "membership.store_failure",
    "update memberships set failed_invoice = $2, failed_attempt = $3 where id = $1",
);

static STORE_FOR_REVIEW: Statement = Statement::new(
    "membership.store_for_review",
    "update memberships set ids_to_review = ids_to_review || $2
    where id = $1 and not ids_to_review @> array[$2] returning id",
);

/// The update of a locked membership.
struct MembershipUpdate<'a> {
    client: &'a Client,
    sync: &'a MembershipSync,
    /// The membership as it is now.
    membership: &'a Membership,
    /// Whether the account of the member is active.
    is_open: bool,
    context: &'a ApplyContext<'a>,
}

/// A paid invoice that was recorded as an order.
struct RecordedInvoice {
    order_id: Uuid,
    /// The payment. `None` if nothing had to be paid.
    payment: Option<Payment>,
}

impl MembershipUpdate<'_> {
    async fn apply(&self, report: &SubscriptionReport) -> Result<Outcome> {
        let (client, membership) = (self.client, self.membership);
        let (now, today) = (self.context.now, self.context.today());
        let mut recorded = Vec::new();
        for invoice in report.invoices.iter().filter(|invoice| invoice.is_paid) {
            recorded.extend(self.record_paid(invoice).await?);
        }
        let unpaid = self.unpaid_period(report).await?;
        pass::set_unpaid_period(client, membership.id, unpaid, now, today).await?;
        let mut outcome = self.store(report.status, Some(report)).await?;
        STORE_CUSTOMER
            .execute(client, &[&membership.user_id, &report.customer])
            .await?;
        self.notify(report).await?;
        // The numbers of the receipts are locked after everything but the events.
        let mut events = Vec::new();
        for RecordedInvoice { order_id, .. } in &recorded {
            let settled = order::settle(client, *order_id, now, today, self.context.keys).await?;
            events.extend(settled.events);
        }
        member_event::record(client, &events).await?;
        let payments = recorded.into_iter().filter_map(|invoice| invoice.payment);
        let payments: Vec<Payment> = payments.collect();
        if self.refund_if_closed(&payments).await? {
            outcome = Outcome::RefundDue;
        }
        for payment in &payments {
            payment::record_invoice_event(client, payment, !self.is_open).await?;
        }
        Ok(outcome)
    }

    /// Stores the status. A membership that has ended stays ended. If its subscription goes on
    /// then, or if the account is closed, the subscription must be ended.
    async fn store(
        &self,
        status: MembershipStatus,
        report: Option<&SubscriptionReport>,
    ) -> Result<Outcome> {
        let was_ended = self.membership.status == MembershipStatus::Ended;
        let is_over = status == MembershipStatus::Ended;
        let must_end = !is_over && (self.membership.must_end || was_ended || !self.is_open);
        // This synchronization has not tried to end it.
        let is_end_due = must_end && !self.sync.membership.must_end_at_provider();
        let status = match was_ended {
            true => MembershipStatus::Ended,
            false => status,
        };
        let period = report.and_then(|report| report.period);
        STORE
            .execute(
                self.client,
                &[
                    &self.membership.id,
                    &self.sync.number,
                    &status.as_str(),
                    &self.context.now,
                    &report.map(|report| report.id.clone()),
                    &period.map(|period| period.end),
                    &report.and_then(|report| report.cancel_at),
                    &must_end,
                    &is_end_due,
                ],
            )
            .await?;
        Ok(match is_end_due {
            true => Outcome::MembershipMustEnd,
            false => Outcome::MembershipUpdated,
        })
    }

    /// Records a paid invoice as an order, and gives the pass of its period. The order must be
    /// settled afterwards. Returns `None` if the invoice was recorded before, or if staff must
    /// review it.
    async fn record_paid(&self, invoice: &InvoiceReport) -> Result<Option<RecordedInvoice>> {
        let (client, membership) = (self.client, self.membership);
        if order::has_invoice(client, &invoice.id).await? {
            return Ok(None);
        }
        let currency = invoice.currency.to_uppercase();
        let amount = from_minor_units(invoice.amount_paid, &currency);
        let period = invoice.period.map(|period| self.context.days_of(period));
        let (Some(amount), Some(period)) = (amount, period) else {
            let problem = "a paid invoice has no period";
            self.leave_to_staff(&invoice.id, problem).await?;
            return Ok(None);
        };
        if pass::is_paid(client, membership.id, period.first_day).await? {
            let problem = "a period was paid twice";
            self.leave_to_staff(&invoice.id, problem).await?;
            return Ok(None);
        }
        let new_order = NewInvoiceOrder {
            membership_id: membership.id,
            invoice: &invoice.id,
            amount,
            currency: &currency,
            period,
        };
        let (order_id, order_line_id) = order::insert_for_invoice(client, &new_order).await?;
        let paid = PaidPeriod {
            membership_id: membership.id,
            period,
            order_line_id,
            is_live: self.is_open,
        };
        pass::issue_paid(client, &paid).await?;
        let payment = self.insert_payment(invoice, order_id, amount, &currency);
        Ok(Some(RecordedInvoice {
            order_id,
            payment: payment.await?,
        }))
    }

    async fn insert_payment(
        &self,
        invoice: &InvoiceReport,
        order_id: Uuid,
        amount: Money,
        currency: &str,
    ) -> Result<Option<Payment>> {
        if amount.is_zero() {
            return Ok(None);
        }
        let new_payment = InvoicePayment {
            order_id,
            user_id: self.membership.user_id,
            amount,
            currency,
            provider_payment: invoice.provider_payment.as_deref(),
        };
        let inserted = payment::insert_for_invoice(self.client, &new_payment, self.context.now);
        inserted.await.map(Some)
    }

    /// Records once that staff must review an invoice or a subscription at the provider.
    async fn leave_to_staff(&self, provider_id: &str, problem: &str) -> Result<()> {
        let (id, provider_id) = (self.membership.id, provider_id.to_owned());
        let stored = STORE_FOR_REVIEW
            .opt(self.client, &[&id, &provider_id])
            .await?;
        if stored.is_none() {
            return Ok(());
        }
        tracing::error!(membership = %id, provider_id, problem, "a membership needs manual review");
        security_event::insert_with_detail(
            self.client,
            SecurityEventKind::PaymentMismatch,
            Some(self.membership.user_id),
            self.context.caller,
            json!({ "membershipId": id, "providerId": provider_id, "problem": problem }),
        )
        .await
    }

    /// Returns the unpaid period that has a pass: the current one during its grace period, or the
    /// next one when the current one is paid. After a period that was not paid, there is none.
    async fn unpaid_period(&self, report: &SubscriptionReport) -> Result<Option<PassPeriod>> {
        let (client, id) = (self.client, self.membership.id);
        let is_renewed =
            report.status.is_billed() && self.is_open && !self.membership.must_end_at_provider();
        let Some(period) = report.period.filter(|_| is_renewed) else {
            return Ok(None);
        };
        let current = self.context.days_of(period);
        if pass::is_paid(client, id, current.first_day).await? {
            let goes_on = report.cancel_at.is_none_or(|end| end > period.end);
            let next = TimeRange {
                start: period.end,
                end: next_end(report.anchor, period.end, self.membership.every),
            };
            return Ok(goes_on.then(|| self.context.days_of(next)));
        }
        let days_over = (self.context.today() - current.first_day).num_days();
        let is_in_grace = days_over < self.context.grace_days
            && pass::is_paid_before(client, id, current.first_day).await?;
        Ok(is_in_grace.then_some(current))
    }

    /// Queues the e-mail about a failed payment, once for each attempt, or about the end.
    async fn notify(&self, report: &SubscriptionReport) -> Result<()> {
        let (client, membership) = (self.client, self.membership);
        if !self.is_open || !membership.status.is_running() {
            return Ok(());
        }
        let id = membership.id;
        if report.status == MembershipStatus::Ended {
            return mail_outbox::insert_for_membership(client, id, "membership_ended").await;
        }
        let open = report.invoices.iter().rev().find(|invoice| invoice.is_open);
        let Some(failed) = open.filter(|invoice| invoice.attempt > 0) else {
            return Ok(());
        };
        let reported = (&membership.failed_invoice, membership.failed_attempt);
        if report.status != MembershipStatus::PastDue
            || reported == (&Some(failed.id.clone()), Some(failed.attempt))
        {
            return Ok(());
        }
        STORE_FAILURE
            .execute(client, &[&id, &failed.id, &failed.attempt])
            .await?;
        mail_outbox::insert_for_membership(client, id, "membership_payment_failed").await
    }

    /// Refunds the payments if the account is closed. Returns whether a refund is due.
    async fn refund_if_closed(&self, payments: &[Payment]) -> Result<bool> {
        let mut is_refund_due = false;
        for payment in payments.iter().filter(|_| !self.is_open) {
            is_refund_due |=
                payment::refund_invoice(self.client, payment, self.context.now).await?;
        }
        Ok(is_refund_due)
    }
}

/// Returns when the period after the one that ends at `end` ends. The day of the month is that of
/// the anchor, or the last one of a shorter month.
fn next_end(anchor: DateTime<Utc>, end: DateTime<Utc>, every: BillingPeriod) -> DateTime<Utc> {
    let step = match every {
        BillingPeriod::Week => return end + TimeDelta::days(7),
        BillingPeriod::Month => 1,
        BillingPeriod::Year => 12,
    };
    let months = (end.year() - anchor.year()) * 12 + end.month() as i32 - anchor.month() as i32;
    let months = u32::try_from(months + step).ok().map(Months::new);
    let next = months.and_then(|months| anchor.checked_add_months(months));
    next.filter(|next| *next > end)
        .unwrap_or(end + TimeDelta::days(i64::from(every.max_days())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_period_ends_on_the_day_of_the_anchor() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (anchor, end, every, expected) in [
            (
                "2026-01-31T10:00:00Z",
                "2026-02-28T10:00:00Z",
                BillingPeriod::Month,
                "2026-03-31T10:00:00Z",
            ),
            (
                "2026-11-15T10:00:00Z",
                "2027-01-15T10:00:00Z",
                BillingPeriod::Month,
                "2027-02-15T10:00:00Z",
            ),
            (
                "2024-02-29T10:00:00Z",
                "2025-02-28T10:00:00Z",
                BillingPeriod::Year,
                "2026-02-28T10:00:00Z",
            ),
            (
                "2026-03-01T10:00:00Z",
                "2026-03-08T10:00:00Z",
                BillingPeriod::Week,
                "2026-03-15T10:00:00Z",
            ),
            // The anchor was moved after this period.
            (
                "2026-05-10T10:00:00Z",
                "2026-03-10T10:00:00Z",
                BillingPeriod::Month,
                "2026-04-10T10:00:00Z",
            ),
        ] {
            assert_eq!(
                next_end(at(anchor), at(end), every),
                at(expected),
                "{anchor} {end}"
            );
        }
    }
}
