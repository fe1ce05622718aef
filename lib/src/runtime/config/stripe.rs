//! The configuration of card payments.

use std::time::Duration;

use super::environment::{ConfigError, Environment, exact_origin, invalid};
use crate::crypto::secret::Secret;
use crate::runtime::http_client::may_receive_secrets;

/// The configuration of the connection to Stripe.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// `STRIPE_SECRET_KEY`
    pub secret_key: Secret,
    /// `STRIPE_WEBHOOK_SECRET`: verifies Stripe's webhook events.
    pub webhook_secret: Secret,
    /// `STRIPE_API_BASE`, without a trailing slash.
    pub api_base: String,
    /// The time limit of a call, including retries: ten seconds, except in tests.
    pub time_limit: Duration,
}

pub(super) fn stripe(env: &Environment<'_>) -> Result<Option<StripeConfig>, ConfigError> {
    let Some(secret_key) = env.value("STRIPE_SECRET_KEY") else {
        return Ok(None);
    };
    // Without the secret, the webhook could not verify events.
    let webhook_secret = env.value("STRIPE_WEBHOOK_SECRET").ok_or_else(|| {
        invalid(
            "STRIPE_WEBHOOK_SECRET",
            "is required when STRIPE_SECRET_KEY is set",
        )
    })?;
    let api_base = env
        .value("STRIPE_API_BASE")
        .unwrap_or_else(|| "https://api.stripe.com".into());
    let api_base = exact_origin("STRIPE_API_BASE", &api_base)?;
    // Over http:// the secret key would be sent unencrypted.
    if !api_base
        .parse()
        .is_ok_and(|base| may_receive_secrets(&base))
    {
        return Err(invalid(
            "STRIPE_API_BASE",
            "must start with https:// (or http:// on this machine)",
        ));
    }
    Ok(Some(StripeConfig {
        secret_key: Secret::new(secret_key),
        webhook_secret: Secret::new(webhook_secret),
        api_base,
        time_limit: Duration::from_secs(10),
    }))
}
