//! The extractors of sign-in and sign-out.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponseParts, ResponseParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::auth::{Credential, visitor_key};
use super::cookie::{self, CookiePurpose, SetCookie};
use crate::App;
use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
use crate::session::{DEVICE_LIFETIME, SessionKey, Token};
use crate::values::caller::Caller;

/// The maximum number of accounts that recognize a browser, such as the studio's tablet.
/// Each has a cookie of about 160 bytes, and some servers reject headers of 8 KiB.
const MAX_DEVICES: usize = 40;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// How long a browser remembers which account it has registered. The mailed link is valid
/// for the same time.
const REGISTRATION_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The facts about the caller that a sign-in needs.
#[derive(Clone, Debug)]
pub struct SignInContext {
    /// The address and user agent.
    pub caller: Caller,
    /// The key of the caller's previous session, which may have ended.
    pub previous_session: Option<SessionKey>,
    /// The key of the browser's anonymous session, which may have ended.
    pub visitor_session: Option<SessionKey>,
    /// The device tokens from the browser's cookies. Their signatures are valid.
    pub device_tokens: Vec<Token>,
    /// The suffixes of the names of the device cookies, oldest first.
    device_suffixes: Vec<String>,
    /// The challenge of a sign-in in this browser that waits for a second-factor code.
    pub challenge: Option<Token>,
    /// The account that this browser has registered and may not have confirmed yet.
    pub registration: Option<Uuid>,
}

impl FromRequestParts<App> for SignInContext {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Ok(caller) = Caller::from_request_parts(parts, app).await;
        // Two device cookies of one account are ignored, because nothing shows which of them
        // this site has set. The account then does not recognize the device.
        let devices = cookie::read_suffixed(app, &parts.headers, CookiePurpose::Device);
        let challenge = cookie::read(app, &parts.headers, CookiePurpose::Challenge)?;
        Ok(Self {
            caller,
            previous_session: Credential::of(parts, app)?.key(),
            // Two visitor cookies are ignored, because a sign-in does not need them.
            visitor_session: visitor_key(parts, app).unwrap_or_default(),
            device_tokens: devices
                .iter()
                .filter_map(|(_, value)| Token::parse_signed_cookie(value, app.device_signer()))
                .take(MAX_DEVICES)
                .collect(),
            device_suffixes: devices
                .iter()
                .map(|(suffix, _)| (*suffix).to_owned())
                .collect(),
            challenge: challenge.and_then(Token::parse),
            registration: registration(app, &parts.headers),
        })
    }
}

impl SignInContext {
    /// Returns the keys of the sessions that a new session replaces.
    pub(crate) fn replaced_sessions(&self) -> Vec<SessionKey> {
        let sessions = [&self.previous_session, &self.visitor_session];
        sessions.into_iter().flatten().cloned().collect()
    }

    /// Returns the cookie by which an account recognizes the browser. Its name ends with a
    /// hash of the user's id, so that a browser can store one for each account. If the
    /// browser has too many device cookies, also returns headers that clear the oldest ones.
    pub(crate) fn device_cookies(&self, app: &App, user_id: Uuid, token: &Token) -> Vec<SetCookie> {
        let suffix = format!("_{}", &sha256_hex(user_id.as_bytes())[..8]);
        let value = token.to_signed_cookie(app.device_signer());
        let purpose = CookiePurpose::Device;
        let cookie = SetCookie::with_suffix(app, purpose, &suffix, &value, Some(DEVICE_LIFETIME));
        let others = self
            .device_suffixes
            .iter()
            .filter(|other| **other != suffix);
        let excess = (others.clone().count() + 1).saturating_sub(MAX_DEVICES);
        let cleared = others
            .take(excess)
            .map(|other| SetCookie::clear_with_suffix(app, purpose, other));
        [cookie].into_iter().chain(cleared).collect()
    }
}

/// Returns the account that this browser has registered. If the request has two registration
/// cookies, both are ignored.
fn registration(app: &App, headers: &HeaderMap) -> Option<Uuid> {
    let cookie = cookie::read(app, headers, CookiePurpose::Registration);
    let (id, signature) = cookie.ok()??.split_once('.')?;
    let is_signed = app.registration_signer().verify(id, signature);
    is_signed.then(|| id.parse().ok()).flatten()
}

/// Returns the cookie that names the account which a browser has registered.
pub(crate) fn registration_cookie(app: &App, user_id: Uuid) -> SetCookie {
    let id = user_id.to_string();
    let value = format!("{id}.{}", app.registration_signer().sign(&id));
    let max_age = Some(REGISTRATION_LIFETIME);
    SetCookie::new(app, CookiePurpose::Registration, &value, max_age)
}

