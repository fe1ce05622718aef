//! Exchanges a refresh token for new tokens.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::security_events;
use crate::error::{Error, ErrorCode, Result};
use crate::identity::sign_in::SignInBody;
use crate::identity::token_pair::TokenPair;
use crate::models::security_event::SecurityEventKind;
use crate::session::{Refreshed, Token};
use crate::values::caller::Caller;
use crate::{App, BoxFuture};

const REFRESH_TOKEN_REFUSED: Error = Error::Unauthorized {
    code: ErrorCode::RefreshTokenRefused,
    message: "This session has ended; please sign in again",
};

/// The request for new tokens.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshTokens {
    /// The refresh token from the last response.
    refresh_token: String,
}

/// Exchanges a refresh token for an access token and the next refresh token.
///
/// # Errors
///
/// 401 `refresh_token_refused`; [`Error::Unavailable`], after which the client can retry
/// with the same token.
pub fn refresh_tokens<'a>(
    app: &'a App,
    caller: &'a Caller,
    request: &'a RefreshTokens,
) -> BoxFuture<'a, Result<SignInBody>> {
    Box::pin(async move {
        let token = Token::parse(&request.refresh_token).ok_or(REFRESH_TOKEN_REFUSED)?;
        let user_agent = caller.user_agent.clone();
        match app.sessions().refresh(token, user_agent).await? {
            Refreshed::Rotated(rotated) => {
                let (id, user) = (rotated.session_id, rotated.user);
                let tokens = TokenPair::new(app, id, &user, &rotated.refresh);
                Ok(SignInBody::new(user, Some(tokens)))
            }
            Refreshed::Unknown => Err(REFRESH_TOKEN_REFUSED),
            Refreshed::Replayed { user_id } => {
                app.counters().add("sessions_revoked", 1);
                security_events::record(app, SecurityEventKind::RefreshReplayed, user_id, caller);
                Err(REFRESH_TOKEN_REFUSED)
            }
        }
    })
}
