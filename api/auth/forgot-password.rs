//! POST /api/auth/forgot-password — mails a password reset link.

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

/// Mails a link for setting a new password. The response is the same whether or
/// not the account exists. The link works once and expires after an hour. A newer
/// link replaces it.
#[utoipa::path(post, path = "/api/auth/forgot-password", tag = "auth", request_body = RequestPasswordReset, responses(
    (status = 202, body = Success, description = "If there is an active account with this address, a link was mailed, unless too many were requested for it in the last hour"),
    (status = 429, description = "`too_many_requests`: too many requests from this IP address; wait for `Retry-After` seconds"),
))]
async fn request_password_reset(
    app: App,
    caller: Caller,
    Json(form): Json<RequestPasswordReset>,
) -> Result<Accepted> {
    password_reset::request_reset(&app, &caller, &form.email).await?;
    Ok(Accepted)
}

fn main() -> Exit {
    serve(route())
}
