//! What somebody gets who has proved who they are.

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::CHALLENGE_ENDED;
use crate::error::Result;
use crate::http::{CookiePurpose, Json, SetCookie, SignInContext, set_device};
use crate::identity::two_factor::Evidence;
use crate::models::remembered_device::Device;
use crate::models::security_event::{self, Kind};
use crate::models::sign_in_challenge;
use crate::models::user::Proof;
use crate::models::user::{self, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{ACCESS_LIFE, Credential, NewSession, Notification, Token, Trust};
use crate::store::client::Client as Postgres;
use crate::values::caller::Caller;
use crate::{App, BoxFuture, session};

/// The answer to whoever has signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignInResponse)]
pub struct SignedIn {
    success: bool,
    user: user::Shown,
    /// With `mode: token` alone.
    #[serde(flatten)]
    #[schema(value_type = MaybeTokens)]
    tokens: Option<TokenPair>,
}

/// What a program holds of its session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenPair {
    /// For `Authorization: Bearer …`.
    access_token: String,
    /// Good once, for the next pair.
    refresh_token: String,
    /// Seconds that the access token is good.
    expires_in: i64,
}

/// As a [`TokenPair`], each of them there or not: what a flattened `Option` is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "for the description alone")]
#[schema(as = TokenPair)]
struct MaybeTokens {
    /// With `mode: token`: for `Authorization: Bearer …`.
    #[schema(required = false)]
    access_token: String,
    /// With `mode: token`: good once, for the next pair.
    #[schema(required = false)]
    refresh_token: String,
    /// With `mode: token`: seconds that the access token is good.
    #[schema(required = false)]
    expires_in: i64,
}

impl TokenPair {
    /// The pair of a session, with an access token made now.
    pub(crate) fn new(app: &App, session_id: Uuid, user: &User, refresh: &Token) -> Self {
        let now = app.clock().now();
        Self {
            access_token: app.access_tokens().issue(session_id, user.id, now),
            refresh_token: refresh.expose().to_owned(),
            expires_in: ACCESS_LIFE.num_seconds(),
        }
    }
}

/// A session as its owner gets it: by cookies, or in the body.
#[derive(Debug)]
pub struct Welcome {
    cookies: Vec<SetCookie>,
    body: SignedIn,
}

impl Welcome {
    /// Of a cookie that needs no session.
    pub(crate) fn with_cookie(cookie: SetCookie, user: User) -> Self {
        Self {
            cookies: vec![cookie],
            body: SignedIn::new(user, None),
        }
    }

    /// The cookies alone, for an answer of another kind.
    pub fn into_cookies(self) -> Vec<SetCookie> {
        self.cookies
    }
}

impl SignedIn {
    pub(crate) fn new(user: User, tokens: Option<TokenPair>) -> Self {
        Self {
            success: true,
            user: user.into(),
            tokens,
        }
    }
}

impl IntoResponse for Welcome {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        SetCookie::append(self.cookies, &mut response);
        response
    }
}

/// A session that somebody may have, who has proved who they are.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) user: User,
    pub(crate) proof: Proof,
    /// What was shown beside it; used up with the session that it is for.
    pub(crate) second: Option<Second>,
    pub(crate) credential: Credential,
    /// The device, if the account knows it.
    pub(crate) device: Option<Device>,
    /// Whether the device needs no code from now on.
    pub(crate) trust: bool,
}

/// A code, and the challenge that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Second {
    pub(super) evidence: Evidence,
    pub(super) challenge: Option<Token>,
}

/// Makes the session. `None` when the proof has been overtaken.
pub(crate) fn admit<'a>(
    app: &'a App,
    context: &'a SignInContext,
    wish: Wish,
) -> BoxFuture<'a, Result<Option<Welcome>>> {
    Box::pin(async move {
        let entry = Entry::new(context, &wish);
        let notice = Notice::from_caller(&context.client, app.clock().now());
        // A device that is known may have been given a new name.
        let news = wish.device.is_none().then(|| notice.payload(wish.user.id));
        let new = entry.new_session(&wish, Notification::SignedIn(news));
        let made = match &wish.second {
            None => app.sessions().sign_in(new).await?,
            Some(second) => {
                let transaction = app.transaction().invalidate_sessions(new.replaces.clone());
                let made = transaction.run(async |tx| {
                    let (user, client) = (&wish.user, &context.client);
                    second.take(tx, user, client, notice.clone()).await?;
                    if !session::create_session(tx, &new).await? {
                        // This also rolls back that the code was used.
                        return Err(CHALLENGE_ENDED);
                    }
                    Ok(true)
                });
                let made = made.await?;
                app.counters().add("sessions_created", 1);
                made
            }
        };
        if !made {
            return Ok(None);
        }
        mail::send_due_soon(app);
        Ok(Some(entry.welcome(app, wish)))
    })
}

