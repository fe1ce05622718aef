//! Reconciliation with Stripe outside of requests: refunds, and checkouts that
//! have ended.

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
    /// The payment is not settled yet, and is checked again later.
    Waiting,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunReport {
    /// The number of payments that were settled or refunded.
    pub count: u64,
    /// Whether due payments are left.
    pub remaining: bool,
}

/// Refunds what is due, and closes the checkouts of cancelled payments, in the
/// background after the response. The clean-up does what is left.
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

/// Refunds card payments that are `refund_due`, until no more can be checked now
/// or time is up. Failures of Stripe are logged, and retried with growing pauses.
///
/// # Errors
///
/// [`Error::Unavailable`] when Postgres does not answer.
pub async fn refund_due(app: &App, until: Instant) -> Result<RunReport> {
    each(app, until, payment::claim_refund, refund).await
}

/// Settles overdue card payments by what Stripe reports: they were paid after all,
/// or else their bookings are cancelled and the spots go to the waitlist. Closes
/// the checkouts of cancelled payments. Failures of Stripe are logged, and retried
/// later.
///
/// # Errors
///
/// [`Error::Unavailable`] when Postgres does not answer.
pub async fn release_unpaid(app: &App, until: Instant) -> Result<RunReport> {
    let closed = close_cancelled(app, until).await?;
    let now = app.clock().now();
    let claim = async move |client: &Client| payment::claim_unpaid(client, now).await;
    let released = each(app, until, claim, close).await?;
    Ok(RunReport {
        count: closed.count + released.count,
        remaining: closed.remaining || released.remaining,
    })
}

async fn close_cancelled(app: &App, until: Instant) -> Result<RunReport> {
    each(app, until, payment::claim_unclosed, close).await
}

/// Claims one payment after the other, and checks it with Stripe.
async fn each(
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

/// Logs a failure of Stripe. Returns `None` when Stripe does not answer: it would
/// not answer for the next payment either, so the run ends.
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

/// Settles an overdue payment ahead of the clean-up, for a member who wants to pay
/// again.
pub(super) async fn settle_overdue(app: &App, payment: &Payment) -> Result<()> {
    let stripe = app.stripe().ok_or_else(|| {
        Error::unavailable("a card payment is open, but Stripe is not configured")
    })?;
    match close(app, stripe, payment).await {
        Ok(_) => Ok(()),
        Err(CheckError::Stripe(error)) => Err(error.into()),
        Err(CheckError::Other(error)) => Err(error),
    }
}

/// Closes the checkout of a payment, and settles the payment by how the checkout
/// ended.
async fn close(app: &App, stripe: &Stripe, payment: &Payment) -> Result<Progress, CheckError> {
    let Some(reference) = &payment.provider_reference else {
        // The member never got a page on which to pay.
        settle(app, payment, None).await?;
        return Ok(Progress::Settled);
    };
    let mut session = stripe.session(reference).await?;
    if session.status == Some(SessionStatus::Open) {
        session = match stripe.expire_session(reference).await {
            Ok(session) => session,
            // It was paid or has expired meanwhile.
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
    let mut failed = None;
    if let Some(known) = payment.provider_refund.as_deref() {
        let refund = stripe.find_refund(known).await?;
        if !refund.has_failed() {
            return store_refund(app, payment, &payment_intent, &refund).await;
        }
        failed = Some(known);
    }
    match stripe.refund(payment.id, &payment_intent, failed).await {
        Ok(refund) => store_refund(app, payment, &payment_intent, &refund).await,
        // The payment was already refunded, for example in Stripe's dashboard.
        Err(error) if error.refusal() == Some(Refusal::AlreadyRefunded) => {
            settle_refunded(app, payment, &payment_intent, None).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Settles a refund that has succeeded, and stores any other one.
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
    // Stripe reports when it has succeeded, and the next run checks it again.
    payment::store_refund(&app.db().client().await?, payment.id, &refund.id).await?;
    Ok(Progress::Waiting)
}

/// Returns Stripe's id of the payment intent of a payment.
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
    refund: Option<&str>,
) -> Result<Progress, CheckError> {
    let now = app.clock().now();
    let report = ProviderReport {
        payment_id: Some(payment.id),
        provider_payment: Some(payment_intent),
        provider_refund: refund,
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

/// Acts on an outcome in the background, after its transaction was committed.
pub(super) fn after_commit(app: &App, outcome: &Outcome) {
    match outcome {
        Outcome::Released => mail::send_due_soon(app),
        Outcome::RefundDue => settle_soon(app),
        Outcome::Unchanged | Outcome::Changed | Outcome::Mismatch { .. } => {}
    }
}

/// The caller that is recorded for changes that no request has caused.
fn local_caller() -> Caller {
    Caller {
        address: Ipv4Addr::LOCALHOST.into(),
        user_agent: None,
    }
}
