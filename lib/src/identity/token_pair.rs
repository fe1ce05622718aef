//! The tokens of a client without cookies.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::models::user::User;
use crate::session::{ACCESS_LIFETIME, Token};

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
pub(crate) struct OptionalTokenPair {
    /// Only for clients without cookies. The token for `Authorization: Bearer …`.
    #[schema(required = false)]
    access_token: String,
    /// Only for clients without cookies. The token to exchange for the next pair. It can be used once.
    #[schema(required = false)]
    refresh_token: String,
    /// Only for clients without cookies. The number of seconds until the access token expires.
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
