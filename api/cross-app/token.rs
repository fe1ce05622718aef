//! POST /api/cross-app/token — go on to a partner application.

use sabor::http::{Json, Member};
use sabor::partners::tokens;
use sabor::partners::tokens::{CrossAppToken, Wish};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![create_cross_app_token]
}

/// Issues a token that the application's server redeems within fifteen
/// minutes. It ends with the session that asks for it. Ten a minute.
#[utoipa::path(post, path = "/api/cross-app/token", tag = "cross-app", security(("session" = [])), request_body = Wish, responses(
    (status = 200, body = CrossAppToken, description = "To be taken to the application by the browser"),
    (status = 403, description = "`not_a_member`: the member does not belong to the account"),
    (status = 429, description = "Too many; see `Retry-After`"),
))]
async fn create_cross_app_token(
    app: App,
    client: Caller,
    member: Member,
    Json(wish): Json<Wish>,
) -> Result<Json<CrossAppToken>> {
    let issued = tokens::issue(&app, &client, &member, &wish);
    issued.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
