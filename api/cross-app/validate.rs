//! POST /api/cross-app/validate — a partner application learns who has come.

use sabor::http::{Json, Partner};
use sabor::partners::tokens;
use sabor::partners::tokens::{Redemption, SignIn};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![validate_cross_app_token]
}

/// Redeems a token, once: of any number of tries at once, one succeeds. For an
/// application that is registered otherwise it stays good while it lasts.
#[utoipa::path(post, path = "/api/cross-app/validate", tag = "cross-app", security(("partner" = [])), request_body = Redemption, responses(
    (status = 200, body = SignIn, description = "Who it is, and for which account"),
    (status = 401, description = "`token_ended`: unknown, used, revoked, expired, its session has ended, or its account was left; `unknown_application`: the name or the secret is not right"),
    (status = 403, description = "`wrong_application`: the token was made for another, is neither used, revoked nor expired, and stays as it was"),
))]
async fn validate_cross_app_token(
    app: App,
    client: Caller,
    partner: Partner,
    Json(redemption): Json<Redemption>,
) -> Result<Json<SignIn>> {
    let validated = tokens::validate(&app, &client, &partner, &redemption);
    validated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
