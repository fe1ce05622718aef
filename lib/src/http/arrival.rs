//! Whoever wants to be let in, and what they come with.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::cookie::{self, Purpose, SetCookie};
use super::{Client, Presented};
use crate::App;
use crate::session::{Key, Token};

/// How long a browser is known without a sign-in.
pub(crate) const DEVICE_LIFE: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// A client before it has a session of a member's.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Where it calls from.
    pub client: Client,
    /// The session that it has had so far, alive or not.
    pub before: Option<Key>,
    /// By what an account may know this browser; its signature is ours.
    pub device: Option<Token>,
    /// The sign-in that waits for a code in this browser.
    pub challenge: Option<Token>,
}

impl FromRequestParts<App> for Arrival {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let device = cookie::presented(app, &parts.headers, Purpose::Device)
            .and_then(|value| Token::verified(value, app.device_signer()));
        let challenge = cookie::presented(app, &parts.headers, Purpose::Challenge);
        let challenge = challenge.and_then(Token::parse);
        Ok(Self {
            before: Presented::of(parts, app).key(),
            client: Client::from_request_parts(parts, app).await?,
            device,
            challenge,
        })
    }
}

/// The cookie by which a browser is known again.
pub(crate) fn set_device(app: &App, token: &Token) -> SetCookie {
    let value = token.signed(app.device_signer());
    SetCookie::new(app, Purpose::Device, &value, DEVICE_LIFE)
}
