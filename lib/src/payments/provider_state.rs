//! The state of objects at Stripe, and its effect on payments.
//!
//! An event or a due payment only identifies an object. The state of the object is always read
//! from Stripe, so neither the order of the events nor the API version of the webhook endpoint
//! matters.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::models::membership::{self, ApplyContext};
use crate::models::payment::{
    self, CheckoutEnd, CheckoutReport, Outcome, Payment, ProviderDispute, ProviderRefund,
};
use crate::payments::check_error::CheckError;
use crate::payments::membership_state::{self, MembershipState};
use crate::payments::stripe::{EventKind, Refusal, Session, SessionStatus, Stripe, StripeError};
use crate::payments::stripe_report::{
    checkout_report, invalidate_schedule, provider_dispute, provider_refund, record_mismatch,
};
use crate::session::Tx;
use crate::store::client::Client;
use crate::values::caller::Caller;
use crate::values::time_zone::TimeZone;

/// What Stripe knows about a payment.
pub(super) enum ProviderState {
    /// The checkout was paid.
    Paid(Uuid, Box<Session>),
    /// The checkout ended without a payment. `None` if there was no checkout.
    Ended(Uuid, Option<Box<Session>>, CheckoutEnd),
    /// Refunds of the payment, oldest first.
    Refunds(Uuid, Vec<ProviderRefund>),
    /// Disputes of the payment, oldest first.
    Disputes(Uuid, Vec<ProviderDispute>),
    /// A membership.
    Membership(Box<MembershipState>),
    /// Nothing that changes a payment.
    Unchanged,
    /// The object does not belong to one of Sabor's payments.
    Foreign,
}

