//! Handles Stripe's webhook events.

use http::HeaderMap;

use crate::error::{Error, Result};
use crate::models::payment::Outcome;
use crate::models::webhook_event;
use crate::payments::provider_state::read_state;
use crate::payments::reconcile::after_commit;
use crate::payments::stripe::EventKind;
use crate::values::caller::Caller;
use crate::{App, BoxFuture};

/// Applies an event that Stripe reports. Each event takes effect once, and events may
/// arrive in any order. Events of a kind that Sabor does not handle are accepted and
/// ignored, so that Stripe does not repeat them.
///
/// # Errors
///
/// Fails with [`Error::NotFound`] when card payments are not configured, with
/// [`Error::BadSignature`] or [`Error::Malformed`] when the event is invalid, and with
/// [`Error::Unavailable`] when Postgres or Stripe does not answer. Stripe repeats the event
/// after an error.
pub fn handle<'a>(
    app: &'a App,
    caller: &'a Caller,
    headers: &'a HeaderMap,
    body: &'a [u8],
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let stripe = app.stripe().ok_or(Error::NotFound)?;
        let signature = headers.get("stripe-signature");
        let signature = signature.and_then(|value| value.to_str().ok());
        let now = app.clock().now();
        let event = stripe.event(signature.unwrap_or_default(), body, now)?;
        if event.kind == EventKind::Ignored {
            return Ok(());
        }
        let state = read_state(app, stripe, &event.kind).await?;
        let outcome = app
            .transaction()
            .run(async |tx| {
                if !webhook_event::insert(tx, &event.id, &event.name).await? {
                    return Ok(Outcome::Unchanged);
                }
                state.apply(app, tx, caller, now).await
            })
            .await?;
        if outcome == Outcome::Foreign {
            let (id, name, kind) = (&event.id, &event.name, &event.kind);
            tracing::info!(event = id, name, object = ?kind, "ignored an event about a payment of another program");
        }
        after_commit(app, &outcome);
        Ok(())
    })
}
