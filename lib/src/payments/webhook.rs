//! Events that Stripe sends to the webhook.

use chrono::{DateTime, Utc};
use http::HeaderMap;

use crate::error::{Error, Result};
use crate::models::payment::{self, Outcome, Received};
use crate::models::webhook_event;
use crate::payments::reconcile::after_commit;
use crate::payments::settlement::{invalidate_schedule, note_mismatch, of_session};
use crate::payments::stripe::{Charge, Event, Refund, Told};
use crate::store::client::Client;
use crate::values::caller::Caller;
use crate::{App, BoxFuture};

/// Hears what Stripe tells, once, whatever came before it. What is of no
/// concern, or of no payment of ours, is heard as well, so that Stripe does not
/// tell it again.
///
/// # Errors
///
/// 404 where there are no card payments; [`Error::BadSignature`];
/// [`Error::Malformed`]; [`Error::Unavailable`]: Stripe tells it again then.
pub fn hear<'a>(
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
        if matches!(event.told, Told::Nothing) {
            return Ok(());
        }
        let outcome = app
            .transaction()
            .run(async |tx| {
                if !webhook_event::hear(tx, &event.id, &event.kind).await? {
                    return Ok(Outcome::Unchanged);
                }
                let outcome = settle(app, tx, &event, now).await?;
                note_mismatch(tx, &outcome, caller).await?;
                invalidate_schedule(app, tx, &outcome);
                Ok(outcome)
            })
            .await?;
        after_commit(app, &outcome);
        Ok(())
    })
}

async fn settle(app: &App, client: &Client, event: &Event, now: DateTime<Utc>) -> Result<Outcome> {
    let studio = &app.config().studio;
    match &event.told {
        Told::Paid(session) => payment::paid(client, &of_session(session), now).await,
        Told::Failed(session) => {
            payment::ended(client, &of_session(session), true, now, studio).await
        }
        Told::Expired(session) => {
            payment::ended(client, &of_session(session), false, now, studio).await
        }
        Told::Charge(charge) if charge.refunded => {
            payment::refunded(client, &of_charge(charge), now).await
        }
        Told::Refund(refund) if refund.has_succeeded() => {
            payment::refunded(client, &of_refund(refund), now).await
        }
        Told::Refund(refund) if refund.has_failed() => {
            payment::refund_failed(client, &of_refund(refund)).await
        }
        Told::Charge(_) | Told::Refund(_) | Told::Nothing => Ok(Outcome::Unchanged),
    }
}

fn of_charge(charge: &Charge) -> Received<'_> {
    Received {
        payment_id: charge.payment_id(),
        provider_payment: charge.payment_intent.as_deref(),
        amount: Some(charge.amount),
        currency: Some(&charge.currency),
        ..Received::default()
    }
}

fn of_refund(refund: &Refund) -> Received<'_> {
    Received {
        payment_id: refund.payment_id(),
        provider_payment: refund.payment_intent.as_deref(),
        provider_refund: Some(&refund.id),
        amount: Some(refund.amount),
        currency: Some(&refund.currency),
        ..Received::default()
    }
}
