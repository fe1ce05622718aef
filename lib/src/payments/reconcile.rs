//! Reconciliation with Stripe: refunds, overdue payments, and the checkouts of
//! cancelled payments.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::App;
use crate::error::{Error, Result, chain};
use crate::models::payment::{self, CheckoutEnd, Outcome, Payment, ProviderReport};
use crate::notify::mail;
use crate::payments::stripe::{Refund, Refusal, Session, SessionStatus, Stripe, StripeError};
use crate::payments::stripe_report::{invalidate_schedule, record_mismatch, session_report};
use crate::runtime::background;
use crate::store::client::Client;
use crate::values::caller::Caller;
use crate::values::minor_units::minor_units;

/// How long the work after a response may take.
const BACKGROUND_BUDGET: Duration = Duration::from_secs(20);

/// The result of checking a payment with Stripe.
enum Progress {
    /// The payment is settled.
    Settled,
    /// The payment is not settled yet, and will be checked again.
    Waiting,
}

/// The result of settling due payments.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunReport {
    /// The number of payments that were settled or refunded.
    pub count: u64,
    /// Whether due payments are left.
    pub remaining: bool,
}

/// Refunds due payments, and closes the checkouts of cancelled payments, in the
/// background after the response. The clean-up settles the remaining payments.
pub fn settle_soon(app: &App) {
    if app.stripe().is_none() {
        return;
    }
    let app = app.clone();
    background::spawn(async move {
        let until = Instant::now() + BACKGROUND_BUDGET;
        let settled = async {
            close_cancelled(&app, until).await?;
            refund_due(&app, until).await
        };
        if let Err(error) = settled.await {
            tracing::warn!(error = %chain(&error), "failed to settle payments");
        }
    });
}

/// Refunds card payments that are `refund_due`, until none is left or `until` is
/// reached. Failures of Stripe are logged, and retried with growing pauses.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer.
pub async fn refund_due(app: &App, until: Instant) -> Result<RunReport> {
    check_each(app, until, payment::claim_refund, refund).await
}

/// Settles overdue card payments as Stripe reports them. If a payment was not made, its
/// booking is cancelled and the spot goes to the waitlist. Also closes the checkouts of
/// cancelled payments. Failures of Stripe are logged, and retried later.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer.
pub async fn release_unpaid(app: &App, until: Instant) -> Result<RunReport> {
    let closed = close_cancelled(app, until).await?;
    let now = app.clock().now();
    let claim = async move |client: &Client| payment::claim_unpaid(client, now).await;
    let released = check_each(app, until, claim, close_checkout).await?;
    Ok(RunReport {
        count: closed.count + released.count,
        remaining: closed.remaining || released.remaining,
    })
}

async fn close_cancelled(app: &App, until: Instant) -> Result<RunReport> {
    check_each(app, until, payment::claim_unclosed, close_checkout).await
}

/// Claims payments one by one and checks each of them with Stripe, until none is left
/// or `until` is reached.
async fn check_each(
    app: &App,
    until: Instant,
    claim: impl AsyncFn(&Client) -> Result<Option<Payment>>,
    check: impl AsyncFn(&App, &Stripe, &Payment) -> Result<Progress, CheckError>,
) -> Result<RunReport> {
    let mut report = RunReport::default();
    let Some(stripe) = app.stripe() else {
        return Ok(report);
    };
    while Instant::now() < until {
        let claimed = claim(&app.db().client().await?).await?;
        let Some(payment) = claimed else {
            return Ok(report);
        };
        match log_failure(&payment, check(app, stripe, &payment).await)? {
            Some(Progress::Settled) => report.count += 1,
            Some(Progress::Waiting) => {}
            None => break,
        }
    }
    report.remaining = true;
    Ok(report)
}

/// Logs a failure of Stripe. Returns `None` when Stripe does not answer, so that the
/// run ends.
fn log_failure(
    payment: &Payment,
    outcome: Result<Progress, CheckError>,
) -> Result<Option<Progress>> {
    match outcome {
        Ok(progress) => Ok(Some(progress)),
        Err(CheckError::Stripe(
            error @ (StripeError::Refused { .. } | StripeError::RepeatedFailure),
        )) => {
            tracing::error!(payment = %payment.id, %error, "failed to settle a payment");
            Ok(Some(Progress::Waiting))
        }
        Err(CheckError::Stripe(error @ StripeError::Unavailable(_))) => {
            tracing::warn!(payment = %payment.id, %error, "postponed a payment");
            Ok(None)
        }
        Err(CheckError::Other(error)) => Err(error),
    }
}

/// Why a check failed.
enum CheckError {
    Stripe(StripeError),
    Other(Error),
}

