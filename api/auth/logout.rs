//! POST /api/auth/logout — ends the session.

use sabor::admin::security_events;
use sabor::http::{ClearedCookies, Json, OptionalJson, SignOutContext, Success};
use sabor::models::security_event::SecurityEventKind;
use sabor::session::{SessionKey, Token};
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignOut {
    /// Ends all sessions of the member, on all devices.
    #[serde(default)]
    all: bool,
    /// Ends the session of this refresh token, even if its access token has
    /// expired.
    refresh_token: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![sign_out]
}

/// Ends the session, or all sessions of the member. The response is the same if
/// the caller was not signed in. If the request has two session cookies, both
/// sessions end, and `Clear-Site-Data` makes the browser delete all cookies of
/// the site. If Postgres is unavailable, the response is 503 and the cookie stays,
/// because the session may still be valid.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", request_body = Option<SignOut>, responses(
    (status = 200, body = Success, description = "Signed out; the cookies of the session are cleared"),
))]
async fn sign_out(
    app: App,
    caller: Caller,
    context: SignOutContext,
    OptionalJson(form): OptionalJson<SignOut>,
) -> Result<(ClearedCookies, Json<Success>)> {
    let token = form.refresh_token.as_deref().and_then(Token::parse);
    let refresh_token_key = match &token {
        Some(token) => app.sessions().key_by_refresh_token(token).await?,
        None => None,
    };
    for key in context.sessions.iter().chain(&refresh_token_key) {
        let user_id = match form.all {
            true => end_all(&app, key).await?,
            false => app.sessions().destroy(key).await?.flatten(),
        };
        if user_id.is_some() {
            security_events::record(&app, SecurityEventKind::SignedOut, user_id, &caller);
        }
    }
    Ok((context.clear_cookies(&app), Success::RESPONSE))
}

/// Ends all sessions of the session's user. Returns the user's id, or `None` if the session
/// was anonymous or had ended before this call. If the session ends during this call, returns
/// the id, and the user's other sessions stay.
async fn end_all(app: &App, key: &SessionKey) -> Result<Option<uuid::Uuid>> {
    let session = app.sessions().get(key).await?;
    let Some(user) = session.and_then(|session| session.user) else {
        return Ok(app.sessions().destroy(key).await?.flatten());
    };
    match app.sessions().delete_all_of(key, user.id, false).await {
        Ok(_) | Err(Error::SessionGone) => Ok(Some(user.id)),
        Err(error) => Err(error),
    }
}

fn main() -> Exit {
    serve(route())
}
