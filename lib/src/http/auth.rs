//! Who may call: the extractors that are the security policy.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Method};

use super::cookie::{self, Purpose};
use crate::App;
use crate::error::{Error, Result};
use crate::models::user::User;
use crate::runtime::background::BoxFuture;
use crate::session::{Key, Session, Token, demo};

/// The credential that a request came with, judged as far as that goes without
/// asking any store. For what is open to everybody but treats a session with
/// care, such as signing in and out.
#[derive(Debug)]
pub enum Presented {
    /// None at all.
    Nothing,
    /// `Authorization`, with nothing in it that is good.
    Unknown,
    /// A cookie that is forged or damaged.
    Refused,
    /// A cookie of ours; whether its session is alive nobody has asked yet.
    Cookie(Key),
    /// An access token of ours, likewise.
    Bearer(Key),
    /// The development account, whose record is in its cookie.
    Demo(Box<Session>),
}

impl Presented {
    /// The key of the session, if there is one.
    pub fn key(self) -> Option<Key> {
        match self {
            Self::Cookie(key) | Self::Bearer(key) => Some(key),
            _ => None,
        }
    }

    pub(super) fn of(parts: &Parts, app: &App) -> Self {
        // A request with `Authorization` is judged by it alone.
        if let Some(value) = parts.headers.get(AUTHORIZATION) {
            let token = bearer(value);
            let key = token.and_then(|token| app.access_tokens().verify(token, app.clock().now()));
            return key.map_or(Self::Unknown, Self::Bearer);
        }
        let Some(cookie) = cookie::presented(app, &parts.headers, Purpose::Session) else {
            return Self::Nothing;
        };
        let demo = app
            .config()
            .demo_account
            .then(|| demo::session(cookie, app.demo_signer(), app.clock().now()));
        if let Some(session) = demo.flatten() {
            return Self::Demo(Box::new(session));
        }
        match Token::verified(cookie, app.cookie_signer()) {
            Some(token) => Self::Cookie(token.key()),
            None => Self::Refused,
        }
    }
}

/// The token of `Authorization: Bearer …`; the scheme in any case (RFC 9110
/// § 11.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequestParts<App> for Presented {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Ok(Self::of(parts, app))
    }
}

/// A session that is alive, signed in or not. As `Option<Visit>` it is `None`
/// for whoever has none.
#[derive(Debug)]
pub struct Visit {
    /// What is known of it.
    pub session: Session,
    key: Option<Key>,
}

impl Visit {
    /// The session's name in the stores, for what changes it.
    ///
    /// # Errors
    ///
    /// 403 `demo_account`: that one has no row, and changes nothing.
    pub fn key(&self) -> Result<&Key> {
        self.key.as_ref().ok_or(Error::Forbidden {
            code: "demo_account",
            message: "The demo account can look at everything and change nothing",
        })
    }

    fn of(presented: Presented, app: &App) -> BoxFuture<'_, Result<Option<Self>>> {
        Box::pin(async move {
            match presented {
                Presented::Nothing | Presented::Unknown | Presented::Refused => Ok(None),
                Presented::Demo(session) => Ok(Some(Self {
                    session: *session,
                    key: None,
                })),
                Presented::Cookie(key) | Presented::Bearer(key) => {
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

impl OptionalFromRequestParts<App> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>> {
        Self::of(Presented::of(parts, app), app).await
    }
}

/// Somebody who is signed in.
#[derive(Debug)]
pub struct Member {
    /// Who it is.
    pub user: User,
    /// The session that says so.
    pub visit: Visit,
}

impl Member {
    /// As [`Visit::key`].
    ///
    /// # Errors
    ///
    /// As [`Visit::key`].
    pub fn key(&self) -> Result<&Key> {
        self.visit.key()
    }

    fn of<'a>(parts: &Parts, app: &'a App) -> BoxFuture<'a, Result<Self>> {
        let presented = Presented::of(parts, app);
        Box::pin(async move {
            let nobody = match presented {
                Presented::Refused | Presented::Cookie(_) => Error::CookieRefused,
                _ => Error::NotSignedIn,
            };
            let visit = Visit::of(presented, app).await?.ok_or(nobody)?;
            // A visitor's cookie is good, for what it is.
            let user = visit.session.user.clone().ok_or(Error::NotSignedIn)?;
            Ok(Self { user, visit })
        })
    }
}

impl FromRequestParts<App> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Self::of(parts, app).await
    }
}

