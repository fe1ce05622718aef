//! What Stripe knows about memberships.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::models::membership::{
    self, InvoiceReport, Membership, MembershipReport, MembershipStatus, MembershipSync,
    SubscriptionReport, TimeRange,
};
use crate::payments::check_error::CheckError;
use crate::payments::stripe::{
    Invoice, Refusal, Session, SessionStatus, Stripe, StripeError, Subscription,
};

/// What Stripe knows about a membership.
pub(super) struct MembershipState {
    /// The synchronization, which began before Stripe was asked.
    pub(super) sync: MembershipSync,
    /// What Stripe has answered.
    pub(super) report: MembershipReport,
}

/// What happens to a checkout that can still be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenCheckout {
    /// It stays open until it expires.
    Keep,
    /// It is closed.
    Close,
}

/// Reads the membership of a subscription from Stripe. Returns `None` if it is not one of Sabor's.
pub(super) async fn read_subscription(
    app: &App,
    stripe: &Stripe,
    id: &str,
) -> Result<Option<MembershipState>, CheckError> {
    let known = {
        let client = app.db().client().await?;
        membership::id_of_subscription(&client, id).await?
    };
    let membership_id = match known {
        Some(membership_id) => Some(membership_id),
        None => stripe.subscription(id).await?.membership_id(),
    };
    match membership_id {
        Some(membership_id) => read_by_id(app, stripe, membership_id, Some(id)).await,
        None => Ok(None),
    }
}

/// Reads the membership of an invoice from Stripe. Returns `None` if it is not one of Sabor's.
pub(super) async fn read_invoice(
    app: &App,
    stripe: &Stripe,
    id: &str,
) -> Result<Option<MembershipState>, CheckError> {
    match stripe.invoice(id).await?.subscription() {
        Some(subscription) => read_subscription(app, stripe, subscription).await,
        None => Ok(None),
    }
}

/// Reads a membership from Stripe. `subscription` is the one that is known to belong to it, which
/// may not be stored yet. Returns `None` if the membership does not exist.
pub(super) async fn read_by_id(
    app: &App,
    stripe: &Stripe,
    membership_id: Uuid,
    subscription: Option<&str>,
) -> Result<Option<MembershipState>, CheckError> {
    let begun = {
        let client = app.db().client().await?;
        membership::begin_sync(&client, membership_id).await?
    };
    match begun {
        Some(sync) => {
            let read = end_or_read(app, stripe, sync, subscription, OpenCheckout::Keep);
            read.await.map(Some)
        }
        None => Ok(None),
    }
}

/// Reads a membership from Stripe. If its subscription must end, it is ended there first.
pub(super) async fn end_or_read(
    app: &App,
    stripe: &Stripe,
    sync: MembershipSync,
    subscription: Option<&str>,
    open_checkout: OpenCheckout,
) -> Result<MembershipState, CheckError> {
    let membership = &sync.membership;
    let stored = membership.provider_subscription.as_deref();
    let report = match (stored, subscription) {
        (Some(stored), Some(other)) if stored != other => {
            MembershipReport::SecondSubscription(other.to_owned())
        }
        (Some(id), _) | (None, Some(id)) => {
            end_or_read_subscription(stripe, membership, id).await?
        }
        (None, None) => {
            let must_close = open_checkout == OpenCheckout::Close
                || membership.must_end_at_provider()
                || membership.expires_at <= app.clock().now();
            match read_checkout(stripe, membership, must_close).await? {
                Checkout::Paid(id) => end_or_read_subscription(stripe, membership, &id).await?,
                Checkout::Open => MembershipReport::Waiting,
                Checkout::Over => MembershipReport::Gone,
            }
        }
    };
    Ok(MembershipState { sync, report })
}

/// How far the checkout of a membership is.
enum Checkout {
    /// It can still be paid.
    Open,
    /// It was completed, and has started this subscription.
    Paid(String),
    /// It was not paid, and cannot be paid any more.
    Over,
}

/// Reads the checkout of a membership. It is closed first if it must be.
async fn read_checkout(
    stripe: &Stripe,
    membership: &Membership,
    must_close: bool,
) -> Result<Checkout, StripeError> {
    let Some(checkout) = &membership.checkout else {
        return Ok(if must_close {
            Checkout::Over
        } else {
            Checkout::Open
        });
    };
    let mut session = stripe.session(checkout).await?;
    if session.status == Some(SessionStatus::Open) && must_close {
        session = close(stripe, checkout).await?;
    }
    Ok(match (session.status, session.subscription) {
        (_, Some(id)) => Checkout::Paid(id),
        (Some(SessionStatus::Expired), None) => Checkout::Over,
        _ => Checkout::Open,
    })
}

/// Closes an open checkout. Returns it as it is then, because it may have been paid meanwhile.
async fn close(stripe: &Stripe, checkout: &str) -> Result<Session, StripeError> {
    match stripe.expire_session(checkout).await {
        Err(StripeError::Refused { .. }) => stripe.session(checkout).await,
        closed => closed,
    }
}

/// Reads a subscription and its latest invoices. If it must end, it is ended first.
async fn end_or_read_subscription(
    stripe: &Stripe,
    membership: &Membership,
    id: &str,
) -> Result<MembershipReport, StripeError> {
    let must_end = membership.must_end_at_provider();
    let subscription = match stripe.subscription(id).await {
        // It was deleted. Otherwise, the key may be one of another account, or of the other mode
        // (test or live), so a membership that goes on is not ended for this.
        Err(error) if must_end && error.refusal() == Some(Refusal::Missing) => {
            return Ok(MembershipReport::Gone);
        }
        subscription => subscription?,
    };
    let subscription = match must_end && !subscription.has_ended() {
        true => stripe.cancel_subscription(id).await?,
        false => subscription,
    };
    let invoices = stripe.invoices(id).await?;
    let report = subscription_report(&subscription, &invoices);
    Ok(MembershipReport::Subscription(Box::new(report)))
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn range((start, end): (i64, i64)) -> TimeRange {
    TimeRange {
        start: time(start),
        end: time(end),
    }
}

/// Converts a subscription and its invoices.
fn subscription_report(subscription: &Subscription, invoices: &[Invoice]) -> SubscriptionReport {
    let period = subscription.period().map(range);
    let status = match subscription.status.as_str() {
        _ if subscription.has_ended() => MembershipStatus::Ended,
        _ if subscription.is_paused() => MembershipStatus::Paused,
        "incomplete" => MembershipStatus::Starting,
        "past_due" | "unpaid" => MembershipStatus::PastDue,
        _ => MembershipStatus::Active,
    };
    let at_period_end = period.filter(|_| subscription.cancel_at_period_end);
    SubscriptionReport {
        id: subscription.id.clone(),
        customer: subscription.customer.clone(),
        status,
        period,
        anchor: time(subscription.billing_cycle_anchor),
        cancel_at: subscription
            .cancel_at
            .map(time)
            .or(at_period_end.map(|period| period.end)),
        invoices: invoices.iter().map(invoice_report).collect(),
    }
}

fn invoice_report(invoice: &Invoice) -> InvoiceReport {
    InvoiceReport {
        id: invoice.id.clone(),
        is_paid: invoice.status.as_deref() == Some("paid"),
        is_open: invoice.status.as_deref() == Some("open"),
        attempt: invoice.attempt_count,
        amount_paid: invoice.amount_paid,
        currency: invoice.currency.clone(),
        provider_payment: invoice.payment_intent().map(str::to_owned),
        period: invoice.period().map(range),
    }
}
