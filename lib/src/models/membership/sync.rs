//! Applying what the provider reports about a membership.

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use super::{Membership, MembershipStatus, find};
use crate::crypto::encryption::Keyring;
use crate::error::Result;
use crate::models::mail_outbox;
use crate::models::order::{self, NewInvoiceOrder};
use crate::models::pass::{self, PaidPeriod, PassPeriod};
use crate::models::payment::{self, InvoicePayment, Outcome, Payment};
use crate::models::product::BillingPeriod;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::minor_units::from_minor_units;
use crate::values::time_zone::TimeZone;

/// A time with its end.
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

/// When a report is applied, and by which rules.
pub struct ApplyRules<'a> {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The studio's time zone.
    pub zone: &'a TimeZone,
    /// How many days bookings stand in a period that is not paid.
    pub grace_days: i64,
    /// The keys of the e-mails.
    pub keys: &'a Keyring,
}

impl ApplyRules<'_> {
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

/// Applies what the provider reports about a membership, unless a later synchronization has
/// written before. `sync` is the number from [`want_sync`](super::want_sync).
///
/// Each paid invoice becomes a paid order with a pass for its period. If the membership is renewed,
/// there is a pass for the next period too, which waits for its payment. Must be called in a
/// transaction.
pub async fn apply(
    client: &Client,
    id: Uuid,
    sync: i64,
    report: &MembershipReport,
    rules: &ApplyRules<'_>,
) -> Result<Outcome> {
    let Some(membership) = find(client, id).await? else {
        return Ok(Outcome::Foreign);
    };
    let is_open = lock_member(client, membership.user_id).await?;
    pass::lock_unpaid(client, id, rules.now).await?;
    LOCK.one(client, &[&id]).await?;
    // A separate statement sees what was committed while the lock was awaited.
    let Some(membership) = find(client, id).await? else {
        return Ok(Outcome::Foreign);
    };
    if sync <= membership.sync_done {
        return Ok(Outcome::Unchanged);
    }
    let update = Update {
        client,
        membership: &membership,
        is_open,
        rules,
    };
    match report {
        MembershipReport::Waiting => update.store(sync, MembershipStatus::Starting, None).await?,
        MembershipReport::Gone => {
            pass::expect(client, id, None, rules.now, rules.today()).await?;
            update.store(sync, MembershipStatus::Ended, None).await?;
        }
        MembershipReport::Subscription(subscription) => {
            return update.apply(sync, subscription).await;
        }
    }
    Ok(Outcome::MembershipUpdated)
}

static LOCK_MEMBER: Statement = Statement::new(
    "membership.lock_member",
    "select is_active from users where id = $1 for no key update",
);

/// Locks the member. Returns whether the account is open.
async fn lock_member(client: &Client, user_id: Uuid) -> Result<bool> {
    let row = LOCK_MEMBER.one(client, &[&user_id]).await?;
    Ok(row.try_get("is_active")?)
}

static LOCK: Statement = Statement::new(
    "membership.lock",
    "select id from memberships where id = $1 for no key update",
);

static STORE: Statement = Statement::new(
    "membership.store",
    "update memberships set sync_done = $2, attempts = 0,
        next_attempt_at = now() + interval '1 hour', status = $3,
        ended_at = case when $3 = 'ended' then coalesce(ended_at, $4) end,
        checkout_url = case when $3 = 'starting' and $5::text is null then checkout_url end,
        provider_subscription = coalesce(provider_subscription, $5),
        period_end = coalesce($6, period_end), cancel_at = $7, ends_now = $8
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

/// The update of a locked membership.
struct Update<'a> {
    client: &'a Client,
    membership: &'a Membership,
    /// Whether the account of the member is open.
    is_open: bool,
    rules: &'a ApplyRules<'a>,
}

