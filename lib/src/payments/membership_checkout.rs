//! The checkouts with which memberships start.
//!
//! No transaction is open while Stripe is called. A repeated request continues after the last
//! completed step, as for payments.

use crate::App;
use crate::error::{Error, Result};
use crate::http::Member;
use crate::models::membership::{self, Membership};
use crate::payments::checkout::{CARD_NOT_POSSIBLE, MAX_STRIPE_KEYS};
use crate::payments::stripe::{NewSubscriptionSession, Refusal, Stripe, StripeError};
use crate::values::minor_units::minor_units;

/// Creates the checkout of a membership at Stripe, unless it has one, and stores it.
///
/// # Errors
///
/// 409 `card_not_possible` when Stripe does not accept the amount; [`Error::Unavailable`] when
/// Stripe does not answer. A repeated request continues where this one stopped.
pub(crate) async fn check_out(
    app: &App,
    stripe: &Stripe,
    member: &Member,
    mut membership: Membership,
) -> Result<Membership> {
    let mut customer = membership.provider_customer.clone();
    let mut keys_used = 1;
    while membership.checkout.is_none() {
        let Some(amount) = minor_units(membership.price, &membership.currency) else {
            return abandon(app, &membership, CARD_NOT_POSSIBLE).await;
        };
        let new = new_session(app, member, &membership, customer.as_deref(), amount);
        let client = match stripe.create_subscription_session(&new).await {
            Ok(session) => {
                let client = app.db().client().await?;
                let id = membership.id;
                return membership::store_checkout(&client, id, &session.id, session.url).await;
            }
            // The customer was deleted in Stripe's dashboard.
            Err(error) if error.refusal() == Some(Refusal::Missing) && customer.is_some() => {
                tracing::warn!(%error, "starting a membership with a new customer");
                customer = None;
                app.db().client().await?
            }
            Err(error) if error.needs_new_key() && keys_used < MAX_STRIPE_KEYS => {
                tracing::warn!(%error, "retrying a checkout with another key");
                app.db().client().await?
            }
            Err(error) if error.refusal() == Some(Refusal::AmountNotPossible) => {
                return abandon(app, &membership, CARD_NOT_POSSIBLE).await;
            }
            Err(error @ StripeError::Refused { .. }) => {
                return abandon(app, &membership, error.into()).await;
            }
            Err(error) => return Err(error.into()),
        };
        membership = membership::extend(&client, &membership, app.clock().now()).await?;
        keys_used += 1;
    }
    Ok(membership)
}

/// Ends a membership whose checkout Stripe refuses, so that the member can start another one.
async fn abandon(app: &App, membership: &Membership, error: Error) -> Result<Membership> {
    let client = app.db().client().await?;
    membership::abandon(&client, membership.id, app.clock().now()).await?;
    Err(error)
}

fn new_session<'a>(
    app: &App,
    member: &'a Member,
    membership: &'a Membership,
    customer: Option<&'a str>,
    amount: i64,
) -> NewSubscriptionSession<'a> {
    let page = format!(
        "{}/shop?membership={}",
        app.config().studio.site_url,
        membership.id
    );
    NewSubscriptionSession {
        membership_id: membership.id,
        amount,
        currency: &membership.currency,
        interval: membership.every.as_str(),
        title: &membership.name,
        customer,
        email: &member.user.email,
        expires_at: membership.expires_at,
        success_url: format!("{page}&payment=done"),
        cancel_url: format!("{page}&payment=open"),
    }
}
