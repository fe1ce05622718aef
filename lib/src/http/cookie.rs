//! Cookies for sessions, remembered devices, pending sign-ins, and new registrations.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::{IntoResponseParts, Response, ResponseParts};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::App;
use crate::error::{Error, ErrorCode, Result};
use crate::session::Token;

/// The error for two cookies with the same name. Nothing shows which of them this site has
/// set: in a browser that does not know the prefix `__Host-`, another host of the same
/// domain can set a cookie with this name. Using either could sign the member in to someone
/// else's account. Ignoring both would sign the member out without an explanation.
const DUPLICATE_COOKIE: Error = Error::Refused {
    code: ErrorCode::DuplicateCookie,
    message: "Your browser sent two cookies with the same name; please delete the cookies of \
              this site, and sign in again",
};

/// The purpose of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookiePurpose {
    /// The token of a member's session.
    Session,
    /// The token of a visitor's anonymous session. It has a name of its own, so that a
    /// late response to a visitor cannot replace the cookie of a member.
    Visitor,
    /// A remembered device. A browser has one for each account that uses it.
    Device,
    /// A sign-in through a provider, which this browser has started.
    OAuth,
    /// A sign-in that waits for a second-factor code.
    Challenge,
    /// An account that this browser has registered and may not have confirmed yet.
    Registration,
}

impl CookiePurpose {
    /// Returns the cookie's name. Over HTTPS the `__Host-` prefix makes browsers
    /// reject a cookie of this name from another host or from plain HTTP (RFC
    /// 6265bis, section 4.1.3.2).
    fn cookie_name(self, app: &App) -> &'static str {
        match (self, app.config().development) {
            (Self::Session, false) => "__Host-sabor_session",
            (Self::Session, true) => "sabor_session",
            (Self::Visitor, false) => "__Host-sabor_visitor",
            (Self::Visitor, true) => "sabor_visitor",
            (Self::Device, false) => "__Host-sabor_device",
            (Self::Device, true) => "sabor_device",
            (Self::OAuth, false) => "__Host-sabor_oauth",
            (Self::OAuth, true) => "sabor_oauth",
            (Self::Challenge, false) => "__Host-sabor_challenge",
            (Self::Challenge, true) => "sabor_challenge",
            (Self::Registration, false) => "__Host-sabor_registration",
            (Self::Registration, true) => "sabor_registration",
        }
    }
}

/// Returns the value of a cookie. Its signature is not verified.
///
/// # Errors
///
/// 400 `duplicate_cookie` if the request has several cookies with this name.
pub(crate) fn read<'a>(
    app: &App,
    headers: &'a HeaderMap,
    purpose: CookiePurpose,
) -> Result<Option<&'a str>> {
    let mut values = read_all(app, headers, purpose);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(DUPLICATE_COOKIE),
        (value, None) => Ok(value),
    }
}

/// Returns whether the request has a cookie with the name of this purpose.
pub(crate) fn is_sent(app: &App, headers: &HeaderMap, purpose: CookiePurpose) -> bool {
    read_all(app, headers, purpose).next().is_some()
}

/// Returns the values of all cookies with the name of this purpose. Their signatures are
/// not verified.
pub(crate) fn read_all<'a>(
    app: &App,
    headers: &'a HeaderMap,
    purpose: CookiePurpose,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let name = purpose.cookie_name(app);
    pairs(headers)
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Returns the suffix and the value of each cookie of this purpose that has a suffix, in
/// the order of the request. Browsers send the oldest cookie first. If several cookies
/// have the same suffix, all of them are left out. Signatures are not verified.
pub(crate) fn read_suffixed<'a>(
    app: &App,
    headers: &'a HeaderMap,
    purpose: CookiePurpose,
) -> Vec<(&'a str, &'a str)> {
    let name = purpose.cookie_name(app);
    let cookies: Vec<(&str, &str)> = pairs(headers)
        .filter_map(|(key, value)| Some((key.strip_prefix(name)?, value)))
        .filter(|(suffix, _)| suffix.starts_with('_'))
        .collect();
    let mut counts = BTreeMap::new();
    for (suffix, _) in &cookies {
        *counts.entry(*suffix).or_insert(0) += 1;
    }
    let is_unique = |(suffix, _): &(&str, &str)| counts[suffix] == 1;
    cookies.into_iter().filter(is_unique).collect()
}

