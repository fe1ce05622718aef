//! Cookies: of the session, and what else a browser is known by.

use std::time::Duration;

use axum::response::{IntoResponseParts, Response, ResponseParts};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::App;
use crate::error::Error;
use crate::session::{Life, Token};

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The session.
    Session,
    /// The browser, by which an account knows it again: one for each account
    /// that is used in it.
    Device,
    /// The sign-in through a provider that this browser has begun.
    OAuth,
    /// The sign-in that waits for a code.
    Challenge,
}

impl Purpose {
    /// Over https the prefix makes browsers refuse a cookie of this name that
    /// another host, or plain http, has set (RFC 6265bis, 4.1.3.2).
    fn cookie(self, app: &App) -> &'static str {
        match (self, app.config().development) {
            (Self::Session, false) => "__Host-sabor_session",
            (Self::Session, true) => "sabor_session",
            (Self::Device, false) => "__Host-sabor_device",
            (Self::Device, true) => "sabor_device",
            (Self::OAuth, false) => "__Host-sabor_oauth",
            (Self::OAuth, true) => "sabor_oauth",
            (Self::Challenge, false) => "__Host-sabor_challenge",
            (Self::Challenge, true) => "sabor_challenge",
        }
    }
}

/// The cookie of a request, unverified.
pub(crate) fn presented<'a>(
    app: &App,
    headers: &'a HeaderMap,
    purpose: Purpose,
) -> Option<&'a str> {
    let name = purpose.cookie(app);
    pairs(headers)
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The cookies of a request that are several of a kind, unverified.
pub(crate) fn presented_all<'a>(
    app: &App,
    headers: &'a HeaderMap,
    purpose: Purpose,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let name = purpose.cookie(app);
    pairs(headers)
        .filter(move |(key, _)| {
            key.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('_'))
        })
        .map(|(_, value)| value)
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        // Each by itself: another's cookie may hold what is no text.
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().split_once('='))
}

/// A cookie for a browser to keep, or to forget.
#[derive(Debug)]
pub struct SetCookie(String);

impl SetCookie {
    /// Holds `value`, which must have nothing in it that a cookie has not.
    pub(crate) fn new(app: &App, purpose: Purpose, value: &str, max_age: Duration) -> Self {
        Self::named(app, purpose, "", value, max_age)
    }

    /// As [`SetCookie::new`], one of several: `suffix` tells which.
    pub(crate) fn named(
        app: &App,
        purpose: Purpose,
        suffix: &str,
        value: &str,
        max_age: Duration,
    ) -> Self {
        let secure = if app.config().development {
            ""
        } else {
            "; Secure"
        };
        Self(format!(
            "{}{suffix}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            purpose.cookie(app),
            max_age.as_secs(),
        ))
    }

    /// A session's token, for its owner. It lasts as long as the session may.
    pub fn session(app: &App, token: &Token, life: Life) -> Self {
        let value = token.signed(app.cookie_signer());
        Self::new(app, Purpose::Session, &value, life.absolute)
    }

    /// Takes a cookie away again.
    pub fn clear(app: &App, purpose: Purpose) -> Self {
        Self::new(app, purpose, "", Duration::ZERO)
    }

    /// Takes the session's token away again.
    pub fn clear_session(app: &App) -> Self {
        Self::clear(app, Purpose::Session)
    }
}

impl SetCookie {
    /// Adds several to an answer. Each has been made of what a header may hold.
    pub(crate) fn append(cookies: Vec<Self>, response: &mut Response) {
        let values = cookies
            .iter()
            .filter_map(|Self(text)| HeaderValue::from_str(text).ok());
        for value in values {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

impl IntoResponseParts for SetCookie {
    type Error = Error;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Error> {
        let value =
            HeaderValue::from_str(&self.0).map_err(|error| Error::Internal(Box::new(error)))?;
        parts.headers_mut().append(SET_COOKIE, value);
        Ok(parts)
    }
}

/// A cookie that was refused is cleared; on an outage nothing is known of it,
/// and it stays.
pub(super) fn clear_refused(app: &App, error: &Error, headers: &mut HeaderMap) {
    let refused = matches!(error, Error::CookieRefused | Error::SessionGone);
    if !refused || headers.contains_key(SET_COOKIE) {
        return;
    }
    let SetCookie(text) = SetCookie::clear_session(app);
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(SET_COOKIE, value);
    }
}
