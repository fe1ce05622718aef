//! GET, PATCH, DELETE /api/auth/me — the member's own account.

use sabor::http::{Json, Member, SetCookie, Success};
use sabor::identity::profile;
use sabor::identity::profile::{Patch, Whole};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeactivateAccount {
    /// The password, once more. Left out by an account that has none: it shows a
    /// sign-in through its provider in the last ten minutes instead.
    #[schema(format = "password")]
    current_password: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_profile, update_profile, deactivate_account]
}

/// All that is kept of the member, medical conditions included.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = Whole, description = "The whole profile"),
))]
async fn get_profile(app: App, member: Member) -> Result<Json<Whole>> {
    profile::show(&app, member).await.map(Json)
}

/// Changes what is given and leaves the rest; `null` empties a field.
#[utoipa::path(patch, path = "/api/auth/me", tag = "auth", security(("session" = [])), request_body = Patch, responses(
    (status = 200, body = Whole, description = "The whole profile as it is now"),
))]
async fn update_profile(app: App, member: Member, Json(patch): Json<Patch>) -> Result<Json<Whole>> {
    profile::change(&app, &member, patch).await.map(Json)
}

/// Closes the account and ends all its sessions; nothing is deleted.
#[utoipa::path(delete, path = "/api/auth/me", tag = "auth", security(("session" = [])), request_body = DeactivateAccount, responses(
    (status = 200, body = Success, description = "Deactivated; the cookie is cleared"),
    (status = 403, description = "`wrong_password`; `sign_in_again`; or sent from a foreign page"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn deactivate_account(
    app: App,
    client: Caller,
    member: Member,
    Json(form): Json<DeactivateAccount>,
) -> Result<(SetCookie, Json<Success>)> {
    profile::deactivate(&app, &client, &member, form.current_password.as_deref()).await?;
    Ok((SetCookie::clear_session(&app), Success::ANSWER))
}

fn main() -> Exit {
    serve(route())
}
