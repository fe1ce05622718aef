//! POST /api/cross-app/revoke — end a token for a partner application.

use sabor::http::{Json, MemberOrPartner, Success};
use sabor::partners::tokens;
use sabor::partners::tokens::Revocation;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![revoke_cross_app_token]
}

/// By the token or by its id: a member one of theirs, an application one that
/// is for it. Once more is as good as once.
#[utoipa::path(post, path = "/api/cross-app/revoke", tag = "cross-app", security(("session" = []), ("partner" = [])), request_body = Revocation, responses(
    (status = 200, body = Success, description = "It is revoked, now or before"),
    (status = 404, description = "There is no such token, or it is somebody else's"),
))]
async fn revoke_cross_app_token(
    app: App,
    client: Caller,
    by: MemberOrPartner,
    Json(revocation): Json<Revocation>,
) -> Result<Json<Success>> {
    tokens::revoke(&app, &client, &by, revocation).await?;
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