impl Second {
    /// Uses it up, in the transaction of the session that it is for.
    async fn take(
        &self,
        postgres: &Postgres,
        user: &User,
        client: &Caller,
        notice: Notice,
    ) -> Result<()> {
        session::lock_owner(postgres, user.id).await?;
        self.evidence.take(postgres, user.id).await?;
        if let Some(token) = &self.challenge
            && !sign_in_challenge::end(postgres, token).await?
        {
            return Err(CHALLENGE_ENDED);
        }
        if let Evidence::Recovery(_) = self.evidence {
            mail::notify(postgres, NoticeKind::RecoveryCodeUsed, user, notice).await?;
            let (kind, id) = (Kind::RecoveryCodeUsed, Some(user.id));
            security_event::insert(postgres, kind, id, client).await?;
        }
        Ok(())
    }
}

/// A session about to be made, and the browser that it is made in.
#[derive(Clone)]
pub(crate) struct Entry {
    context: SignInContext,
    /// What the browser is known by from now on; most programs have no such thing.
    device: Option<Token>,
}

impl Entry {
    /// For a member who signs in.
    fn new(context: &SignInContext, wish: &Wish) -> Self {
        let is_browser = matches!(wish.credential, Credential::Cookie { .. });
        let known = wish.device.as_ref().and_then(|device| {
            let mut devices = context.device_tokens.iter();
            devices.find(|token| token.hash() == device.token_hash)
        });
        // What somebody else may have put into this browser, or taken out of it,
        // is never trusted: who trusts a browser is given a name for it that is
        // new.
        let is_new = is_browser && (known.is_none() || wish.trust);
        Self {
            context: context.clone(),
            device: match is_new {
                true => Some(Token::generate()),
                false => known.cloned(),
            },
        }
    }

    /// For a new account, in a browser or not.
    pub(crate) fn first(context: &SignInContext, credential: Option<&Credential>) -> Self {
        let is_browser = matches!(credential, Some(Credential::Cookie { .. }));
        Self {
            context: context.clone(),
            device: is_browser.then(Token::generate),
        }
    }

    /// Returns the session to be created.
    pub(crate) fn new_session(&self, wish: &Wish, notification: Notification) -> NewSession {
        // Without a cookie there is nothing to trust.
        let is_browser = matches!(wish.credential, Credential::Cookie { .. });
        let trust = match wish.trust && is_browser {
            true => Trust::Given,
            false => Trust::Unchanged,
        };
        NewSession {
            proof: wish.proof.clone(),
            replaces: self.context.previous_session.clone(),
            caller: Some(self.context.client.clone()),
            credential: wish.credential.clone(),
            device: self.device.clone().map(|token| (token, trust)),
            notification,
        }
    }

    /// What the client is given when the session has been made.
    pub(crate) fn welcome(&self, app: &App, wish: Wish) -> Welcome {
        let mut cookies = Vec::new();
        let tokens = match &wish.credential {
            Credential::Cookie { token, .. } => {
                cookies.push(SetCookie::session(app, token, wish.credential.life()));
                let device = self.device.iter();
                cookies.extend(device.map(|token| set_device(app, wish.user.id, token)));
                None
            }
            Credential::Tokens {
                session_id,
                refresh,
            } => Some(TokenPair::new(app, *session_id, &wish.user, refresh)),
        };
        if self.context.challenge.is_some() {
            cookies.push(SetCookie::clear(app, CookiePurpose::Challenge));
        }
        Welcome {
            cookies,
            body: SignedIn::new(wish.user, tokens),
        }
    }
}
