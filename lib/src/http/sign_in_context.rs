//! Whoever wants to be let in, and what they come with.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use uuid::Uuid;

use super::Presented;
use super::cookie::{self, Purpose, SetCookie};
use crate::App;
use crate::crypto::secret::sha256_hex;
use crate::session::{DEVICE_LIFE, Key, Token};
use crate::values::caller::Caller;

/// So many accounts of one browser are looked at.
const MOST_DEVICES: usize = 8;

/// A client before it has a session of a member's.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Where it calls from.
    pub client: Caller,
    /// The session that it has had so far, alive or not.
    pub before: Option<Key>,
    /// By what accounts may know this browser; the signatures are ours.
    pub devices: Vec<Token>,
    /// The sign-in that waits for a code in this browser.
    pub challenge: Option<Token>,
}

impl FromRequestParts<App> for Arrival {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let devices = cookie::presented_all(app, &parts.headers, Purpose::Device)
            .filter_map(|value| Token::verified(value, app.device_signer()))
            .take(MOST_DEVICES)
            .collect();
        let challenge = cookie::presented(app, &parts.headers, Purpose::Challenge);
        let challenge = challenge.and_then(Token::parse);
        Ok(Self {
            before: Presented::of(parts, app).key(),
            client: Caller::from_request_parts(parts, app).await?,
            devices,
            challenge,
        })
    }
}

/// The cookie by which a member's account knows a browser again. Its name tells
/// accounts apart that are used in one browser, and not whose they are.
pub(crate) fn set_device(app: &App, user_id: Uuid, token: &Token) -> SetCookie {
    let suffix = format!("_{}", &sha256_hex(user_id.as_bytes())[..8]);
    let value = token.signed(app.device_signer());
    SetCookie::named(app, Purpose::Device, &suffix, &value, DEVICE_LIFE)
}
