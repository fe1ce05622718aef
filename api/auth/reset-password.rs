//! POST /api/auth/reset-password — sets a new password with a link from an e-mail.

use sabor::http::{Json, Success};
use sabor::identity::password_reset;
use sabor::values::caller::Caller;
use sabor::values::schema::NewPassword;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResetPassword {
    /// The token from the link.
    token: String,
    /// 8 to 128 characters. Common passwords, the e-mail address and the name are
    /// rejected.
    #[schema(value_type = NewPassword)]
    new_password: String,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![reset_password]
}

/// Sets a new password and ends all sessions of the account. The member is not
/// signed in by this, and two-factor authentication stays enabled.
#[utoipa::path(post, path = "/api/auth/reset-password", tag = "auth", request_body = ResetPassword, responses(
    (status = 200, body = Success, description = "The password was set; the link no longer works"),
    (status = 400, description = "`link_ended`: the link was used or replaced, or has expired. A rejected password does not use up the link"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn reset_password(
    app: App,
    caller: Caller,
    Json(form): Json<ResetPassword>,
) -> Result<Json<Success>> {
    password_reset::reset_password(&app, &caller, &form.token, &form.new_password).await?;
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
