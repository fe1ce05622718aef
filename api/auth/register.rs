//! POST /api/auth/register — make an account, and sign in.

use sabor::http::{Client, Created, Json, Presented, SetSession};
use sabor::registration::{Registration, register_account};
use sabor::sign_in::SignedIn;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![register]
}

/// The account and its first session are made together or not at all.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = Registration, responses(
    (status = 201, body = SignedIn, description = "Registered and signed in; `Set-Cookie` carries the session"),
    (status = 409, description = "There is an account with this address: `email_taken`"),
    (status = 429, description = "Too many registrations; see `Retry-After`"),
))]
async fn register(
    app: App,
    client: Client,
    before: Presented,
    Json(form): Json<Registration>,
) -> Result<(SetSession, Created<SignedIn>)> {
    let (cookie, user) = register_account(&app, &client, &form, before.key()).await?;
    Ok((cookie, Created(user.into())))
}

fn main() -> Exit {
    serve(route())
}
