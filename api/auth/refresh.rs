//! POST /api/auth/refresh — exchanges a refresh token for new tokens.

use sabor::http::Json;
use sabor::identity::sign_in::SignInBody;
use sabor::identity::token_refresh::{self, RefreshTokens};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![refresh_tokens]
}

/// Exchanges a refresh token for a new pair of tokens. A refresh token works
/// once. If the response is lost, a client with the same `User-Agent` can repeat the request
/// with the old token and gets the same new refresh token again, until the new token has been
/// used.
/// Any other use of the old token ends the session, because the token may have been
/// stolen.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", request_body = RefreshTokens, responses(
    (status = 200, body = SignInBody, description = "The new tokens. They replace the old refresh token"),
    (status = 401, description = "`refresh_token_refused`: the token is unknown, used or expired, or its session has ended; sign in again"),
))]
async fn refresh_tokens(
    app: App,
    caller: Caller,
    Json(form): Json<RefreshTokens>,
) -> Result<Json<SignInBody>> {
    token_refresh::refresh_tokens(&app, &caller, &form)
        .await
        .map(Json)
}

fn main() -> Exit {
    serve(route())
}
