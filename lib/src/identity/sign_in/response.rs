//! The response to a sign-in.

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::http::{Json, SetCookie};
use crate::identity::view::UserView;
use crate::models::user::User;
use crate::session::{ACCESS_LIFETIME, Token};

/// The member who is signed in, and the tokens if the client requested them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignInResponse)]
pub struct SignInBody {
    success: bool,
    user: UserView,
    /// Only with `mode: token`.
    #[serde(flatten)]
    #[schema(value_type = OptionalTokenPair)]
    tokens: Option<TokenPair>,
}

impl SignInBody {
    pub(crate) fn new(user: User, tokens: Option<TokenPair>) -> Self {
        Self {
            success: true,
            user: user.into(),
            tokens,
        }
    }
}

/// The tokens of a session without a cookie.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenPair {
    /// The token for `Authorization: Bearer …`.
    access_token: String,
    /// The token to exchange for the next pair. It can be used once.
    refresh_token: String,
    /// The number of seconds until the access token expires.
    expires_in: i64,
}

/// The schema of a flattened `Option<TokenPair>`.
#[derive(ToSchema)]
#[schema(as = TokenPair, rename_all = "camelCase")]
#[expect(dead_code, reason = "only for the API description")]
struct OptionalTokenPair {
    /// Only with `mode: token`. The token for `Authorization: Bearer …`.
    #[schema(required = false)]
    access_token: String,
    /// Only with `mode: token`. The token to exchange for the next pair. It can be used once.
    #[schema(required = false)]
    refresh_token: String,
    /// Only with `mode: token`. The number of seconds until the access token expires.
    #[schema(required = false)]
    expires_in: i64,
}

impl TokenPair {
    /// Issues an access token for a session and pairs it with the refresh token.
    pub(crate) fn new(app: &App, session_id: Uuid, user: &User, refresh: &Token) -> Self {
        let now = app.clock().now();
        Self {
            access_token: app.access_tokens().issue(session_id, user.id, now),
            refresh_token: refresh.expose().to_owned(),
            expires_in: ACCESS_LIFETIME.num_seconds(),
        }
    }
}

/// The response to a sign-in: a body, and cookies for a browser.
#[derive(Debug)]
pub struct SignInResponse {
    cookies: Vec<SetCookie>,
    body: SignInBody,
}

impl SignInResponse {
    pub(crate) fn new(cookies: Vec<SetCookie>, body: SignInBody) -> Self {
        Self { cookies, body }
    }

    /// Returns the cookies, for another kind of response.
    pub fn into_cookies(self) -> Vec<SetCookie> {
        self.cookies
    }
}

impl IntoResponse for SignInResponse {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        SetCookie::append(self.cookies, &mut response);
        response
    }
}
