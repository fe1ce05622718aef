//! The extractors that authenticate and authorize the caller.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;
use uuid::Uuid;

use super::cookie::{self, CookiePurpose};
use crate::App;
use crate::error::{Error, ErrorCode, Result};
use crate::models::teaching;
use crate::models::user::User;
use crate::runtime::background::BoxFuture;
use crate::session::{Session, SessionKey, Token, demo};

/// The credential of a request, checked without I/O.
#[derive(Debug)]
pub(super) enum Credential {
    /// The request has no credential.
    Missing,
    /// An `Authorization` header without a valid access token.
    InvalidHeader,
    /// A session cookie that is forged or damaged.
    InvalidCookie,
    /// A correctly signed session cookie. Its session may have ended.
    Cookie(SessionKey),
    /// A valid access token. Its session may have ended.
    Bearer(SessionKey),
    /// The demo account, whose session is stored in its cookie.
    Demo(Box<Session>),
}

impl Credential {
    /// Returns the key of the session, if there is one.
    pub(super) fn key(self) -> Option<SessionKey> {
        match self {
            Self::Cookie(key) | Self::Bearer(key) => Some(key),
            _ => None,
        }
    }

    /// Reads the credential.
    ///
    /// # Errors
    ///
    /// 400 `duplicate_cookie`.
    pub(super) fn of(parts: &Parts, app: &App) -> Result<Self> {
        // With an `Authorization` header, the cookie is ignored.
        if let Some(value) = parts.headers.get(AUTHORIZATION) {
            let token = bearer(value);
            let key = token.and_then(|token| app.access_tokens().verify(token, app.clock().now()));
            return Ok(key.map_or(Self::InvalidHeader, Self::Bearer));
        }
        let Some(cookie) = cookie::read(app, &parts.headers, CookiePurpose::Session)? else {
            return Ok(Self::Missing);
        };
        let demo = app
            .config()
            .demo_account
            .then(|| demo::session(cookie, app.demo_signer(), app.clock().now()));
        if let Some(session) = demo.flatten() {
            return Ok(Self::Demo(Box::new(session)));
        }
        Ok(
            match Token::parse_signed_cookie(cookie, app.cookie_signer()) {
                Some(token) => Self::Cookie(token.key()),
                None => Self::InvalidCookie,
            },
        )
    }
}

/// Returns the key of the visitor's anonymous session, if the request has its cookie. The
/// session may have ended.
///
/// # Errors
///
/// 400 `duplicate_cookie`.
pub(super) fn visitor_key(parts: &Parts, app: &App) -> Result<Option<SessionKey>> {
    // With an `Authorization` header, cookies are ignored.
    if parts.headers.contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    let cookie = cookie::read(app, &parts.headers, CookiePurpose::Visitor)?;
    let token = cookie.and_then(|cookie| Token::parse_signed_cookie(cookie, app.visitor_signer()));
    Ok(token.map(|token| token.key()))
}

/// The token in the cookie that the first visit has set, for which there is no session yet.
/// `None` if the request does not have this cookie.
#[derive(Debug)]
pub struct FirstVisitCookie(pub Option<Token>);

impl FromRequestParts<App> for FirstVisitCookie {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let cookie = cookie::read(app, &parts.headers, CookiePurpose::Visitor)?;
        let token =
            cookie.and_then(|cookie| Token::parse_signed_cookie(cookie, app.first_visit_signer()));
        Ok(Self(token))
    }
}

/// Returns the token of `Authorization: Bearer …`. The scheme is
/// case-insensitive (RFC 9110, section 11.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A session that has not ended. `Option<ActiveSession>` extracts the session of the
/// request's credential or, if there is no such session, the visitor's anonymous session.
#[derive(Debug)]
pub struct ActiveSession {
    /// The session's data.
    pub session: Session,
    key: Option<SessionKey>,
}

impl ActiveSession {
    /// Returns the key of the session. Every change to a session needs its key.
    ///
    /// # Errors
    ///
    /// 403 `demo_account` for the demo account, whose session is not stored.
    pub fn key(&self) -> Result<&SessionKey> {
        self.key.as_ref().ok_or(Error::Forbidden {
            code: ErrorCode::DemoAccount,
            message: "The demo account cannot change anything",
        })
    }