/// A member who may look after classes and bookings; an administrator too.
#[derive(Debug)]
pub struct Staff(pub Member);

impl FromRequestParts<App> for Staff {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let member = Member::of(parts, app).await?;
        if member.user.is_staff || member.user.is_admin {
            Ok(Self(member))
        } else {
            Err(Error::FORBIDDEN)
        }
    }
}

/// A member who may do everything.
#[derive(Debug)]
pub struct Admin(pub Member);

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let member = Member::of(parts, app).await?;
        if member.user.is_admin {
            Ok(Self(member))
        } else {
            Err(Error::FORBIDDEN)
        }
    }
}

/// Vercel Cron, by `Authorization: Bearer <CRON_SECRET>`, or an administrator.
#[derive(Debug)]
pub struct Cron;

impl Cron {
    fn of<'a>(parts: &Parts, app: &'a App) -> BoxFuture<'a, Result<Self>> {
        let told = parts.headers.get(AUTHORIZATION);
        if let Some(told) = told {
            let known = bearer(told)
                .zip(app.config().cron_secret.as_ref())
                .is_some_and(|(told, secret)| secret.matches(told));
            if known {
                return Box::pin(async { Ok(Self) });
            }
        }
        // A cookie comes along with every GET, also with one that another
        // site caused: by cookie, only what the origin check has seen.
        if parts.method == Method::GET || parts.method == Method::HEAD {
            return Box::pin(async { Err(Error::NotSignedIn) });
        }
        let member = Member::of(parts, app);
        Box::pin(async move {
            if member.await?.user.is_admin {
                Ok(Self)
            } else {
                Err(Error::FORBIDDEN)
            }
        })
    }
}

impl FromRequestParts<App> for Cron {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Self::of(parts, app).await
    }
}

/// `E`, or anybody at all in development. Who came without being `E` is `None`.
#[derive(Debug)]
pub struct OpenInDevelopment<E>(pub Option<E>);

impl<E: FromRequestParts<App, Rejection = Error>> FromRequestParts<App> for OpenInDevelopment<E> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match E::from_request_parts(parts, app).await {
            Ok(allowed) => Ok(Self(Some(allowed))),
            Err(Error::NotSignedIn | Error::CookieRefused | Error::Forbidden { .. })
                if app.config().development =>
            {
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

    static HOUSE: LazyLock<App> =
        LazyLock::new(|| app(&[("CRON_SECRET", "of-cron-16-characters")]));

    fn presented(authorization: &HeaderValue, cookie: Option<&HeaderValue>) -> Presented {
        let mut request = Request::new(()).into_parts().0;
        request.headers.insert(AUTHORIZATION, authorization.clone());
        if let Some(cookie) = cookie {
            request.headers.insert(http::header::COOKIE, cookie.clone());
        }
        Presented::of(&request, &HOUSE)
    }

    proptest! {
        #[test]
        fn whatever_authorization_holds_it_names_no_session_of_its_own(
            told in header_value(), scheme in prop_oneof!["", "(B|b)earer ", "Basic "],
        ) {
            let value = [scheme.as_bytes(), told.as_bytes()].concat();
            let value = HeaderValue::from_bytes(&value).unwrap();
            assert!(matches!(presented(&value, None), Presented::Unknown));
            // Beside it a cookie counts for nothing, however good it is.
            let token = Token::generate();
            let cookie = format!("__Host-sabor_session={}", token.signed(HOUSE.cookie_signer()));
            let cookie = HeaderValue::from_str(&cookie).unwrap();
            assert!(matches!(presented(&value, Some(&cookie)), Presented::Unknown));
        }

        #[test]
        fn a_bearer_is_read_in_any_case_and_with_any_blanks(
            scheme in "[Bb][Ee][Aa][Rr][Ee][Rr]", blanks in "[ \t]{0,3}", id in any::<u128>(),
        ) {
            let id = Uuid::from_u128(id);
            let token = HOUSE.access_tokens().issue(id, id, HOUSE.clock().now());
            let value = HeaderValue::from_str(&format!("{scheme} {blanks}{token}{blanks}")).unwrap();
            let Presented::Bearer(key) = presented(&value, None) else {
                panic!("{value:?}");
            };
            assert_eq!(key, Key::of_session(id));
        }
    }
}
