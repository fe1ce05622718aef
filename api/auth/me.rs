//! GET, PATCH, DELETE /api/auth/me — the member's own account.

use sabor::http::{Json, Member, SetCookie, Success};
use sabor::identity::profile;
use sabor::identity::profile::{ProfileView, UpdateProfile};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CloseAccount {
    /// Required if the account has a password. Otherwise, the member must have signed
    /// in through a provider in the last ten minutes.
    #[schema(format = "password")]
    current_password: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_profile, update_profile, close_account]
}

/// Returns the member's profile, including medical conditions.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = ProfileView, description = "The profile"),
))]
async fn get_profile(app: App, member: Member) -> Result<Json<ProfileView>> {
    profile::get_profile(&app, member).await.map(Json)
}

/// Updates the member's profile. Fields that are left out keep their values,
/// and `null` clears an optional field.
#[utoipa::path(patch, path = "/api/auth/me", tag = "auth", security(("session" = [])), request_body = UpdateProfile, responses(
    (status = 200, body = ProfileView, description = "The updated profile"),
))]
async fn update_profile(
    app: App,
    member: Member,
    Json(request): Json<UpdateProfile>,
) -> Result<Json<ProfileView>> {
    profile::update_profile(&app, &member, request)
        .await
        .map(Json)
}

/// Closes the account and ends all its sessions. Bookings of classes that have not
/// started are cancelled, and personal details are erased. The member receives
/// an e-mail, and can register again with the same e-mail address.
#[utoipa::path(delete, path = "/api/auth/me", tag = "auth", security(("session" = [])), request_body = CloseAccount, responses(
    (status = 200, body = Success, description = "The account is closed and the cookie is cleared"),
    (status = 403, description = "`wrong_password`: the current password is wrong. `sign_in_again`: an account without a password needs a sign-in from the last ten minutes"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn close_account(
    app: App,
    caller: Caller,
    member: Member,
    Json(form): Json<CloseAccount>,
) -> Result<(SetCookie, Json<Success>)> {
    profile::close_account(&app, &caller, &member, form.current_password.as_deref()).await?;
    Ok((SetCookie::clear_session(&app), Success::RESPONSE))
}

fn main() -> Exit {
    serve(route())
}
