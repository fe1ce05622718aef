//! Cookies for sessions, remembered devices, and pending sign-ins.

use std::time::Duration;

use axum::response::{IntoResponseParts, Response, ResponseParts};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::App;
use crate::error::Error;
use crate::session::{Life, Token};

/// The purpose of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookiePurpose {
    /// The session token.
    Session,
    /// A remembered device. A browser has one for each account that uses it.
    Device,
    /// A sign-in through a provider, which this browser has started.
    OAuth,
    /// A sign-in that waits for a second-factor code.
    Challenge,
}

impl CookiePurpose {
    /// Returns the cookie's name. Over HTTPS the `__Host-` prefix makes browsers
    /// reject a cookie of this name from another host or from plain HTTP (RFC
    /// 6265bis, section 4.1.3.2).
    fn cookie_name(self, app: &App) -> &'static str {
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

/// Returns the value of a cookie. Its signature is not verified.
pub(crate) fn read<'a>(
    app: &App,
    headers: &'a HeaderMap,
    purpose: CookiePurpose,
) -> Option<&'a str> {
    let name = purpose.cookie_name(app);
    pairs(headers)
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Returns the values of all cookies of this purpose that have a suffix. Their
/// signatures are not verified.
pub(crate) fn read_all<'a>(
    app: &App,
    headers: &'a HeaderMap,
    purpose: CookiePurpose,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let name = purpose.cookie_name(app);
    pairs(headers)
        .filter(move |(key, _)| {
            key.strip_prefix(name)
                .is_some_and(|suffix| suffix.starts_with('_'))
        })
        .map(|(_, value)| value)
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        // Each pair is decoded separately, because a foreign cookie may not be UTF-8.
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().split_once('='))
}

/// A `Set-Cookie` header that stores or clears a cookie.
#[derive(Debug)]
pub struct SetCookie(String);

impl SetCookie {
    /// Stores `value`, which must contain only characters that a cookie allows.
    pub(crate) fn new(app: &App, purpose: CookiePurpose, value: &str, max_age: Duration) -> Self {
        Self::with_suffix(app, purpose, "", value, max_age)
    }

    /// Stores `value` in one of several cookies of a purpose. Its name ends with
    /// `suffix`.
    pub(crate) fn with_suffix(
        app: &App,
        purpose: CookiePurpose,
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
            purpose.cookie_name(app),
            max_age.as_secs(),
        ))
    }

    /// Stores a session token for the session's maximum lifetime.
    pub fn session(app: &App, token: &Token, life: Life) -> Self {
        let value = token.signed(app.cookie_signer());
        Self::new(app, CookiePurpose::Session, &value, life.absolute)
    }

    /// Clears a cookie.
    pub fn clear(app: &App, purpose: CookiePurpose) -> Self {
        Self::new(app, purpose, "", Duration::ZERO)
    }

    /// Clears the session cookie.
    pub fn clear_session(app: &App) -> Self {
        Self::clear(app, CookiePurpose::Session)
    }

    /// Adds cookies to a response.
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

/// Clears the session cookie if it was rejected. After an outage it is kept, because
/// its session may be active.
pub(super) fn clear_rejected(app: &App, error: &Error, headers: &mut HeaderMap) {
    let rejected = matches!(error, Error::InvalidSessionCookie | Error::SessionGone);
    if !rejected || headers.contains_key(SET_COOKIE) {
        return;
    }
    let SetCookie(text) = SetCookie::clear_session(app);
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod properties {
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::testing::arbitrary::{app, header_value, headers};

    static APP: LazyLock<App> = LazyLock::new(|| app(&[]));

    fn session_token(headers: &HeaderMap) -> Option<Token> {
        let value = read(&APP, headers, CookiePurpose::Session)?;
        Token::verified(value, APP.cookie_signer())
    }

    /// Generates foreign cookies: valid ones, broken ones, and ones with similar names.
    fn foreign_cookies() -> impl Strategy<Value = HeaderValue> {
        let name = select(vec![
            "",
            "a",
            "sabor_session",
            "__host-sabor_session",
            "__Host-sabor_session_",
            "__Host-sabor_device_1",
            "x__Host-sabor_session",
            "__Host-sabor_session ",
        ]);
        let pair = (name, header_value()).prop_map(|(name, value)| {
            let value = value.as_bytes().iter().filter(|byte| **byte != b';');
            [name.as_bytes(), b"="]
                .concat()
                .into_iter()
                .chain(value.copied())
                .collect()
        });
        let any_pair = "[ -:<-~]{0,20}".prop_map(String::into_bytes);
        let ours = |pair: &Vec<u8>| {
            pair.trim_ascii_start()
                .starts_with(b"__Host-sabor_session=")
        };
        let pair = prop_oneof![pair, any_pair].prop_filter("ours", move |pair| !ours(pair));
        vec(pair, 0..4).prop_map(|pairs| HeaderValue::from_bytes(&pairs.join(&b"; "[..])).unwrap())
    }

    proptest! {
        #[test]
        fn a_session_cookie_without_a_valid_signature_is_rejected(
            values in vec(header_value(), 0..3), token in "[0-9a-f]{64}", tag in "[0-9a-f]{64}",
        ) {
            assert!(session_token(&headers("cookie", values.clone())).is_none());
            let mut forged = format!("__Host-sabor_session={token}.{tag};").into_bytes();
            forged.extend(values.iter().flat_map(|value| value.as_bytes()));
            let forged = HeaderValue::from_bytes(&forged).unwrap();
            assert!(session_token(&headers("cookie", vec![forged])).is_none());
        }

        #[test]
        fn the_session_is_found_among_foreign_cookies(
            before in vec(foreign_cookies(), 0..3), after in vec(foreign_cookies(), 0..3),
            foreign in foreign_cookies(), space in "[ \t]{0,3}",
        ) {
            let token = Token::generate();
            let ours = token.signed(APP.cookie_signer());
            let mut line = foreign.as_bytes().to_vec();
            line.extend(format!(";{space}__Host-sabor_session={ours}{space};").bytes());
            line.extend(foreign.as_bytes());
            // The first cookie with the name is used.
            line.extend(b"; __Host-sabor_session=another");
            let line = HeaderValue::from_bytes(&line).unwrap();
            let lines = before.into_iter().chain([line]).chain(after).collect();
            let found = session_token(&headers("cookie", lines));
            assert_eq!(found.unwrap().expose(), token.expose());
        }

        #[test]
        fn a_stored_cookie_is_read_back(suffix in "_[0-9a-f]{8}") {
            let token = Token::generate();
            let SetCookie(header) = SetCookie::with_suffix(
                &APP, CookiePurpose::Device, &suffix, token.expose(), Duration::from_secs(60),
            );
            let (pair, _) = header.split_once(';').unwrap();
            let pair = HeaderValue::from_str(pair).unwrap();
            let headers = headers("cookie", vec![pair]);
            let values: Vec<_> = read_all(&APP, &headers, CookiePurpose::Device).collect();
            assert_eq!(values, [token.expose()]);
            assert!(read(&APP, &headers, CookiePurpose::Device).is_none());
        }
    }
}
