//! POST /api/auth/login — from e-mail address and password to a session.

use sabor::http::{Arrival, Json};
use sabor::identity::demo;
use sabor::identity::sign_in::{self, Login, SignedIn, Welcome};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![sign_in]
}

/// Always a new session: the one that the client had before ends, and what it
/// kept while nobody was signed in is taken along. Where a second factor is due
/// the answer is 401 `two_factor_required` with a `challenge`; within five
/// minutes, and five tries, send `challenge` and `code` here.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Login, responses(
    (status = 200, body = SignedIn, description = "Signed in. `Set-Cookie` carries the session, or with `mode: token` the body has the tokens"),
    (status = 401, description = "Alike for every wrong pair: `invalid_credentials`. Or `two_factor_required`, with `challenge`; `invalid_code`; `challenge_ended`: start again"),
    (status = 403, description = "`email_not_verified`: another link has been mailed"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn sign_in(app: App, arrival: Arrival, Json(form): Json<Login>) -> Result<Welcome> {
    match demo::sign_in(&app, &form) {
        Some(welcome) => Ok(welcome),
        None => sign_in::sign_in(&app, &arrival, &form).await,
    }
}

fn main() -> Exit {
    serve(route())
}
