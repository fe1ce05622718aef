//! Converts Stripe's objects to types of the models, for the webhook and for reconciliation.

use chrono::DateTime;
use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::models::payment::{
    CheckoutReport, Outcome, ProviderDispute, ProviderRefund, RefundState,
};
use crate::models::security_event::{self, SecurityEventKind};
use crate::payments::stripe::{Dispute, Refund, RefundStatus, Session};
use crate::session::Tx;
use crate::store::client::Client;
use crate::values::caller::Caller;

/// Converts a Checkout Session of a payment.
pub(super) fn checkout_report(payment_id: Uuid, session: &Session) -> CheckoutReport<'_> {
    CheckoutReport {
        payment_id,
        reference: Some(&session.id),
        provider_payment: session.payment_intent.as_deref(),
        amount: session.amount_total,
        currency: session.currency.as_deref(),
    }
}

/// Converts a refund.
pub(super) fn provider_refund(refund: &Refund) -> ProviderRefund {
    let is_cancelled = refund.status == Some(RefundStatus::Canceled);
    let state = match refund.status {
        Some(RefundStatus::Succeeded) => RefundState::Done,
        Some(RefundStatus::Failed | RefundStatus::Canceled) => RefundState::Failed,
        _ => RefundState::Sent,
    };
    ProviderRefund {
        id: refund.id.clone(),
        refund_id: refund.refund_id(),
        payment_id: refund.payment_id(),
        state,
        is_cancelled,
        failure_reason: refund.failure_reason.clone(),
        amount: refund.amount,
        currency: refund.currency.clone(),
    }
}

/// Converts a dispute.
pub(super) fn provider_dispute(dispute: &Dispute) -> ProviderDispute {
    ProviderDispute {
        id: dispute.id.clone(),
        amount: dispute.amount,
        currency: dispute.currency.clone(),
        fee: dispute.fee(),
        status: dispute.status.clone(),
        is_withdrawn: dispute.is_withdrawn(),
        is_closed: dispute.is_closed(),
        is_inquiry: dispute.is_inquiry(),
        opened_at: DateTime::from_timestamp(dispute.created, 0).unwrap_or_default(),
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

/// Invalidates the cached schedule when the outcome has released a spot, or may have: money that is
/// refunded can be that of an order that was cancelled.
pub(super) fn invalidate_schedule(app: &App, tx: &Tx, outcome: &Outcome) {
    if matches!(outcome, Outcome::Released | Outcome::RefundDue) {
        tx.invalidate([app.schedule()]);
    }
}