impl Update<'_> {
    async fn apply(&self, sync: i64, report: &SubscriptionReport) -> Result<Outcome> {
        let (client, membership) = (self.client, self.membership);
        let known = membership.provider_subscription.as_ref();
        if known.is_some_and(|known| *known != report.id) {
            tracing::error!(membership = %membership.id, subscription = report.id, "a membership has a second subscription at Stripe");
            return Ok(Outcome::Foreign);
        }
        let mut payments = Vec::new();
        for invoice in report.invoices.iter().filter(|invoice| invoice.is_paid) {
            payments.extend(self.record_paid(invoice).await?);
        }
        let expected = self.expected_period(report).await?;
        let (now, today) = (self.rules.now, self.rules.today());
        pass::expect(client, membership.id, expected, now, today).await?;
        self.store(sync, report.status, Some(report)).await?;
        STORE_CUSTOMER
            .execute(client, &[&membership.user_id, &report.customer])
            .await?;
        self.notify(report).await?;
        self.record_events(&payments).await
    }

    /// Stores the status. A membership that has ended stays ended, and if its subscription goes
    /// on, the subscription must end.
    async fn store(
        &self,
        sync: i64,
        status: MembershipStatus,
        report: Option<&SubscriptionReport>,
    ) -> Result<()> {
        let was_ended = self.membership.status == MembershipStatus::Ended;
        let is_over = status == MembershipStatus::Ended;
        let ends_now = !is_over && (self.membership.ends_now || was_ended);
        let status = match was_ended {
            true => MembershipStatus::Ended,
            false => status,
        };
        STORE
            .execute(
                self.client,
                &[
                    &self.membership.id,
                    &sync,
                    &status.as_str(),
                    &self.rules.now,
                    &report.map(|report| report.id.clone()),
                    &report
                        .and_then(|report| report.period)
                        .map(|period| period.end),
                    &report.and_then(|report| report.cancel_at),
                    &ends_now,
                ],
            )
            .await
    }

    /// Records a paid invoice as an order, and gives the pass of its period. Returns the payment
    /// if the invoice was not recorded before.
    async fn record_paid(&self, invoice: &InvoiceReport) -> Result<Option<Payment>> {
        let (client, membership) = (self.client, self.membership);
        if order::has_invoice(client, &invoice.id).await? {
            return Ok(None);
        }
        let currency = invoice.currency.to_uppercase();
        let amount = from_minor_units(invoice.amount_paid, &currency);
        let period = invoice.period.map(|period| self.rules.days_of(period));
        let (Some(amount), Some(period)) = (amount, period) else {
            return Ok(self.leave_to_staff(invoice));
        };
        if pass::is_paid(client, membership.id, period.first_day).await? {
            return Ok(self.leave_to_staff(invoice));
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
        let payment = match amount.is_zero() {
            true => None,
            false => {
                let new_payment = InvoicePayment {
                    order_id,
                    user_id: membership.user_id,
                    amount,
                    currency: &currency,
                    provider_payment: invoice.provider_payment.as_deref(),
                };
                let now = self.rules.now;
                Some(payment::insert_for_invoice(client, &new_payment, now).await?)
            }
        };
        let (now, today) = (self.rules.now, self.rules.today());
        order::settle(client, order_id, now, today, self.rules.keys).await?;
        Ok(payment)
    }

    /// Reports an invoice that pays for no period, or for one that is paid already.
    fn leave_to_staff(&self, invoice: &InvoiceReport) -> Option<Payment> {
        tracing::error!(membership = %self.membership.id, invoice = invoice.id, "a paid invoice needs manual review");
        None
    }

    /// Returns the period that waits for its payment: the current one until it is paid, but not
    /// longer than some days, and then the next one.
    async fn expected_period(&self, report: &SubscriptionReport) -> Result<Option<PassPeriod>> {
        let is_renewed = matches!(
            report.status,
            MembershipStatus::Active | MembershipStatus::PastDue
        );
        let Some(period) = report.period.filter(|_| is_renewed && self.is_open) else {
            return Ok(None);
        };
        let current = self.rules.days_of(period);
        if pass::is_paid(self.client, self.membership.id, current.first_day).await? {
            let goes_on = report.cancel_at.is_none_or(|end| end > period.end);
            let next = TimeRange {
                start: period.end,
                end: next_end(report.anchor, period.end, self.membership.every),
            };
            return Ok(goes_on.then(|| self.rules.days_of(next)));
        }
        let days_over = (self.rules.today() - current.first_day).num_days();
        Ok((days_over < self.rules.grace_days).then_some(current))
    }

    /// Queues the e-mail about a failed payment, once for each attempt, or about the end.
    async fn notify(&self, report: &SubscriptionReport) -> Result<()> {
        let (client, membership) = (self.client, self.membership);
        let was_running = !matches!(
            membership.status,
            MembershipStatus::Starting | MembershipStatus::Ended
        );
        if !self.is_open || !was_running {
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

    /// Refunds the payments if the account is closed, and records the member's events, which come
    /// last.
    async fn record_events(&self, payments: &[Payment]) -> Result<Outcome> {
        let mut is_refund_due = false;
        for payment in payments.iter().filter(|_| !self.is_open) {
            is_refund_due |= payment::refund_invoice(self.client, payment, self.rules.now).await?;
        }
        for payment in payments {
            payment::record_invoice_event(self.client, payment, !self.is_open).await?;
        }
        Ok(match is_refund_due {
            true => Outcome::RefundDue,
            false => Outcome::MembershipUpdated,
        })
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
        .unwrap_or(end + TimeDelta::days(i64::from(every.most_days())))
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
