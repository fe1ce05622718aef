//! The response to a member whose session has a new credential.

use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::http::SetCookie;
use crate::identity::token_pair::{OptionalTokenPair, TokenPair};
use crate::models::user::User;
use crate::session::{Credential, RenewedSession};

/// The new credential of a session: a cookie for browsers, or tokens for other programs.
#[derive(Debug, Default)]
pub struct NewCredential {
    /// The cookie, which replaces the previous one.
    pub cookie: Option<SetCookie>,
    /// The tokens, which replace the previous ones.
    pub tokens: Option<TokenPair>,
}

impl NewCredential {
    /// Issues the credential of a session that was renewed.
    pub(crate) fn issue(app: &App, user: &User, renewed: &RenewedSession) -> Self {
        match &renewed.credential {
            Credential::Cookie { token, .. } => Self {
                cookie: Some(SetCookie::session(app, token, renewed.max_age)),
                tokens: None,
            },
            Credential::Tokens {
                session_id,
                refresh,
            } => Self {
                cookie: None,
                tokens: Some(TokenPair::new(app, *session_id, user, refresh)),
            },
        }
    }
}

/// The response to a change that renewed the session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRenewed {
    success: bool,
    /// New tokens, if the caller uses tokens. The previous ones are no longer valid.
    #[serde(flatten)]
    #[schema(value_type = OptionalTokenPair)]
    tokens: Option<TokenPair>,
}

impl SessionRenewed {
    /// Creates the response with these tokens.
    pub fn new(tokens: Option<TokenPair>) -> Self {
        Self {
            success: true,
            tokens,
        }
    }
}