impl From<StripeError> for CheckError {
    fn from(error: StripeError) -> Self {
        Self::Stripe(error)
    }
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Settles an overdue payment before the clean-up does, for a member who wants to pay
/// again.
pub(super) async fn settle_overdue(app: &App, payment: &Payment) -> Result<()> {
    let stripe = app.stripe().ok_or_else(|| {
        Error::unavailable("a card payment is open, but Stripe is not configured")
    })?;
    match close_checkout(app, stripe, payment).await {
        Ok(_) => Ok(()),
        Err(CheckError::Stripe(error)) => Err(error.into()),
        Err(CheckError::Other(error)) => Err(error),
    }
}

/// Closes the checkout of a payment, and settles the payment according to the result of
/// the checkout.
async fn close_checkout(
    app: &App,
    stripe: &Stripe,
    payment: &Payment,
) -> Result<Progress, CheckError> {
    let Some(reference) = &payment.provider_reference else {
        // The member never received the address of a payment page.
        settle(app, payment, None).await?;
        return Ok(Progress::Settled);
    };
    let mut session = stripe.session(reference).await?;
    if session.status == Some(SessionStatus::Open) {
        session = match stripe.expire_session(reference).await {
            Ok(session) => session,
            // The session was paid or has expired meanwhile.
            Err(StripeError::Refused { .. }) => stripe.session(reference).await?,
            Err(error) => return Err(error.into()),
        };
    }
    if !session.is_paid() && session.status != Some(SessionStatus::Expired) {
        return Ok(Progress::Waiting);
    }
    settle(app, payment, Some(&session)).await?;
    Ok(Progress::Settled)
}

async fn settle(app: &App, payment: &Payment, session: Option<&Session>) -> Result<()> {
    let now = app.clock().now();
    let studio = &app.config().studio;
    let report = ProviderReport {
        payment_id: Some(payment.id),
        ..session.map(session_report).unwrap_or_default()
    };
    let settled = app.transaction().run(async |tx| {
        let outcome = match session {
            Some(session) if session.is_paid() => payment::settle_paid(tx, &report, now).await?,
            _ => payment::settle_ended(tx, &report, CheckoutEnd::Expired, now, studio).await?,
        };
        record_mismatch(tx, &outcome, &local_caller()).await?;
        invalidate_schedule(app, tx, &outcome);
        Ok(outcome)
    });
    after_commit(app, &settled.await?);
    Ok(())
}

async fn refund(app: &App, stripe: &Stripe, payment: &Payment) -> Result<Progress, CheckError> {
    let Some(payment_intent) = payment_intent(stripe, payment).await? else {
        tracing::error!(payment = %payment.id, "the payment to refund is unknown at Stripe");
        return Ok(Progress::Waiting);
    };
    let mut failed_refund = None;
    if let Some(refund_id) = payment.provider_refund.as_deref() {
        let refund = stripe.find_refund(refund_id).await?;
        if !refund.has_failed() {
            return store_refund(app, payment, &payment_intent, &refund).await;
        }
        failed_refund = Some(refund_id);
    }
    match stripe
        .refund(payment.id, &payment_intent, failed_refund)
        .await
    {
        Ok(refund) => store_refund(app, payment, &payment_intent, &refund).await,
        // The payment was already refunded, for example in Stripe's dashboard.
        Err(error) if error.refusal() == Some(Refusal::AlreadyRefunded) => {
            settle_refunded(app, payment, &payment_intent, None).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Settles the payment if the refund has succeeded. Otherwise, stores the refund's id.
async fn store_refund(
    app: &App,
    payment: &Payment,
    payment_intent: &str,
    refund: &Refund,
) -> Result<Progress, CheckError> {
    if refund.has_succeeded() {
        return settle_refunded(app, payment, payment_intent, Some(&refund.id)).await;
    }
    if refund.has_failed() {
        tracing::error!(payment = %payment.id, "a refund failed");
    }
    // Stripe reports a success by webhook, and the next run also checks the refund.
    payment::store_refund(&app.db().client().await?, payment.id, &refund.id).await?;
    Ok(Progress::Waiting)
}

/// Returns the id of a payment's payment intent. `None` when nothing was paid.
async fn payment_intent(stripe: &Stripe, payment: &Payment) -> Result<Option<String>, StripeError> {
    match (&payment.provider_payment, &payment.provider_reference) {
        (Some(payment_intent), _) => Ok(Some(payment_intent.clone())),
        (None, Some(reference)) => Ok(stripe.session(reference).await?.payment_intent),
        (None, None) => Ok(None),
    }
}

/// Settles a payment whose whole amount was refunded.
async fn settle_refunded(
    app: &App,
    payment: &Payment,
    payment_intent: &str,
    refund_id: Option<&str>,
) -> Result<Progress, CheckError> {
    let now = app.clock().now();
    let report = ProviderReport {
        payment_id: Some(payment.id),
        provider_payment: Some(payment_intent),
        provider_refund: refund_id,
        amount: minor_units(payment.amount, &payment.currency),
        currency: Some(&payment.currency),
        ..ProviderReport::default()
    };
    let settled = app
        .transaction()
        .run(async |tx| payment::settle_refunded(tx, &report, now).await);
    after_commit(app, &settled.await?);
    Ok(Progress::Settled)
}

/// Starts the background work that an outcome requires. Must be called after the commit.
pub(super) fn after_commit(app: &App, outcome: &Outcome) {
    match outcome {
        Outcome::Released => mail::send_due_soon(app),
        Outcome::RefundDue => settle_soon(app),
        Outcome::Unchanged | Outcome::Changed | Outcome::Mismatch { .. } => {}
    }
}

/// Returns the caller to record for changes that no request has caused.
fn local_caller() -> Caller {
    Caller {
        address: Ipv4Addr::LOCALHOST.into(),
        user_agent: None,
    }
}