    fn of(credential: Credential, app: &App) -> BoxFuture<'_, Result<Option<Self>>> {
        Box::pin(async move {
            match credential {
                Credential::Missing | Credential::InvalidHeader | Credential::InvalidCookie => {
                    Ok(None)
                }
                Credential::Demo(session) => Ok(Some(Self {
                    session: *session,
                    key: None,
                })),
                Credential::Cookie(key) | Credential::Bearer(key) => {
                    let session = app.sessions().get(&key).await?;
                    Ok(session.map(|session| Self {
                        session,
                        key: Some(key),
                    }))
                }
            }
        })
    }
}

impl OptionalFromRequestParts<App> for ActiveSession {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>> {
        if let Some(session) = Self::of(Credential::of(parts, app)?, app).await? {
            return Ok(Some(session));
        }
        match visitor_key(parts, app)? {
            Some(key) => Self::of(Credential::Cookie(key), app).await,
            None => Ok(None),
        }
    }
}

/// A user who is signed in.
#[derive(Debug)]
pub struct Member {
    /// The user.
    pub user: User,
    /// The session of the user.
    pub active_session: ActiveSession,
}

impl Member {
    /// Returns the key of the session; see [`ActiveSession::key`].
    ///
    /// # Errors
    ///
    /// 403 `demo_account` for the demo account.
    pub fn key(&self) -> Result<&SessionKey> {
        self.active_session.key()
    }

    fn of<'a>(parts: &Parts, app: &'a App) -> BoxFuture<'a, Result<Self>> {
        let credential = Credential::of(parts, app);
        Box::pin(async move {
            let active_session = ActiveSession::of(credential?, app)
                .await?
                .ok_or(Error::NotSignedIn)?;
            let user = active_session
                .session
                .user
                .clone()
                .ok_or(Error::NotSignedIn)?;
            Ok(Self {
                user,
                active_session,
            })
        })
    }
}

/// Checks that a member of staff has a second factor, if the configuration requires it.
fn require_second_factor(app: &App, user: &User) -> Result<()> {
    if app.config().require_staff_second_factor && !user.has_second_factor {
        return Err(Error::TWO_FACTOR_SETUP_REQUIRED);
    }
    Ok(())
}

impl FromRequestParts<App> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Self::of(parts, app).await
    }
}

impl OptionalFromRequestParts<App> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>> {
        match Self::of(parts, app).await {
            Ok(member) => Ok(Some(member)),
            Err(Error::NotSignedIn) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A member who has confirmed their e-mail address. Required for operations whose effects
/// outlive the session and for operations that send e-mails, because anyone can register
/// with an e-mail address that is not theirs.
#[derive(Debug)]
pub struct ConfirmedMember(pub Member);

impl FromRequestParts<App> for ConfirmedMember {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let member = Member::of(parts, app).await?;
        if member.user.email_verified {
            Ok(Self(member))
        } else {
            Err(Error::EMAIL_NOT_VERIFIED)
        }
    }
}

/// A member with the staff or the administrator role.
#[derive(Debug)]
pub struct Staff(pub Member);

impl FromRequestParts<App> for Staff {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let member = Member::of(parts, app).await?;
        Self::check(app, &member.user)?;
        Ok(Self(member))
    }
}

impl Staff {
    /// Checks that a member may act as staff.
    ///
    /// # Errors
    ///
    /// [`Error::FORBIDDEN`]; 403 `two_factor_setup_required`.
    pub fn check(app: &App, user: &User) -> Result<()> {
        if !user.is_staff && !user.is_admin {
            return Err(Error::FORBIDDEN);
        }
        require_second_factor(app, user)
    }
}

/// A member who is an active instructor. The link between the account and the instructor is
/// read from Postgres, so that ending it takes effect at once. An instructor sees only their
/// own classes, without payments and contact details.
#[derive(Debug)]
pub struct Instructor {
    /// The member.
    pub member: Member,
    /// The instructor's id.
    pub instructor_id: Uuid,
}

impl Instructor {
    fn of(app: &App, member: Member) -> BoxFuture<'_, Result<Self>> {
        Box::pin(async move {
            let user_id = member.user.id;
            // Anyone can register with an address that is not theirs.
            if !member.user.email_verified {
                return Err(Error::FORBIDDEN);
            }
            let instructor_id = app
                .db()
                .read(async move |client| teaching::find_instructor(client, user_id).await)
                .await?
                .ok_or(Error::FORBIDDEN)?;
            Ok(Self {
                member,
                instructor_id,
            })
        })
    }
}

