//! Reconciliation with Stripe: refunds, overdue payments, the checkouts of cancelled and failed
//! payments, and memberships.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result, chain};
use crate::models::membership::{self, Membership, MembershipSync};
use crate::models::payment::{
    self, CheckoutEnd, ClaimedRefund, Outcome, Payment, ProviderRefund, RefundState,
};
use crate::notify::mail;
use crate::payments::check_error::CheckError;
use crate::payments::membership_state::{self, OpenCheckout};
use crate::payments::provider_state::{
    ProviderState, apply_in_transaction, disputes_of, refunds_of,
};
use crate::payments::stripe::{NewRefund, Refusal, SessionStatus, Stripe, StripeError};
use crate::payments::stripe_report::provider_refund;
use crate::runtime::background;
use crate::store::client::Client;
use crate::values::minor_units::minor_units;
use crate::values::time_zone::TimeZone;

/// How many payments are checked with Stripe at a time.
const BATCH_SIZE: i64 = 8;

/// How long idempotency keys are relied on. Stripe keeps them for at least a day. A refund
/// that was first sent longer ago is looked up before it is sent again.
const KEY_LIFETIME: TimeDelta = TimeDelta::hours(12);

/// How long the work after a response may take.
const BACKGROUND_BUDGET: Duration = Duration::from_secs(20);

/// The result of checking a payment with Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Closes the checkouts of cancelled and failed payments, ends the memberships of closed accounts,
/// and sends due refunds, in the background after the response. The clean-up settles the remaining
/// payments.
pub fn settle_in_background(app: &App) {
    if app.stripe().is_none() {
        return;
    }
    let app = app.clone();
    background::spawn(async move {
        let until = Instant::now() + BACKGROUND_BUDGET;
        let settled = async {
            close_cancelled(&app, until).await?;
            sync_memberships(&app, until).await?;
            refund_due(&app, until).await
        };
        if let Err(error) = settled.await {
            tracing::warn!(error = %chain(&error), "failed to settle payments");
        }
    });
}

/// Sends the refunds of card payments that are due, those of orders first and then those of the
/// next class, until none is left or `until` is reached. Failures of Stripe are logged, and retried with
/// growing pauses.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer.
pub async fn refund_due(app: &App, until: Instant) -> Result<RunReport> {
    let now = app.clock().now();
    let claim = async move |client: &Client| payment::claim_refunds(client, BATCH_SIZE, now).await;
    check_all(app, until, claim, send_refund).await
}

/// Settles overdue card payments as Stripe reports them. If a payment was not made, its
/// booking is cancelled and the spot goes to the waitlist, except as [`payment::settle_ended`]
/// states. Also closes the checkouts of cancelled and failed payments. Failures of Stripe are
/// logged, and retried later.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer.
pub async fn release_unpaid(app: &App, until: Instant) -> Result<RunReport> {
    let closed = close_cancelled(app, until).await?;
    let now = app.clock().now();
    let claim = async move |client: &Client| payment::claim_unpaid(client, BATCH_SIZE, now).await;
    let released = check_all(app, until, claim, close_checkout).await?;
    Ok(RunReport {
        count: closed.count + released.count,
        remaining: closed.remaining || released.remaining,
    })
}

async fn close_cancelled(app: &App, until: Instant) -> Result<RunReport> {
    let claim = async |client: &Client| payment::claim_unclosed(client, BATCH_SIZE).await;
    check_all(app, until, claim, close_checkout).await
}

/// Compares memberships with Stripe about which an event may be missing: those whose checkout has
/// expired, whose period is over or was not paid in time, or whose last comparison has failed.
/// Ends those of closed accounts. Failures of Stripe are logged, and retried with growing pauses.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer.
pub async fn sync_memberships(app: &App, until: Instant) -> Result<RunReport> {
    let (now, studio) = (app.clock().now(), &app.config().studio);
    let today = TimeZone::of_studio(studio)?.date(now);
    let unpaid_until = today - TimeDelta::days(studio.membership_grace_days);
    let claim = async move |client: &Client| {
        membership::claim_due(client, BATCH_SIZE, now, unpaid_until).await
    };
    check_all(app, until, claim, check_membership).await
}

