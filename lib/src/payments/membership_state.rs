//! What Stripe knows about memberships.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::models::membership::{
    self, InvoiceReport, Membership, MembershipReport, MembershipStatus, SubscriptionReport,
    TimeRange,
};
use crate::payments::check_error::CheckError;
use crate::payments::stripe::{
    Invoice, Refusal, Session, SessionStatus, Stripe, StripeError, Subscription,
};

/// What Stripe knows about a membership.
pub(super) struct MembershipState {
    /// The membership's id.
    pub(super) id: Uuid,
    /// The number of the synchronization, which was taken before Stripe was asked.
    pub(super) sync: i64,
    /// What Stripe has answered.
    pub(super) report: MembershipReport,
}

/// Reads the membership of a subscription from Stripe. Returns `None` if it is not one of Sabor's.
pub(super) async fn read_subscription(
    app: &App,
    stripe: &Stripe,
    id: &str,
) -> Result<Option<MembershipState>, CheckError> {
    let known = {
        let client = app.db().client().await?;
        membership::find_by_subscription(&client, id).await?
    };
    if let Some(membership) = known {
        return read(app, stripe, &membership, Some(id)).await.map(Some);
    }
    match stripe.subscription(id).await?.membership_id() {
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

/// Reads the membership that a checkout starts from Stripe. Returns `None` if it is unknown.
pub(super) async fn read_session(
    app: &App,
    stripe: &Stripe,
    membership_id: Uuid,
    session: &Session,
) -> Result<Option<MembershipState>, CheckError> {
    read_by_id(app, stripe, membership_id, session.subscription.as_deref()).await
}

async fn read_by_id(
    app: &App,
    stripe: &Stripe,
    membership_id: Uuid,
    subscription: Option<&str>,
) -> Result<Option<MembershipState>, CheckError> {
    let found = {
        let client = app.db().client().await?;
        membership::find(&client, membership_id).await?
    };
    match found {
        Some(membership) => read(app, stripe, &membership, subscription).await.map(Some),
        None => Ok(None),
    }
}

/// Reads a membership from Stripe. If it must end at once, it is ended there first. Stripe may
/// know a subscription that is not stored yet.
pub(super) async fn read(
    app: &App,
    stripe: &Stripe,
    membership: &Membership,
    subscription: Option<&str>,
) -> Result<MembershipState, CheckError> {
    let sync = {
        let client = app.db().client().await?;
        membership::want_sync(&client, membership.id).await?
    };
    let known = membership.provider_subscription.as_deref().or(subscription);
    let report = match known {
        Some(id) => read_report(stripe, membership, id).await?,
        None => match read_checkout(app, stripe, membership).await? {
            Checkout::Paid(id) => read_report(stripe, membership, &id).await?,
            Checkout::Open => MembershipReport::Waiting,
            Checkout::Over => MembershipReport::Gone,
        },
    };
    Ok(MembershipState {
        id: membership.id,
        sync,
        report,
    })
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

/// Reads the checkout of a membership. If it has expired, or the membership must end, the checkout
/// is closed first.
async fn read_checkout(
    app: &App,
    stripe: &Stripe,
    membership: &Membership,
) -> Result<Checkout, StripeError> {
    let must_close = membership.ends_now
        || membership.status == MembershipStatus::Ended
        || membership.expires_at <= app.clock().now();
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

async fn read_report(
    stripe: &Stripe,
    membership: &Membership,
    id: &str,
) -> Result<MembershipReport, StripeError> {
    let subscription = match stripe.subscription(id).await {
        // It was deleted with its customer, or belongs to the other mode (test or live).
        Err(error) if error.refusal() == Some(Refusal::Missing) => {
            return Ok(MembershipReport::Gone);
        }
        subscription => subscription?,
    };
    let must_end = membership.ends_now || membership.status == MembershipStatus::Ended;
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
