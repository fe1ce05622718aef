//! Memberships at Stripe: their checkouts, and comparing them with Stripe.
//!
//! No transaction is open while Stripe is called.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::App;
use crate::error::{Error, ErrorCode, Result};
use crate::http::Member;
use crate::models::membership::{
    self, InvoiceReport, Membership, MembershipReport, MembershipStatus, SubscriptionReport,
    TimeRange,
};
use crate::payments::provider_state::{CheckError, ProviderState};
use crate::payments::reconcile::{Checked, Progress, RunReport, check_all, settle};
use crate::payments::stripe::{
    Invoice, NewSubscription, Refusal, Session, SessionStatus, Stripe, StripeError, Subscription,
};
use crate::store::client::Client;
use crate::values::minor_units::minor_units;
use crate::values::time_zone::TimeZone;

/// How many memberships are compared with Stripe at a time.
const BATCH_SIZE: i64 = 8;

/// The maximum number of Stripe idempotency keys that a request uses for a checkout.
const MAX_STRIPE_KEYS: u32 = 3;

/// Reads the membership of a subscription from Stripe.
pub(super) async fn read_subscription(
    app: &App,
    stripe: &Stripe,
    id: &str,
) -> Result<ProviderState, CheckError> {
    let known = {
        let client = app.db().client().await?;
        membership::find_by_subscription(&client, id).await?
    };
    if let Some(membership) = known {
        return read(app, stripe, &membership, Some(id)).await;
    }
    match stripe.subscription(id).await?.membership_id() {
        Some(membership_id) => read_by_id(app, stripe, membership_id, Some(id)).await,
        None => Ok(ProviderState::Foreign),
    }
}

/// Reads the membership of an invoice from Stripe.
pub(super) async fn read_invoice(
    app: &App,
    stripe: &Stripe,
    id: &str,
) -> Result<ProviderState, CheckError> {
    match stripe.invoice(id).await?.subscription() {
        Some(subscription) => read_subscription(app, stripe, subscription).await,
        None => Ok(ProviderState::Foreign),
    }
}

/// Reads the membership that a checkout starts from Stripe.
pub(super) async fn read_session(
    app: &App,
    stripe: &Stripe,
    membership_id: Uuid,
    session: &Session,
) -> Result<ProviderState, CheckError> {
    read_by_id(app, stripe, membership_id, session.subscription.as_deref()).await
}

async fn read_by_id(
    app: &App,
    stripe: &Stripe,
    membership_id: Uuid,
    subscription: Option<&str>,
) -> Result<ProviderState, CheckError> {
    let found = {
        let client = app.db().client().await?;
        membership::find(&client, membership_id).await?
    };
    match found {
        Some(membership) => read(app, stripe, &membership, subscription).await,
        None => Ok(ProviderState::Foreign),
    }
}

