//! POST /api/auth/refresh — from a refresh token to the next pair of tokens.

use sabor::http::Json;
use sabor::identity::sign_in::SignedIn;
use sabor::identity::token_refresh::{Refresh, refresh};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![refresh_tokens]
}

/// A refresh token is good once. When its answer was lost, the same program may
/// ask again within ten seconds and gets the same; whoever comes later with one
/// that was replaced ends the session, for one of the two has stolen it.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", request_body = Refresh, responses(
    (status = 200, body = SignedIn, description = "The next pair; the refresh token that was sent is good no more"),
    (status = 401, description = "`refresh_token_refused`: unknown, used, or its session has ended; sign in again"),
))]
async fn refresh_tokens(
    app: App,
    client: Caller,
    Json(form): Json<Refresh>,
) -> Result<Json<SignedIn>> {
    refresh(&app, &client, &form).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
