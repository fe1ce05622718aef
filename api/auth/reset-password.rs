//! POST /api/auth/reset-password — a new password, by a link from a mail.

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
    /// From the link.
    token: String,
    /// 8 to 128 characters; not a common one, nor the e-mail address or name.
    #[schema(value_type = NewPassword)]
    new_password: String,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![reset_password]
}

/// Ends all sessions and signs nobody in; a second factor is asked for as before.
#[utoipa::path(post, path = "/api/auth/reset-password", tag = "auth", request_body = ResetPassword, responses(
    (status = 200, body = Success, description = "Set; the link is good no more"),
    (status = 400, description = "`link_ended`; or a password that is refused, which leaves the link as it is"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn reset_password(
    app: App,
    client: Caller,
    Json(form): Json<ResetPassword>,
) -> Result<Json<Success>> {
    password_reset::reset(&app, &client, &form.token, &form.new_password).await?;
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
