//! POST /api/cross-app/revoke — revokes a cross-app token.

use sabor::http::{Json, MemberOrPartner, Success};
use sabor::partners::tokens;
use sabor::partners::tokens::RevokeCrossAppToken;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![revoke_cross_app_token]
}

/// Revokes a cross-app token by its value or its id. A member can revoke their
/// own tokens, and an application can revoke tokens that were issued for it.
/// Revoking a token again has no effect.
#[utoipa::path(post, path = "/api/cross-app/revoke", tag = "cross-app", security(("session" = []), ("partner" = [])), request_body = RevokeCrossAppToken, responses(
    (status = 200, body = Success, description = "The token is revoked"),
    (status = 401, description = "`unknown_application`: the name or the secret of the application is wrong, or the application is deactivated"),
    (status = 404, description = "`not_found`: the caller has no such token"),
))]
async fn revoke_cross_app_token(
    app: App,
    caller: Caller,
    requester: MemberOrPartner,
    Json(request): Json<RevokeCrossAppToken>,
) -> Result<Json<Success>> {
    tokens::revoke(&app, &caller, &requester, request).await?;
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
