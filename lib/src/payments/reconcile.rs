//! What is done past any request: refunds, and checkouts that are over.

use std::time::{Duration, Instant};

use crate::App;
use crate::error::{Error, Result, chain};
use crate::models::payment::{self, Outcome, Payment, Received};
use crate::notify::mail;
use crate::payments::settlement::{house, invalidate_schedule, note_mismatch, of_session};
use crate::payments::stripe::{Failure, Session, Stripe};
use crate::runtime::background;
use crate::runtime::background::BoxFuture;
use crate::store::client::Client;

/// How long it may go on after an answer.
const SOON: Duration = Duration::from_secs(20);

/// What came of asking Stripe.
enum Asked {
    /// It is settled.
    Settled,
    /// It is not, and need not concern anybody: the next time tells.
    Left,
}

/// How a run went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// How many are settled, or went back.
    pub count: u64,
    /// Whether it ended before all that may be asked for now was.
    pub remaining: bool,
}

/// Pays back what is due, and closes checkouts that were given up, after the
/// answer of whatever caused it. What is not done then, the clean-up does.
pub fn settle_soon(app: &App) {
    if app.stripe().is_none() {
        return;
    }
    let app = app.clone();
    background::spawn(async move {
        let until = Instant::now() + SOON;
        let settled = async {
            close_given_up(&app, until).await?;
            refund_due(&app, until).await
        };
        if let Err(error) = settled.await {
            tracing::warn!(error = %chain(&error), "payments not settled yet");
        }
    });
}

/// Pays card payments back that are `refund_due`, until none is left that may
/// be asked for now, or time is up. What Stripe does not answer to is in the
/// log, and tried again with growing pauses.
///
/// # Errors
///
/// [`Error::Unavailable`] when Postgres does not answer.
pub fn refund_due(app: &App, until: Instant) -> BoxFuture<'_, Result<Done>> {
    Box::pin(each(app, until, payment::claim_refund, pay_back))
}

/// Settles card payments whose time is up, as Stripe tells: paid after all, or
/// not, and then the booking is cancelled and its place goes to whoever waits.
/// Closes checkouts that were given up. What Stripe does not answer to is in
/// the log, and left for the next time.
///
/// # Errors
///
/// [`Error::Unavailable`] when Postgres does not answer.
pub fn release_unpaid(app: &App, until: Instant) -> BoxFuture<'_, Result<Done>> {
    Box::pin(async move {
        let closed = close_given_up(app, until).await?;
        let now = app.clock().now();
        let claim = async move |client: &Client| payment::claim_unpaid(client, now).await;
        let released = each(app, until, claim, conclude).await?;
        Ok(Done {
            count: closed.count + released.count,
            remaining: closed.remaining || released.remaining,
        })
    })
}

async fn close_given_up(app: &App, until: Instant) -> Result<Done> {
    each(app, until, payment::claim_unclosed, conclude).await
}

/// Claims one payment after another, and asks Stripe about it.
async fn each(
    app: &App,
    until: Instant,
    claim: impl AsyncFn(&Client) -> Result<Option<Payment>>,
    ask: impl AsyncFn(&App, &Stripe, &Payment) -> Result<Asked, Trouble>,
) -> Result<Done> {
    let mut done = Done::default();
    let Some(stripe) = app.stripe() else {
        return Ok(done);
    };
    while Instant::now() < until {
        let claimed = claim(&app.db().client().await?).await?;
        let Some(payment) = claimed else {
            return Ok(done);
        };
        match reported(&payment, ask(app, stripe, &payment).await)? {
            Some(Asked::Settled) => done.count += 1,
            Some(Asked::Left) => {}
            None => break,
        }
    }
    done.remaining = true;
    Ok(done)
}

/// What of it ends the run. `None`: Stripe does not answer, and would not to
/// the next one either.
fn reported(payment: &Payment, outcome: Result<Asked, Trouble>) -> Result<Option<Asked>> {
    match outcome {
        Ok(asked) => Ok(Some(asked)),
        Err(Trouble::Stripe(failure @ (Failure::Refused { .. } | Failure::Kept))) => {
            tracing::error!(payment = %payment.id, error = %failure, "a payment could not be settled");
            Ok(Some(Asked::Left))
        }
        Err(Trouble::Stripe(failure)) => {
            tracing::warn!(payment = %payment.id, error = %failure, "a payment is left for the next time");
            Ok(None)
        }
        Err(Trouble::Ours(error)) => Err(error),
    }
}

