//! Converts Stripe's objects to reports on payments, for the webhook and for
//! reconciliation.

use serde_json::json;

use crate::App;
use crate::error::Result;
use crate::models::payment::{Outcome, ProviderReport};
use crate::models::security_event::{self, SecurityEventKind};
use crate::payments::stripe::{Charge, Refund, Session};
use crate::session::Tx;
use crate::store::client::Client;
use crate::values::caller::Caller;

/// Converts a Checkout Session to a report.
pub(super) fn session_report(session: &Session) -> ProviderReport<'_> {
    ProviderReport {
        payment_id: session.payment_id(),
        reference: Some(&session.id),
        provider_payment: session.payment_intent.as_deref(),
        provider_refund: None,
        amount: session.amount_total,
        currency: session.currency.as_deref(),
    }
}

/// Converts a charge to a report.
pub(super) fn charge_report(charge: &Charge) -> ProviderReport<'_> {
    ProviderReport {
        payment_id: charge.payment_id(),
        provider_payment: charge.payment_intent.as_deref(),
        amount: Some(charge.amount),
        currency: Some(&charge.currency),
        ..ProviderReport::default()
    }
}

/// Converts a refund to a report.
pub(super) fn refund_report(refund: &Refund) -> ProviderReport<'_> {
    ProviderReport {
        payment_id: refund.payment_id(),
        provider_payment: refund.payment_intent.as_deref(),
        provider_refund: Some(&refund.id),
        amount: Some(refund.amount),
        currency: Some(&refund.currency),
        ..ProviderReport::default()
    }
}

/// Records a mismatch as a security event and in the log, because only a person
/// can resolve it. Does nothing for other outcomes.
pub(super) async fn record_mismatch(
    client: &Client,
    outcome: &Outcome,
    caller: &Caller,
) -> Result<()> {
    let Outcome::Mismatch {
        payment_id,
        user_id,
        problem,
    } = outcome
    else {
        return Ok(());
    };
    tracing::error!(%payment_id, problem, "a payment needs manual review");
    let detail = json!({ "paymentId": payment_id, "problem": problem });
    security_event::insert_with_detail(
        client,
        SecurityEventKind::PaymentMismatch,
        Some(*user_id),
        caller,
        detail,
    )
    .await
}

/// Invalidates the cached schedule when the outcome has released a spot.
pub(super) fn invalidate_schedule(app: &App, tx: &Tx, outcome: &Outcome) {
    if matches!(outcome, Outcome::Released) {
        tx.invalidate([app.schedule()]);
    }
}
