//! POST /api/auth/forgot-password — mail a link to a new password.

use sabor::http::{Accepted, Json, Success};
use sabor::identity::password_reset;
use sabor::values::caller::Caller;
use sabor::values::schema::EmailAddress;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestPasswordReset {
    #[schema(value_type = EmailAddress)]
    email: String,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![request_password_reset]
}

/// Answers alike whether or not there is such an account. The link is good for
/// an hour, and once; the newest ends those before it.
#[utoipa::path(post, path = "/api/auth/forgot-password", tag = "auth", request_body = RequestPasswordReset, responses(
    (status = 202, body = Success, description = "If there is such an account, a mail is on its way"),
    (status = 429, description = "Too many mails; see `Retry-After`"),
))]
async fn request_password_reset(
    app: App,
    client: Caller,
    Json(form): Json<RequestPasswordReset>,
) -> Result<Accepted> {
    password_reset::forgot(&app, &client, &form.email).await?;
    Ok(Accepted)
}

fn main() -> Exit {
    serve(route())
}