/// Which side it is on.
enum Trouble {
    Stripe(Failure),
    Ours(Error),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Stripe(failure)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

/// As the clean-up would, for a member who comes back before it.
pub(super) async fn conclude_overdue(app: &App, payment: &Payment) -> Result<()> {
    let stripe = app
        .stripe()
        .ok_or_else(|| Error::unavailable("a card payment is open, and Stripe not configured"))?;
    match conclude(app, stripe, payment).await {
        Ok(_) => Ok(()),
        Err(Trouble::Stripe(failure)) => Err(failure.into()),
        Err(Trouble::Ours(error)) => Err(error),
    }
}

/// Finds out how a checkout has ended, ends it where it has not, and settles
/// its payment accordingly.
async fn conclude(app: &App, stripe: &Stripe, payment: &Payment) -> Result<Asked, Trouble> {
    let Some(reference) = &payment.provider_reference else {
        // Nobody was ever shown where to pay.
        settle(app, payment, None).await?;
        return Ok(Asked::Settled);
    };
    let mut session = stripe.session(reference).await?;
    if session.is("open") {
        session = match stripe.expire_session(reference).await {
            Ok(session) => session,
            // It is not open any more.
            Err(Failure::Refused { .. }) => stripe.session(reference).await?,
            Err(failure) => return Err(failure.into()),
        };
    }
    if !session.is_paid() && !session.is("expired") {
        return Ok(Asked::Left);
    }
    settle(app, payment, Some(&session)).await?;
    Ok(Asked::Settled)
}

async fn settle(app: &App, payment: &Payment, session: Option<&Session>) -> Result<()> {
    let now = app.clock().now();
    let studio = &app.config().studio;
    let received = Received {
        payment_id: Some(payment.id),
        ..session.map(of_session).unwrap_or_default()
    };
    let settled = app.transaction().run(async |tx| {
        let outcome = match session {
            Some(session) if session.is_paid() => payment::paid(tx, &received, now).await?,
            _ => payment::ended(tx, &received, false, now, studio).await?,
        };
        note_mismatch(tx, &outcome, &house()).await?;
        invalidate_schedule(app, tx, &outcome);
        Ok(outcome)
    });
    after_commit(app, &settled.await?);
    Ok(())
}

async fn pay_back(app: &App, stripe: &Stripe, payment: &Payment) -> Result<Asked, Trouble> {
    let Some(money) = money(stripe, payment).await? else {
        tracing::error!(payment = %payment.id, "nothing is known of the money to pay back");
        return Ok(Asked::Left);
    };
    let mut failed = None;
    let mut refund = None;
    if let Some(known) = payment.provider_refund.as_deref() {
        let found = stripe.find_refund(known).await?;
        if found.has_failed() {
            failed = Some(known);
        } else {
            refund = Some(found);
        }
    }
    let refund = match refund {
        Some(refund) => refund,
        None => match stripe.refund(payment.id, &money, failed).await {
            Ok(refund) => refund,
            // By somebody at Stripe's own pages.
            Err(failure) if failure.code() == "charge_already_refunded" => {
                return back(app, payment, &money, None).await;
            }
            Err(failure) => return Err(failure.into()),
        },
    };
    if refund.has_succeeded() {
        return back(app, payment, &money, Some(&refund.id)).await;
    }
    if refund.has_failed() {
        tracing::error!(payment = %payment.id, "a refund failed");
    }
    // On its way: Stripe tells when it is there, and is asked the next time.
    payment::note_refund(&app.db().client().await?, payment.id, &refund.id).await?;
    Ok(Asked::Left)
}

/// What Stripe calls the money of a payment.
async fn money(stripe: &Stripe, payment: &Payment) -> Result<Option<String>, Failure> {
    match (&payment.provider_payment, &payment.provider_reference) {
        (Some(money), _) => Ok(Some(money.clone())),
        (None, Some(reference)) => Ok(stripe.session(reference).await?.payment_intent),
        (None, None) => Ok(None),
    }
}

/// All of it: we ask for no less.
async fn back(
    app: &App,
    payment: &Payment,
    money: &str,
    refund: Option<&str>,
) -> Result<Asked, Trouble> {
    let now = app.clock().now();
    let received = Received {
        payment_id: Some(payment.id),
        provider_payment: Some(money),
        provider_refund: refund,
        amount: crate::values::minor_units::minor_units(payment.amount, &payment.currency),
        currency: Some(&payment.currency),
        ..Received::default()
    };
    let refunded = app.transaction().run(async |tx| {
        let outcome = payment::refunded(tx, &received, now).await?;
        invalidate_schedule(app, tx, &outcome);
        Ok(outcome)
    });
    after_commit(app, &refunded.await?);
    Ok(Asked::Settled)
}

/// Sends the mail or the refund that an outcome made due, after the response.
pub(super) fn after_commit(app: &App, outcome: &Outcome) {
    match outcome {
        Outcome::Released => mail::send_due_soon(app),
        Outcome::RefundDue => settle_soon(app),
        _ => {}
    }
}
