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

#[cfg(test)]
mod properties {
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::testing::arbitrary::{app, header_value, headers};

    static HOUSE: LazyLock<App> = LazyLock::new(|| app(&[]));

    fn found(headers: &HeaderMap) -> Option<Token> {
        let told = presented(&HOUSE, headers, Purpose::Session)?;
        Token::verified(told, HOUSE.cookie_signer())
    }

    /// Cookies of others: whole, broken, and of names that are nearly ours.
    fn others() -> impl Strategy<Value = HeaderValue> {
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
        let anything = "[ -:<-~]{0,20}".prop_map(String::into_bytes);
        let ours = |pair: &Vec<u8>| {
            pair.trim_ascii_start()
                .starts_with(b"__Host-sabor_session=")
        };
        let pair = prop_oneof![pair, anything].prop_filter("ours", move |pair| !ours(pair));
        vec(pair, 0..4).prop_map(|pairs| HeaderValue::from_bytes(&pairs.join(&b"; "[..])).unwrap())
    }

    proptest! {
        #[test]
        fn whatever_the_header_holds_it_is_no_session_unless_we_signed_it(
            told in vec(header_value(), 0..3), token in "[0-9a-f]{64}", tag in "[0-9a-f]{64}",
        ) {
            assert!(found(&headers("cookie", told.clone())).is_none());
            let mut guessed = format!("__Host-sabor_session={token}.{tag};").into_bytes();
            guessed.extend(told.iter().flat_map(|value| value.as_bytes()));
            let guessed = HeaderValue::from_bytes(&guessed).unwrap();
            assert!(found(&headers("cookie", vec![guessed])).is_none());
        }

        #[test]
        fn the_session_is_found_among_any_cookies_of_others(
            before in vec(others(), 0..3), after in vec(others(), 0..3),
            beside in others(), space in "[ \t]{0,3}",
        ) {
            let token = Token::generate();
            let ours = token.signed(HOUSE.cookie_signer());
            let mut line = beside.as_bytes().to_vec();
            line.extend(format!(";{space}__Host-sabor_session={ours}{space};").bytes());
            line.extend(beside.as_bytes());
            // Another one further on is not looked at: the first counts.
            line.extend(b"; __Host-sabor_session=another");
            let line = HeaderValue::from_bytes(&line).unwrap();
            let all = before.into_iter().chain([line]).chain(after).collect();
            let found = found(&headers("cookie", all));
            assert_eq!(found.unwrap().expose(), token.expose());
        }

        #[test]
        fn what_a_browser_is_given_is_what_it_brings_back(suffix in "_[0-9a-f]{8}") {
            let token = Token::generate();
            let SetCookie(given) = SetCookie::named(
                &HOUSE, Purpose::Device, &suffix, token.expose(), Duration::from_secs(60),
            );
            let (pair, _) = given.split_once(';').unwrap();
            let pair = HeaderValue::from_str(pair).unwrap();
            let headers = headers("cookie", vec![pair]);
            let brought: Vec<_> = presented_all(&HOUSE, &headers, Purpose::Device).collect();
            assert_eq!(brought, [token.expose()]);
            assert!(presented(&HOUSE, &headers, Purpose::Device).is_none());
        }
    }
}
