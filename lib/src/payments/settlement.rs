//! What the webhook and the reconciliation do with an outcome alike.

use std::net::Ipv4Addr;

use serde_json::json;

use crate::App;
use crate::error::Result;
use crate::models::payment::{Outcome, Received};
use crate::models::security_event::{self, Kind};
use crate::payments::stripe::Session;
use crate::session::Tx;
use crate::store::client::Client;
use crate::values::caller::Caller;

pub(super) fn of_session(session: &Session) -> Received<'_> {
    Received {
        payment_id: session.payment_id(),
        reference: Some(&session.id),
        provider_payment: session.payment_intent.as_deref(),
        provider_refund: None,
        amount: session.amount_total,
        currency: session.currency.as_deref(),
    }
}

/// Invalidates the schedule if the outcome released a spot.
pub(super) fn invalidate_schedule(app: &App, tx: &Tx, outcome: &Outcome) {
    if matches!(outcome, Outcome::Released) {
        tx.invalidate([app.schedule()]);
    }
}

/// What nobody can settle but a person is a security event, and in the log.
pub(super) async fn note_mismatch(
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
    tracing::error!(%payment_id, problem, "a payment has to be looked at");
    let detail = json!({ "paymentId": payment_id, "problem": problem });
    security_event::insert_with(
        client,
        Kind::PaymentMismatch,
        Some(*user_id),
        caller,
        detail,
    )
    .await
}

/// The house itself, where nobody called.
pub(super) fn house() -> Caller {
    Caller {
        address: Ipv4Addr::LOCALHOST.into(),
        user_agent: None,
    }
}
