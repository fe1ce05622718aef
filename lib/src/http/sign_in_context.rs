//! The extractor for [`SignInContext`].

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use uuid::Uuid;

use super::Credential;
use super::cookie::{self, CookiePurpose, SetCookie};
use crate::App;
use crate::crypto::secret::sha256_hex;
use crate::session::{DEVICE_LIFETIME, SessionKey, Token};
use crate::values::caller::Caller;

/// The maximum number of device cookies that are read.
const MAX_DEVICES: usize = 8;

/// The facts about the caller that a sign-in needs.
#[derive(Clone, Debug)]
pub struct SignInContext {
    /// The address and user agent.
    pub caller: Caller,
    /// The key of the caller's previous session, which may have ended.
    pub previous_session: Option<SessionKey>,
    /// The device tokens from the browser's cookies. Their signatures are valid.
    pub device_tokens: Vec<Token>,
    /// The challenge of a sign-in in this browser that waits for a second-factor code.
    pub challenge: Option<Token>,
}

impl FromRequestParts<App> for SignInContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let device_tokens = cookie::read_all(app, &parts.headers, CookiePurpose::Device)
            .filter_map(|value| Token::verified(value, app.device_signer()))
            .take(MAX_DEVICES)
            .collect();
        let challenge = cookie::read(app, &parts.headers, CookiePurpose::Challenge);
        let challenge = challenge.and_then(Token::parse);
        Ok(Self {
            previous_session: Credential::of(parts, app).key(),
            caller: Caller::from_request_parts(parts, app).await?,
            device_tokens,
            challenge,
        })
    }
}

/// Returns the cookie by which an account recognizes a device. Its name ends with a hash
/// of the user's id, so that a browser can store one for each account.
pub(crate) fn device_cookie(app: &App, user_id: Uuid, token: &Token) -> SetCookie {
    let suffix = format!("_{}", &sha256_hex(user_id.as_bytes())[..8]);
    let value = token.signed(app.device_signer());
    SetCookie::with_suffix(app, CookiePurpose::Device, &suffix, &value, DEVICE_LIFETIME)
}
