//! From a refresh token to the next pair of tokens.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::identity::sign_in::{SignedIn, TokenPair};
use crate::models::security_event::{self, Kind};
use crate::session::{Refreshed, Token};
use crate::values::caller::Caller;
use crate::{App, BoxFuture};

const REFUSED: Error = Error::Unauthorized {
    code: "refresh_token_refused",
    message: "This session has ended; please sign in again",
};

/// What a program comes with when its access token has run out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RefreshTokens)]
pub struct Refresh {
    /// The last one that it was given.
    refresh_token: String,
}

/// Replaces a refresh token by the next.
///
/// # Errors
///
/// 401 `refresh_token_refused`; [`Error::Unavailable`]: the token is still good.
pub fn refresh<'a>(
    app: &'a App,
    client: &'a Caller,
    form: &'a Refresh,
) -> BoxFuture<'a, Result<SignedIn>> {
    Box::pin(async move {
        let token = Token::parse(&form.refresh_token).ok_or(REFUSED)?;
        let user_agent = client.user_agent.clone();
        match app.sessions().refresh(token, user_agent).await? {
            Refreshed::Rotated(rotated) => {
                let (id, user) = (rotated.session_id, rotated.user);
                let tokens = TokenPair::new(app, id, &user, &rotated.refresh);
                Ok(SignedIn::new(user, Some(tokens)))
            }
            Refreshed::Unknown => Err(REFUSED),
            Refreshed::Replayed { user_id } => {
                app.counters().add("sessions_revoked", 1);
                security_event::note(app, Kind::RefreshReplayed, user_id, client);
                Err(REFUSED)
            }
        }
    })
}