impl ProviderState {
    /// Applies the state in a transaction, and records a mismatch that staff must check.
    pub(super) async fn apply(
        &self,
        app: &App,
        tx: &Tx,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Outcome> {
        let (studio, keys) = (&app.config().studio, &app.config().encryption_keys);
        let mut outcome = Outcome::Unchanged;
        match self {
            Self::Paid(id, session) => {
                let report = checkout_report(*id, session);
                outcome = payment::settle_paid(tx, &report, now, studio, keys).await?;
            }
            Self::Ended(id, session, end) => {
                let no_checkout = CheckoutReport {
                    payment_id: *id,
                    reference: None,
                    provider_payment: None,
                    amount: None,
                    currency: None,
                };
                let report = session
                    .as_ref()
                    .map_or(no_checkout, |session| checkout_report(*id, session));
                outcome = payment::settle_ended(tx, &report, *end, now, studio).await?;
            }
            Self::Refunds(id, refunds) => {
                outcome = payment::record_refunds(tx, *id, refunds, now).await?;
            }
            Self::Disputes(id, disputes) => {
                for dispute in disputes {
                    let dispute_outcome = payment::record_dispute(tx, *id, dispute, now).await?;
                    record_mismatch(tx, &dispute_outcome, caller).await?;
                    outcome = dispute_outcome;
                }
                return Ok(outcome);
            }
            Self::Membership(state) => {
                let MembershipState { sync, report } = state.as_ref();
                let zone = TimeZone::of_studio(studio)?;
                let context = ApplyContext {
                    now,
                    zone: &zone,
                    grace_days: studio.membership_grace_days,
                    keys,
                    caller,
                };
                return membership::apply(tx, sync, report, &context).await;
            }
            Self::Unchanged => {}
            Self::Foreign => outcome = Outcome::Foreign,
        }
        record_mismatch(tx, &outcome, caller).await?;
        invalidate_schedule(app, tx, &outcome);
        Ok(outcome)
    }
}

/// Reads the object of an event from Stripe.
pub(super) async fn read_state(
    app: &App,
    stripe: &Stripe,
    kind: &EventKind,
) -> Result<ProviderState, CheckError> {
    let state = match kind {
        EventKind::Checkout {
            session,
            has_failed,
        } => read_checkout(app, stripe, session, *has_failed).await,
        EventKind::Refunds { payment_intent, .. } => match payment_intent {
            Some(intent) => read_refunds(app, stripe, intent).await,
            None => Ok(ProviderState::Foreign),
        },
        EventKind::Dispute { dispute } => read_dispute(app, stripe, dispute).await,
        EventKind::Subscription { subscription } => {
            let read = membership_state::read_subscription(app, stripe, subscription);
            read.await.map(membership_or_foreign)
        }
        EventKind::Invoice { invoice } => {
            let read = membership_state::read_invoice(app, stripe, invoice);
            read.await.map(membership_or_foreign)
        }
        EventKind::Ignored => Ok(ProviderState::Unchanged),
    };
    match state {
        // The object belongs to another account, or to the other mode (test or live).
        Err(CheckError::Stripe(error)) if error.refusal() == Some(Refusal::Missing) => {
            Ok(ProviderState::Foreign)
        }
        state => state,
    }
}

fn membership_or_foreign(state: Option<MembershipState>) -> ProviderState {
    state.map_or(ProviderState::Foreign, |state| {
        ProviderState::Membership(Box::new(state))
    })
}

async fn read_checkout(
    app: &App,
    stripe: &Stripe,
    session: &str,
    has_failed: bool,
) -> Result<ProviderState, CheckError> {
    let session = Box::new(stripe.session(session).await?);
    if let Some(id) = session.membership_id() {
        let subscription = session.subscription.as_deref();
        let read = membership_state::read_by_id(app, stripe, id, subscription);
        return read.await.map(membership_or_foreign);
    }
    let Some(id) = session.payment_id() else {
        return Ok(ProviderState::Foreign);
    };
    Ok(if session.is_paid() {
        ProviderState::Paid(id, session)
    } else if session.status == Some(SessionStatus::Expired) {
        ProviderState::Ended(id, Some(session), CheckoutEnd::Expired)
    } else if has_failed {
        ProviderState::Ended(id, Some(session), CheckoutEnd::Failed)
    } else {
        // The payment is in progress. Another event follows.
        ProviderState::Unchanged
    })
}

/// Reads the refunds of a payment intent.
async fn read_refunds(
    app: &App,
    stripe: &Stripe,
    payment_intent: &str,
) -> Result<ProviderState, CheckError> {
    let Some(payment) = find_payment(app, stripe, payment_intent).await? else {
        return Ok(ProviderState::Foreign);
    };
    refunds_of(stripe, &payment, payment_intent).await
}

/// Reads the refunds of a payment.
pub(super) async fn refunds_of(
    stripe: &Stripe,
    payment: &Payment,
    payment_intent: &str,
) -> Result<ProviderState, CheckError> {
    let refunds = stripe.refunds(payment_intent).await?;
    let refunds = refunds.iter().map(provider_refund).collect();
    Ok(ProviderState::Refunds(payment.id, refunds))
}

/// Reads the disputes of a payment.
pub(super) async fn disputes_of(
    stripe: &Stripe,
    payment: &Payment,
    payment_intent: &str,
) -> Result<ProviderState, CheckError> {
    let disputes = stripe.disputes(payment_intent).await?;
    let disputes = disputes.iter().map(provider_dispute).collect();
    Ok(ProviderState::Disputes(payment.id, disputes))
}

async fn read_dispute(app: &App, stripe: &Stripe, id: &str) -> Result<ProviderState, CheckError> {
    let dispute = stripe.dispute(id).await?;
    let Some(payment_intent) = &dispute.payment_intent else {
        return Ok(ProviderState::Foreign);
    };
    let Some(payment) = find_payment(app, stripe, payment_intent).await? else {
        return Ok(ProviderState::Foreign);
    };
    let disputes = vec![provider_dispute(&dispute)];
    Ok(ProviderState::Disputes(payment.id, disputes))
}

/// Finds the payment that a payment intent belongs to. If the event about its checkout or its
/// invoice has not arrived yet, that is settled first.
async fn find_payment(
    app: &App,
    stripe: &Stripe,
    payment_intent: &str,
) -> Result<Option<Payment>, CheckError> {
    let find_by_intent = async || {
        let client = app.db().client().await?;
        payment::find_by_provider_payment(&client, payment_intent).await
    };
    if let Some(payment) = find_by_intent().await? {
        return Ok(Some(payment));
    }
    let Some(id) = stripe.payment_intent(payment_intent).await?.payment_id() else {
        let Some(invoice) = find_invoice(stripe, payment_intent).await? else {
            return Ok(None);
        };
        let read = membership_state::read_invoice(app, stripe, &invoice);
        let state = membership_or_foreign(read.await?);
        apply_in_transaction(app, &state).await?;
        return Ok(find_by_intent().await?);
    };
    let found = {
        let client: Client = app.db().client().await?;
        payment::find(&client, id).await?
    };
    let Some(reference) = found.and_then(|payment| payment.provider_reference) else {
        return Ok(None);
    };
    let session = stripe.session(&reference).await?;
    if !session.is_paid() || session.payment_intent.as_deref() != Some(payment_intent) {
        return Ok(None);
    }
    let paid = ProviderState::Paid(id, Box::new(session));
    apply_in_transaction(app, &paid).await?;
    Ok(find_by_intent().await?)
}

/// Finds the invoice that a payment intent has paid. A key that may not read invoices is that of a
/// studio without memberships.
async fn find_invoice(
    stripe: &Stripe,
    payment_intent: &str,
) -> Result<Option<String>, StripeError> {
    match stripe.invoice_of_payment(payment_intent).await {
        Err(StripeError::Refused { status: 403, .. }) => Ok(None),
        invoice => invoice,
    }
}

/// Applies a state in a separate transaction, with an internal caller.
pub(super) async fn apply_in_transaction(app: &App, state: &ProviderState) -> Result<Outcome> {
    let now = app.clock().now();
    app.transaction()
        .run(async |tx| state.apply(app, tx, &Caller::internal(), now).await)
        .await
}
