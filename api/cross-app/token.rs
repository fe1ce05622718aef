//! POST /api/cross-app/token — issues a token for a partner application.

use sabor::http::{ConfirmedMember, Json};
use sabor::partners::tokens;
use sabor::partners::tokens::{CreateCrossAppToken, CrossAppToken};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![create_cross_app_token]
}

/// Issues a token that signs the member in at a partner application. The
/// application's server must validate it within fifteen minutes. The token is
/// no longer valid when the session that requested it has ended. A member can
/// request ten tokens per minute.
#[utoipa::path(post, path = "/api/cross-app/token", tag = "cross-app", security(("session" = [])), request_body = CreateCrossAppToken, responses(
    (status = 200, body = CrossAppToken, description = "The token, which the browser takes to the application"),
    (status = 403, description = "`email_not_verified`: the member has not confirmed their e-mail address. `not_a_member`: the member does not belong to the organization in `accountId`"),
    (status = 429, description = "`too_many_requests`: too many tokens; wait for `Retry-After` seconds"),
))]
async fn create_cross_app_token(
    app: App,
    caller: Caller,
    ConfirmedMember(member): ConfirmedMember,
    Json(request): Json<CreateCrossAppToken>,
) -> Result<Json<CrossAppToken>> {
    let issued = tokens::issue(&app, &caller, &member, &request);
    issued.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