/// Reads a membership from Stripe. If it must end at once, it is ended there first. Stripe may
/// know a subscription that is not stored yet.
async fn read(
    app: &App,
    stripe: &Stripe,
    membership: &Membership,
    subscription: Option<&str>,
) -> Result<ProviderState, CheckError> {
    let sync = {
        let client: Client = app.db().client().await?;
        membership::want_sync(&client, membership.id).await?
    };
    let id = match membership.provider_subscription.as_deref().or(subscription) {
        Some(id) => Some(id.to_owned()),
        None => match read_checkout(app, stripe, membership).await? {
            Checkout::Paid(id) => Some(id),
            Checkout::Open => {
                let waiting = MembershipReport::Waiting;
                return Ok(ProviderState::Membership(membership.id, sync, waiting));
            }
            Checkout::Over => None,
        },
    };
    let report = match id {
        Some(id) => read_report(stripe, membership, &id).await?,
        None => MembershipReport::Gone,
    };
    Ok(ProviderState::Membership(membership.id, sync, report))
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

impl Checked for Membership {
    fn id(&self) -> Uuid {
        self.id
    }
}

/// Compares memberships with Stripe about which an event may be missing: those whose checkout has
/// expired, whose period is over or was not paid in time, or whose last comparison has failed.
/// Ends those of closed accounts. Failures of Stripe are logged, and retried with growing pauses.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer.
pub async fn sync_due(app: &App, until: Instant) -> Result<RunReport> {
    let (now, studio) = (app.clock().now(), &app.config().studio);
    let today = TimeZone::of_studio(studio)?.date(now);
    let unpaid_until = today - TimeDelta::days(studio.membership_grace_days);
    let claim = async move |client: &Client| {
        membership::claim_due(client, BATCH_SIZE, now, unpaid_until).await
    };
    check_all(app, until, claim, check).await
}

async fn check(
    app: &App,
    stripe: &Stripe,
    membership: &Membership,
) -> Result<Progress, CheckError> {
    let state = read(app, stripe, membership, None).await?;
    settle(app, &state).await?;
    Ok(Progress::Settled)
}

/// Compares a membership with Stripe.
///
/// # Errors
///
/// [`Error::Unavailable`] when Stripe or Postgres does not answer.
pub(crate) async fn sync(app: &App, stripe: &Stripe, membership: &Membership) -> Result<()> {
    check(app, stripe, membership).await?;
    Ok(())
}

/// Creates the checkout of a membership at Stripe, unless it has one, and stores it.
///
/// # Errors
///
/// 409 `card_not_possible` when Stripe does not accept the amount; [`Error::Unavailable`] when
/// Stripe does not answer. A repeated request continues where this one stopped.
pub(crate) async fn check_out(
    app: &App,
    member: &Member,
    mut membership: Membership,
) -> Result<Membership> {
    let stripe = app.stripe().ok_or(Error::NotFound)?;
    let mut customer = membership.provider_customer.clone();
    let mut keys_used = 1;
    while membership.checkout.is_none() {
        let Some(amount) = minor_units(membership.price, &membership.currency) else {
            return abandon(app, &membership, CARD_NOT_POSSIBLE).await;
        };
        let new = new_subscription(app, member, &membership, customer.as_deref(), amount);
        let client = match stripe.create_subscription_session(&new).await {
            Ok(session) => {
                let client = app.db().client().await?;
                let id = membership.id;
                return membership::store_checkout(&client, id, &session.id, session.url).await;
            }
            // The customer was deleted in Stripe's dashboard.
            Err(error) if error.refusal() == Some(Refusal::Missing) && customer.is_some() => {
                tracing::warn!(%error, "starting a membership with a new customer");
                customer = None;
                app.db().client().await?
            }
            Err(error) if error.needs_new_key() && keys_used < MAX_STRIPE_KEYS => {
                tracing::warn!(%error, "retrying a checkout with another key");
                app.db().client().await?
            }
            Err(error) if error.refusal() == Some(Refusal::AmountNotPossible) => {
                return abandon(app, &membership, CARD_NOT_POSSIBLE).await;
            }
            Err(error @ StripeError::Refused { .. }) => {
                return abandon(app, &membership, error.into()).await;
            }
            Err(error) => return Err(error.into()),
        };
        membership = membership::extend(&client, &membership, app.clock().now()).await?;
        keys_used += 1;
    }
    Ok(membership)
}

/// Ends a membership whose checkout Stripe refuses, so that the member can start another one.
async fn abandon(app: &App, membership: &Membership, error: Error) -> Result<Membership> {
    let client = app.db().client().await?;
    membership::abandon(&client, membership.id, app.clock().now()).await?;
    Err(error)
}

fn new_subscription<'a>(
    app: &App,
    member: &'a Member,
    membership: &'a Membership,
    customer: Option<&'a str>,
    amount: i64,
) -> NewSubscription<'a> {
    let page = format!(
        "{}/shop?membership={}",
        app.config().studio.site_url,
        membership.id
    );
    NewSubscription {
        membership_id: membership.id,
        amount,
        currency: &membership.currency,
        interval: membership.every.as_str(),
        title: &membership.name,
        customer,
        email: &member.user.email,
        expires_at: membership.expires_at,
        success_url: format!("{page}&payment=done"),
        cancel_url: format!("{page}&payment=open"),
    }
}

const CARD_NOT_POSSIBLE: Error = Error::Conflict {
    code: ErrorCode::CardNotPossible,
    message: "This amount cannot be paid by card; please ask the studio",
};