/// The sessions that a sign-out ends, and their cookies.
#[derive(Debug)]
pub struct SignOutContext {
    /// The keys of the sessions, which may have ended.
    pub sessions: Vec<SessionKey>,
    /// Whether the request has an `Authorization` header. If so, its cookies are ignored.
    has_authorization: bool,
    /// Whether the request has several session cookies.
    has_duplicates: bool,
}

impl FromRequestParts<App> for SignOutContext {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self {
                sessions: Credential::of(parts, app)?.key().into_iter().collect(),
                has_authorization: true,
                has_duplicates: false,
            });
        }
        let purposes = [
            (CookiePurpose::Session, app.cookie_signer()),
            (CookiePurpose::Visitor, app.visitor_signer()),
        ];
        let mut sessions = Vec::new();
        let mut has_duplicates = false;
        for (purpose, signer) in purposes {
            let values: Vec<&str> = cookie::read_all(app, &parts.headers, purpose).collect();
            has_duplicates |= values.len() > 1;
            let tokens = values
                .into_iter()
                .filter_map(|value| Token::parse_signed_cookie(value, signer));
            sessions.extend(tokens.map(|token| token.key()));
        }
        Ok(Self {
            sessions,
            has_authorization: false,
            has_duplicates,
        })
    }
}

impl SignOutContext {
    /// Returns the headers that clear the cookies of the sessions.
    pub fn clear_cookies(&self, app: &App) -> ClearedCookies {
        let purposes = [CookiePurpose::Session, CookiePurpose::Visitor];
        let cookies = purposes.map(|purpose| SetCookie::clear(app, purpose));
        ClearedCookies {
            cookies: match self.has_authorization {
                true => Vec::new(),
                false => cookies.into(),
            },
            clear_site_data: self.has_duplicates,
        }
    }
}

/// The headers that clear a browser's cookies after a sign-out.
#[derive(Debug)]
pub struct ClearedCookies {
    cookies: Vec<SetCookie>,
    /// Whether the response makes the browser delete all cookies of the site. There is no
    /// other way to delete a cookie that another host of the domain has set.
    clear_site_data: bool,
}

impl IntoResponseParts for ClearedCookies {
    type Error = Error;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts> {
        if self.clear_site_data {
            let value = HeaderValue::from_static("\"cookies\"");
            parts.headers_mut().insert(CLEAR_SITE_DATA, value);
        }
        for cookie in self.cookies {
            parts = cookie.into_response_parts(parts)?;
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::COOKIE;

    use super::*;
    use crate::testing::arbitrary::app;

    /// Reads the context of a browser that has a device cookie for each suffix.
    async fn context(app: &App, suffixes: impl Iterator<Item = String>) -> SignInContext {
        let cookies: Vec<String> = suffixes
            .map(|suffix| {
                let value = Token::generate().to_signed_cookie(app.device_signer());
                format!("__Host-sabor_device{suffix}={value}")
            })
            .collect();
        let mut parts = Request::new(()).into_parts().0;
        let value = HeaderValue::from_str(&cookies.join("; ")).unwrap();
        parts.headers.insert(COOKIE, value);
        SignInContext::from_request_parts(&mut parts, app)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_browser_forgets_its_oldest_accounts_when_it_has_too_many() {
        let app = app(&[]);
        let user_id = Uuid::nil();
        for (count, cleared) in [(0, 0), (39, 0), (40, 1), (42, 3)] {
            let suffixes = (0..count).map(|number| format!("_{number}"));
            let context = context(&app, suffixes).await;
            assert_eq!(context.device_tokens.len(), count.min(MAX_DEVICES));
            let cookies = context.device_cookies(&app, user_id, &Token::generate());
            assert_eq!(cookies.len(), 1 + cleared);
            for (number, cookie) in cookies[1..].iter().enumerate() {
                let expected = SetCookie::clear_with_suffix(
                    &app,
                    CookiePurpose::Device,
                    &format!("_{number}"),
                );
                assert_eq!(format!("{cookie:?}"), format!("{expected:?}"));
            }
        }
        // The account's own cookie is replaced, and counts once.
        let own = format!("_{}", &sha256_hex(user_id.as_bytes())[..8]);
        let suffixes = (0..39).map(|number| format!("_{number}")).chain([own]);
        let context = context(&app, suffixes).await;
        let cookies = context.device_cookies(&app, user_id, &Token::generate());
        assert_eq!(cookies.len(), 1);
    }
}
