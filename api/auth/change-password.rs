//! POST /api/auth/change-password — changes the password.

use sabor::http::{Json, Member, SetCookie};
use sabor::identity::profile;
use sabor::identity::renewal::{NewCredential, SessionRenewed};
use sabor::values::caller::Caller;
use sabor::values::schema::NewPassword;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangePassword {
    /// The current password. It is left out if the account has no password. The
    /// member must then have signed in through a provider in the last ten minutes.
    #[schema(format = "password")]
    current_password: Option<String>,
    /// 8 to 128 characters. Common passwords, sequences of characters, the e-mail address,
    /// and the names of the member and the studio are rejected.
    #[schema(value_type = NewPassword)]
    new_password: String,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![change_password]
}

/// Changes the password. Ends all other sessions and pending sign-ins of the
/// account. This session continues with a new credential, and the previous one is
/// no longer valid.
#[utoipa::path(post, path = "/api/auth/change-password", tag = "auth", security(("session" = [])), request_body = ChangePassword, responses(
    (status = 200, body = SessionRenewed, description = "The password was changed. `Set-Cookie` carries the new credential; a client without cookies gets new tokens"),
    (status = 403, description = "`wrong_password`: the current password is wrong. `sign_in_again`: an account without a password needs a sign-in from the last ten minutes"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn change_password(
    app: App,
    caller: Caller,
    member: Member,
    Json(form): Json<ChangePassword>,
) -> Result<(Option<SetCookie>, Json<SessionRenewed>)> {
    let current_password = form.current_password.as_deref();
    let new_password = &form.new_password;
    let NewCredential { cookie, tokens } =
        profile::change_password(&app, &caller, &member, current_password, new_password).await?;
    Ok((cookie, Json(SessionRenewed::new(tokens))))
}

fn main() -> Exit {
    serve(route())
}