/// Parses the `Cookie` headers. As in RFC 6265bis (section 5.6), only spaces and tabs are
/// removed around a name and a value. `str::trim` would also remove U+2000. Browsers allow
/// every host of the domain to set a cookie whose name is U+2000 followed by one of our
/// names.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let name_length = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (&pair[..name_length], &pair[name_length + 1..]);
            // Each pair is decoded separately, because a foreign cookie may not be UTF-8.
            let name = std::str::from_utf8(name).ok()?;
            // An invalid value is read as an empty one, so that a second cookie with the same
            // name is still detected.
            let value = std::str::from_utf8(value).unwrap_or_default();
            Some((trim(name), unquote(trim(value))))
        })
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Removes the quotes around a value, which some HTTP clients add (RFC 6265, section
/// 4.1.1). None of our values contains a quote.
fn unquote(value: &str) -> &str {
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    unquoted.unwrap_or(value)
}

/// A `Set-Cookie` header that stores or clears a cookie.
#[derive(Debug)]
pub struct SetCookie(String);

impl SetCookie {
    /// Stores `value`, which must contain only characters that a cookie allows. Without
    /// `max_age`, the browser deletes the cookie when it is closed.
    pub(crate) fn new(
        app: &App,
        purpose: CookiePurpose,
        value: &str,
        max_age: Option<Duration>,
    ) -> Self {
        Self::with_suffix(app, purpose, "", value, max_age)
    }

    /// Stores `value` in one of several cookies of a purpose. Its name ends with
    /// `suffix`.
    pub(crate) fn with_suffix(
        app: &App,
        purpose: CookiePurpose,
        suffix: &str,
        value: &str,
        max_age: Option<Duration>,
    ) -> Self {
        let secure = if app.config().development {
            ""
        } else {
            "; Secure"
        };
        let max_age = max_age.map(|age| format!("; Max-Age={}", age.as_secs()));
        Self(format!(
            "{}{suffix}={value}; Path=/{}; HttpOnly; SameSite=Lax{secure}",
            purpose.cookie_name(app),
            max_age.unwrap_or_default(),
        ))
    }

    /// Stores the token of a member's session. `max_age` is the remaining lifetime of a
    /// remembered session, and `None` for any other session.
    pub(crate) fn session(app: &App, token: &Token, max_age: Option<Duration>) -> Self {
        let value = token.to_signed_cookie(app.cookie_signer());
        Self::new(app, CookiePurpose::Session, &value, max_age)
    }

    /// Stores the token of an anonymous session until the browser is closed.
    pub fn visitor(app: &App, token: &Token) -> Self {
        let value = token.to_signed_cookie(app.visitor_signer());
        Self::new(app, CookiePurpose::Visitor, &value, None)
    }

    /// Marks a first visit until the browser is closed. No session is stored for it; the
    /// second visit creates the session.
    pub fn first_visit(app: &App, token: &Token) -> Self {
        let value = token.to_signed_cookie(app.first_visit_signer());
        Self::new(app, CookiePurpose::Visitor, &value, None)
    }

    /// Clears a cookie.
    pub fn clear(app: &App, purpose: CookiePurpose) -> Self {
        Self::new(app, purpose, "", Some(Duration::ZERO))
    }

    /// Clears one of several cookies of a purpose.
    pub(crate) fn clear_with_suffix(app: &App, purpose: CookiePurpose, suffix: &str) -> Self {
        Self::with_suffix(app, purpose, suffix, "", Some(Duration::ZERO))
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

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts> {
        let value =
            HeaderValue::from_str(&self.0).map_err(|error| Error::Internal(Box::new(error)))?;
        parts.headers_mut().append(SET_COOKIE, value);
        Ok(parts)
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
        let value = read(&APP, headers, CookiePurpose::Session).ok()??;
        Token::parse_signed_cookie(value, APP.cookie_signer())
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
            "\u{2000}__Host-sabor_session",
            "__Host-sabor_session\u{a0}",
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
        let has_our_name = |pair: &Vec<u8>| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.trim_ascii() == b"__Host-sabor_session"
        };
        let pair = prop_oneof![pair, any_pair]
            .prop_filter("has the name of the session cookie", move |pair| {
                !has_our_name(pair)
            });
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
            foreign in foreign_cookies(), space in "[ \t]{0,3}", quote in "\"?",
        ) {
            let token = Token::generate();
            let ours = token.to_signed_cookie(APP.cookie_signer());
            let mut line = foreign.as_bytes().to_vec();
            let value = format!("{quote}{ours}{quote}");
            line.extend(format!(";{space}__Host-sabor_session={value}{space};").bytes());
            line.extend(foreign.as_bytes());
            let line = HeaderValue::from_bytes(&line).unwrap();
            let lines = before.into_iter().chain([line]).chain(after).collect();
            let found = session_token(&headers("cookie", lines));
            assert_eq!(found.unwrap().expose(), token.expose());
        }

        #[test]
        fn a_second_session_cookie_is_rejected_even_if_its_value_is_invalid(
            before in foreign_cookies(), other in header_value(), is_first in any::<bool>(),
            is_one_header in any::<bool>(),
        ) {
            let ours = Token::generate().to_signed_cookie(APP.cookie_signer()).into_bytes();
            let other = other.as_bytes().iter().copied().filter(|byte| *byte != b';').collect();
            let values = if is_first { [other, ours] } else { [ours, other] };
            let [first, second] = values.map(|value| [b"__Host-sabor_session=", &value[..]].concat());
            let lines = match is_one_header {
                true => vec![[first, second].join(&b"; "[..])],
                false => vec![first, second],
            };
            let lines = lines.iter().map(|line| HeaderValue::from_bytes(line).unwrap());
            let headers = headers("cookie", [before].into_iter().chain(lines).collect());
            let error = read(&APP, &headers, CookiePurpose::Session).unwrap_err();
            assert_eq!(error.code(), "duplicate_cookie");
        }

        #[test]
        fn a_stored_cookie_is_read_back(suffix in "_[0-9a-f]{8}") {
            let token = Token::generate();
            let SetCookie(header) = SetCookie::with_suffix(
                &APP, CookiePurpose::Device, &suffix, token.expose(), Some(Duration::from_secs(60)),
            );
            let (pair, _) = header.split_once(';').unwrap();
            let pair = HeaderValue::from_str(pair).unwrap();
            let headers = headers("cookie", vec![pair]);
            let cookies = read_suffixed(&APP, &headers, CookiePurpose::Device);
            assert_eq!(cookies, [(suffix.as_str(), token.expose())]);
            assert!(read(&APP, &headers, CookiePurpose::Device).unwrap().is_none());
        }
    }
}
