//! Handles Stripe's webhook events.

use chrono::{DateTime, Utc};
use http::HeaderMap;

use crate::error::{Error, Result};
use crate::models::payment::{self, CheckoutEnd, Outcome};
use crate::models::webhook_event;
use crate::payments::reconcile::after_commit;
use crate::payments::stripe::{Event, EventKind};
use crate::payments::stripe_report::{
    charge_report, invalidate_schedule, record_mismatch, refund_report, session_report,
};
use crate::store::client::Client;
use crate::values::caller::Caller;
use crate::{App, BoxFuture};

/// Applies an event that Stripe reports. Each event takes effect once, and events may
/// arrive in any order. Events of other kinds are ignored and succeed, so that Stripe
/// does not repeat them.
///
/// # Errors
///
/// [`Error::NotFound`] when card payments are not configured;
/// [`Error::BadSignature`]; [`Error::Malformed`]; [`Error::Unavailable`], after
/// which Stripe repeats the event.
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
        if matches!(event.kind, EventKind::Ignored) {
            return Ok(());
        }
        let outcome = app
            .transaction()
            .run(async |tx| {
                if !webhook_event::insert(tx, &event.id, &event.name).await? {
                    return Ok(Outcome::Unchanged);
                }
                let outcome = apply(app, tx, &event, now).await?;
                record_mismatch(tx, &outcome, caller).await?;
                invalidate_schedule(app, tx, &outcome);
                Ok(outcome)
            })
            .await?;
        after_commit(app, &outcome);
        Ok(())
    })
}

async fn apply(app: &App, client: &Client, event: &Event, now: DateTime<Utc>) -> Result<Outcome> {
    let studio = &app.config().studio;
    match &event.kind {
        EventKind::Paid(session) => {
            payment::settle_paid(client, &session_report(session), now).await
        }
        EventKind::Failed(session) => {
            payment::settle_ended(
                client,
                &session_report(session),
                CheckoutEnd::Failed,
                now,
                studio,
            )
            .await
        }
        EventKind::Expired(session) => {
            payment::settle_ended(
                client,
                &session_report(session),
                CheckoutEnd::Expired,
                now,
                studio,
            )
            .await
        }
        EventKind::ChargeRefunded(charge) if charge.refunded => {
            payment::settle_refunded(client, &charge_report(charge), now).await
        }
        EventKind::RefundUpdated(refund) if refund.has_succeeded() => {
            payment::settle_refunded(client, &refund_report(refund), now).await
        }
        EventKind::RefundUpdated(refund) if refund.has_failed() => {
            payment::settle_failed_refund(client, &refund_report(refund)).await
        }
        EventKind::ChargeRefunded(_) | EventKind::RefundUpdated(_) | EventKind::Ignored => {
            Ok(Outcome::Unchanged)
        }
    }
}
