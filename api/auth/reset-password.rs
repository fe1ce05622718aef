//! POST /api/auth/reset-password — sets a new password with a link from an e-mail.

use sabor::http::{Json, SignInContext, Success};
use sabor::identity::password_reset;
use sabor::identity::password_reset::ResetPassword;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![reset_password]
}

/// Sets a new password, and ends all sessions and the calendar feed of the
/// account. The member is not signed in by this, and two-factor authentication
/// stays enabled. Linked providers stay linked unless `unlinkProviders` is set. If
/// the address was not confirmed yet, everything that was set up in the account until
/// now is removed, unless this browser registered the account or is signed in to it.
#[utoipa::path(post, path = "/api/auth/reset-password", tag = "auth", request_body = ResetPassword, responses(
    (status = 200, body = Success, description = "The password was set; the link no longer works"),
    (status = 400, description = "`link_ended`: the link was used or replaced, or has expired, or the account is deactivated. A rejected password does not use up the link"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn reset_password(
    app: App,
    context: SignInContext,
    Json(form): Json<ResetPassword>,
) -> Result<Json<Success>> {
    password_reset::reset_password(&app, &context, &form).await?;
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
