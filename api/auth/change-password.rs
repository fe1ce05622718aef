//! POST /api/auth/change-password — a new password for one who knows the old one.

use sabor::http::{Json, Member, Success};
use sabor::identity::profile;
use sabor::values::caller::Caller;
use sabor::values::schema::NewPassword;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangePassword {
    /// Left out by an account that has none: it shows a sign-in through its
    /// provider in the last ten minutes instead.
    #[schema(format = "password")]
    current_password: Option<String>,
    /// 8 to 128 characters; not a common one, nor the e-mail address or name.
    #[schema(value_type = NewPassword)]
    new_password: String,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![change_password]
}

/// Ends all other sessions, and every sign-in that is under way.
#[utoipa::path(post, path = "/api/auth/change-password", tag = "auth", security(("session" = [])), request_body = ChangePassword, responses(
    (status = 200, body = Success, description = "Changed; this session goes on"),
    (status = 403, description = "`wrong_password`; `sign_in_again`; or sent from a foreign page"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn change_password(
    app: App,
    client: Caller,
    member: Member,
    Json(form): Json<ChangePassword>,
) -> Result<Json<Success>> {
    let current = form.current_password.as_deref();
    profile::change_password(&app, &client, &member, current, &form.new_password).await?;
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