impl FromRequestParts<App> for Instructor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let member = Member::of(parts, app).await?;
        Self::of(app, member).await
    }
}

/// A member with the administrator role.
#[derive(Debug)]
pub struct Admin(pub Member);

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let member = Member::of(parts, app).await?;
        if !member.user.is_admin {
            return Err(Error::FORBIDDEN);
        }
        require_second_factor(app, &member.user)?;
        Ok(Self(member))
    }
}

/// Vercel Cron, or a script, which sends `Authorization: Bearer <CRON_SECRET>`.
#[derive(Debug)]
pub struct Cron;

impl Cron {
    fn has_secret(parts: &Parts, app: &App) -> bool {
        let token = parts.headers.get(AUTHORIZATION).and_then(bearer);
        token
            .zip(app.config().cron_secret.as_ref())
            .is_some_and(|(token, secret)| secret.matches(token))
    }
}

impl FromRequestParts<App> for Cron {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if Self::has_secret(parts, app) {
            Ok(Self)
        } else {
            Err(Error::NotSignedIn)
        }
    }
}

/// A caller with the secret of [`Cron`], or an administrator.
///
/// Not for GET requests: a browser sends its cookie even with a GET request that another
/// site caused, and the origin check ignores that method.
#[derive(Debug)]
pub struct CronOrAdmin;

impl FromRequestParts<App> for CronOrAdmin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if Cron::has_secret(parts, app) {
            return Ok(Self);
        }
        Admin::from_request_parts(parts, app).await?;
        Ok(Self)
    }
}

/// Requires `E`, except in development, where anyone may send the request. The value is
/// `None` if the caller is not an `E`.
#[derive(Debug)]
pub struct OpenInDevelopment<E>(pub Option<E>);

impl<E: FromRequestParts<App, Rejection = Error>> FromRequestParts<App> for OpenInDevelopment<E> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match E::from_request_parts(parts, app).await {
            Ok(allowed) => Ok(Self(Some(allowed))),
            Err(Error::NotSignedIn | Error::Forbidden { .. }) if app.config().development => {
                Ok(Self(None))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod properties {
    use std::sync::LazyLock;

    use http::Request;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::testing::arbitrary::{app, header_value};

    static APP: LazyLock<App> =
        LazyLock::new(|| app(&[("CRON_SECRET", "a-cron-secret-for-tests")]));

    fn credential_of(authorization: &HeaderValue, cookie: Option<&HeaderValue>) -> Credential {
        let mut parts = Request::new(()).into_parts().0;
        parts.headers.insert(AUTHORIZATION, authorization.clone());
        if let Some(cookie) = cookie {
            parts.headers.insert(http::header::COOKIE, cookie.clone());
        }
        Credential::of(&parts, &APP).unwrap()
    }

    proptest! {
        #[test]
        fn an_invalid_authorization_header_never_yields_a_session(
            value in header_value(), scheme in prop_oneof!["", "(B|b)earer ", "Basic "],
        ) {
            let value = [scheme.as_bytes(), value.as_bytes()].concat();
            let value = HeaderValue::from_bytes(&value).unwrap();
            assert!(matches!(credential_of(&value, None), Credential::InvalidHeader));
            // A valid cookie in the same request is ignored.
            let token = Token::generate();
            let cookie = format!("__Host-sabor_session={}", token.to_signed_cookie(APP.cookie_signer()));
            let cookie = HeaderValue::from_str(&cookie).unwrap();
            assert!(matches!(credential_of(&value, Some(&cookie)), Credential::InvalidHeader));
        }

        #[test]
        fn the_bearer_scheme_is_accepted_in_any_case_and_with_blanks(
            scheme in "[Bb][Ee][Aa][Rr][Ee][Rr]", blanks in "[ \t]{0,3}", id in any::<u128>(),
        ) {
            let id = Uuid::from_u128(id);
            let token = APP.access_tokens().issue(id, id, APP.clock().now());
            let value = HeaderValue::from_str(&format!("{scheme} {blanks}{token}{blanks}")).unwrap();
            let Credential::Bearer(key) = credential_of(&value, None) else {
                panic!("{value:?}");
            };
            assert_eq!(key, SessionKey::of_session(id));
        }
    }
}
