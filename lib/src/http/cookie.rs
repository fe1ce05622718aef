//! The session's cookie.

use std::time::Duration;

use axum::response::{IntoResponseParts, ResponseParts};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::App;
use crate::error::Error;
use crate::session::{Life, Token};

/// Over https the prefix makes browsers refuse a cookie of this name that
/// another host, or plain http, has set (RFC 6265bis, 4.1.3.2).
fn name(app: &App) -> &'static str {
    if app.config().development {
        "sabor_session"
    } else {
        "__Host-sabor_session"
    }
}

/// The session cookie of a request, unverified.
pub(super) fn presented<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let name = name(app);
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        // Each by itself: another's cookie may hold what is no text.
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Gives a session's token to its owner.
#[derive(Debug)]
pub struct SetSession(String);

impl SetSession {
    /// For a session that ends after `life.absolute` at the latest.
    pub fn new(app: &App, token: &Token, life: Life) -> Self {
        Self::with_value(app, &token.signed(app.cookie_signer()), life.absolute)
    }

    pub(crate) fn with_value(app: &App, value: &str, max_age: Duration) -> Self {
        let secure = if app.config().development {
            ""
        } else {
            "; Secure"
        };
        Self(format!(
            "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            name(app),
            max_age.as_secs(),
        ))
    }
}

impl IntoResponseParts for SetSession {
    type Error = Error;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Error> {
        let value =
            HeaderValue::from_str(&self.0).map_err(|error| Error::Internal(Box::new(error)))?;
        parts.headers_mut().append(SET_COOKIE, value);
        Ok(parts)
    }
}

/// Takes the token away from its owner again.
#[derive(Debug)]
pub struct ClearSession(SetSession);

impl ClearSession {
    /// A cookie that ends at once.
    pub fn new(app: &App) -> Self {
        Self(SetSession::with_value(app, "", Duration::ZERO))
    }
}

impl IntoResponseParts for ClearSession {
    type Error = Error;

    fn into_response_parts(self, parts: ResponseParts) -> Result<ResponseParts, Error> {
        self.0.into_response_parts(parts)
    }
}

/// A cookie that was refused is cleared; on an outage nothing is known of it,
/// and it stays.
pub(super) fn clear_refused(app: &App, error: &Error, headers: &mut HeaderMap) {
    let refused = matches!(error, Error::CookieRefused | Error::SessionGone);
    if !refused || headers.contains_key(SET_COOKIE) {
        return;
    }
    let ClearSession(SetSession(text)) = ClearSession::new(app);
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(SET_COOKIE, value);
    }
}
