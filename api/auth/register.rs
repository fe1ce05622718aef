//! POST /api/auth/register — make an account, and sign in.

use sabor::http::{Arrival, Json};
use sabor::identity::registration::{Registered, Registration, register_account};
use sabor::identity::sign_in::SignedIn;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![register_member]
}

/// The account and its first session are made together or not at all. A link
/// that confirms the address is mailed in any case.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = Registration, responses(
    (status = 201, body = SignedIn, description = "Registered and signed in. `Set-Cookie` carries the session, or with `mode: token` the body has the tokens"),
    (status = 202, body = sabor::http::Success, description = "Where addresses have to be confirmed first: a mail is on its way, whether or not there was an account"),
    (status = 409, description = "There is an account with this address: `email_taken`"),
    (status = 429, description = "Too many registrations; see `Retry-After`"),
))]
async fn register_member(
    app: App,
    arrival: Arrival,
    Json(form): Json<Registration>,
) -> Result<Registered> {
    register_account(&app, &arrival, &form).await
}

fn main() -> Exit {
    serve(route())
}