/// Compares a membership with Stripe. Returns it as it is then.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Unavailable`] when Stripe or Postgres does not answer.
pub(crate) async fn sync_membership(
    app: &App,
    stripe: &Stripe,
    id: Uuid,
    open_checkout: OpenCheckout,
) -> Result<Membership> {
    let begun = membership::begin_sync(&app.db().client().await?, id).await?;
    let sync = begun.ok_or(Error::NotFound)?;
    let state = membership_state::end_or_read(app, stripe, sync, None, open_checkout).await?;
    settle(app, &ProviderState::Membership(Box::new(state))).await?;
    let found = membership::find(&app.db().client().await?, id).await?;
    found.ok_or(Error::NotFound)
}

async fn check_membership(
    app: &App,
    stripe: &Stripe,
    sync: &MembershipSync,
) -> Result<Progress, CheckError> {
    let (sync, keep) = (sync.clone(), OpenCheckout::Keep);
    let state = membership_state::end_or_read(app, stripe, sync, None, keep).await?;
    settle(app, &ProviderState::Membership(Box::new(state))).await?;
    Ok(Progress::Settled)
}

/// An item that is checked with Stripe.
trait Checked {
    /// What the item is, for the log.
    const SUBJECT: &'static str;

    /// Returns the id of the payment or the membership, for the log.
    fn id(&self) -> Uuid;
}

impl Checked for Payment {
    const SUBJECT: &'static str = "payment";

    fn id(&self) -> Uuid {
        self.id
    }
}

impl Checked for MembershipSync {
    const SUBJECT: &'static str = "membership";

    fn id(&self) -> Uuid {
        self.membership.id
    }
}

impl Checked for ClaimedRefund {
    const SUBJECT: &'static str = "payment";

    fn id(&self) -> Uuid {
        self.payment.id
    }
}

/// Claims items in batches, and checks all items of a batch with Stripe at the same time.
/// Ends when no item is left, when `until` is reached, or when Stripe does not answer.
async fn check_all<T: Checked>(
    app: &App,
    until: Instant,
    claim: impl AsyncFn(&Client) -> Result<Vec<T>>,
    check: impl AsyncFn(&App, &Stripe, &T) -> Result<Progress, CheckError>,
) -> Result<RunReport> {
    let mut report = RunReport::default();
    let Some(stripe) = app.stripe() else {
        return Ok(report);
    };
    while Instant::now() < until {
        let claimed = claim(&app.db().client().await?).await?;
        if claimed.is_empty() {
            return Ok(report);
        }
        let checks = claimed.iter().map(|item| check(app, stripe, item));
        let mut is_unavailable = false;
        for (item, outcome) in claimed.iter().zip(join_all(checks).await) {
            match log_failure(item, outcome)? {
                Some(Progress::Settled) => report.count += 1,
                Some(Progress::Waiting) => {}
                None => is_unavailable = true,
            }
        }
        if is_unavailable {
            break;
        }
    }
    report.remaining = true;
    Ok(report)
}

