//! POST /api/cross-app/validate — validates a cross-app token for a partner application.

use sabor::http::{Json, Partner};
use sabor::partners::tokens;
use sabor::partners::tokens::{CrossAppSignIn, ValidateCrossAppToken};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![validate_cross_app_token]
}

/// Validates a cross-app token and marks it as used. For an application with
/// `singleUse: false`, the token can be validated again as long as it is valid. For other
/// applications, only one of several concurrent requests succeeds.
#[utoipa::path(post, path = "/api/cross-app/validate", tag = "cross-app", security(("partner" = [])), request_body = ValidateCrossAppToken, responses(
    (status = 200, body = CrossAppSignIn, description = "The user, and the organization they act for"),
    (status = 401, description = "`token_ended`: the token is unknown, used, revoked or expired, its session has ended, or the member has left the organization. `unknown_application`: the name or the secret of the application is wrong, or the application is deactivated"),
    (status = 403, description = "`wrong_application`: the token was issued for another application; it stays valid"),
))]
async fn validate_cross_app_token(
    app: App,
    caller: Caller,
    partner: Partner,
    Json(request): Json<ValidateCrossAppToken>,
) -> Result<Json<CrossAppSignIn>> {
    let validated = tokens::validate(&app, &caller, &partner, &request);
    validated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