/// Logs a failure of Stripe. Returns `None` when Stripe does not answer, so that the
/// run ends.
fn log_failure<T: Checked>(
    item: &T,
    outcome: Result<Progress, CheckError>,
) -> Result<Option<Progress>> {
    let (subject, id) = (T::SUBJECT, item.id());
    match outcome {
        Ok(progress) => Ok(Some(progress)),
        Err(CheckError::Stripe(
            error @ (StripeError::Refused { .. } | StripeError::RepeatedFailure),
        )) => {
            tracing::error!(subject, %id, %error, "failed to compare with Stripe");
            Ok(Some(Progress::Waiting))
        }
        Err(CheckError::Stripe(
            error @ (StripeError::Unavailable(_)
            | StripeError::TooLarge
            | StripeError::Unreadable(_)),
        )) => {
            tracing::warn!(subject, %id, %error, "postponed a comparison with Stripe");
            Ok(None)
        }
        Err(CheckError::Other(error)) => Err(error),
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

/// Closes the checkout of a payment, and settles the payment according to how the checkout
/// ended.
async fn close_checkout(
    app: &App,
    stripe: &Stripe,
    payment: &Payment,
) -> Result<Progress, CheckError> {
    let Some(reference) = &payment.provider_reference else {
        // There is no checkout, so the member never saw a payment page.
        let ended = ProviderState::Ended(payment.id, None, CheckoutEnd::Expired);
        settle(app, &ended).await?;
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
    let session = Box::new(session);
    let state = if session.is_paid() {
        ProviderState::Paid(payment.id, session)
    } else if session.status == Some(SessionStatus::Expired) {
        ProviderState::Ended(payment.id, Some(session), CheckoutEnd::Expired)
    } else {
        return Ok(Progress::Waiting);
    };
    settle(app, &state).await?;
    Ok(Progress::Settled)
}

async fn settle(app: &App, state: &ProviderState) -> Result<()> {
    after_commit(app, &apply_in_transaction(app, state).await?);
    Ok(())
}

/// Sends a refund, or looks up the refund that was sent before.
async fn send_refund(
    app: &App,
    stripe: &Stripe,
    refund: &ClaimedRefund,
) -> Result<Progress, CheckError> {
    let payment = &refund.payment;
    let Some(payment_intent) = find_payment_intent(stripe, payment).await? else {
        tracing::error!(payment = %payment.id, "the payment to refund is unknown at Stripe");
        return Ok(Progress::Waiting);
    };
    let is_old = refund.first_sent_at < app.clock().now() - KEY_LIFETIME;
    if refund.provider_refund.is_some() || is_old {
        let known = refunds_of(stripe, payment, &payment_intent).await?;
        let is_sent = |at_stripe: &ProviderRefund| {
            at_stripe.refund_id == Some(refund.id)
                || refund.provider_refund.as_ref() == Some(&at_stripe.id)
        };
        let was_sent =
            matches!(&known, ProviderState::Refunds(_, refunds) if refunds.iter().any(is_sent));
        let progress = apply_for_refund(app, refund, &known).await?;
        if was_sent || progress == Progress::Settled {
            return Ok(progress);
        }
    }
    let new = NewRefund {
        id: refund.id,
        payment_id: payment.id,
        payment_intent: &payment_intent,
        amount: minor_units(refund.amount, &payment.currency).unwrap_or_default(),
    };
    match stripe.create_refund(&new).await {
        Ok(created) => {
            let state = ProviderState::Refunds(payment.id, vec![provider_refund(&created)]);
            apply_for_refund(app, refund, &state).await
        }
        // Somebody has refunded the payment, for example in Stripe's dashboard.
        Err(error)
            if matches!(
                error.refusal(),
                Some(Refusal::AlreadyRefunded | Refusal::AmountNotPossible)
            ) =>
        {
            let known = refunds_of(stripe, payment, &payment_intent).await?;
            match apply_for_refund(app, refund, &known).await? {
                Progress::Settled => Ok(Progress::Settled),
                Progress::Waiting => Err(error.into()),
            }
        }
        // The event about the dispute has not arrived yet.
        Err(error) if error.refusal() == Some(Refusal::Disputed) => {
            let disputes = disputes_of(stripe, payment, &payment_intent).await?;
            match apply_for_refund(app, refund, &disputes).await? {
                Progress::Settled => Ok(Progress::Settled),
                Progress::Waiting => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Applies what Stripe knows about the payment of a refund. Returns whether the refund is
/// settled.
async fn apply_for_refund(
    app: &App,
    refund: &ClaimedRefund,
    state: &ProviderState,
) -> Result<Progress, CheckError> {
    settle(app, state).await?;
    let client = app.db().client().await?;
    let state = payment::refund_state(&client, refund.id).await?;
    Ok(match state {
        RefundState::Due | RefundState::Sent => Progress::Waiting,
        _ => Progress::Settled,
    })
}

/// Returns Stripe's id of the payment intent of a payment.
async fn find_payment_intent(
    stripe: &Stripe,
    payment: &Payment,
) -> Result<Option<String>, StripeError> {
    match (&payment.provider_payment, &payment.provider_reference) {
        (Some(payment_intent), _) => Ok(Some(payment_intent.clone())),
        (None, Some(reference)) => Ok(stripe.session(reference).await?.payment_intent),
        (None, None) => Ok(None),
    }
}

/// Starts the background work that an outcome requires. Must be called after the commit.
pub(super) fn after_commit(app: &App, outcome: &Outcome) {
    match outcome {
        Outcome::Released
        | Outcome::OrderPaid
        | Outcome::MembershipUpdated
        | Outcome::Changed
        // One refund of several can have failed while another is complete, and a dispute can have
        // revoked passes.
        | Outcome::Mismatch { .. } => mail::send_due_in_background(app),
        Outcome::RefundDue | Outcome::MembershipMustEnd => {
            settle_in_background(app);
            mail::send_due_in_background(app);
        }
        Outcome::Unchanged | Outcome::Foreign => {}
    }
}
