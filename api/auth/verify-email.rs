//! POST /api/auth/verify-email — confirms an e-mail address.

use axum::response::{IntoResponse, Response};
use sabor::http::{Accepted, Json, Member, OptionalJson, SignInContext, Success};
use sabor::identity::email_change;
use sabor::identity::email_change::EmailConfirmation;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifyEmail {
    /// The token from the link. Without it, the signed-in member is sent another
    /// link.
    token: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![verify_email]
}

/// Confirms the account's e-mail address. The link for a new address changes the
/// account's address to it and renews the session. If the first confirmation of an
/// account comes neither from the browser that registered nor from a session of the
/// account, it proves only that the caller can read the mailbox. The password, the
/// sessions and everything else that was set up before are removed, and the
/// response has a token to set a new password. Without a token, a signed-in member
/// is sent another link. Only this request uses up a link. Opening the link does not,
/// because mail scanners open links.
#[utoipa::path(post, path = "/api/auth/verify-email", tag = "auth", security((), ("session" = [])), request_body = Option<VerifyEmail>, responses(
    (status = 200, body = EmailConfirmation, description = "The address is confirmed; the link no longer works"),
    (status = 202, body = Success, description = "Another link was sent; earlier links no longer work"),
    (status = 400, description = "`link_ended`: the link was used or replaced, or has expired, or the account is deactivated. A link for a new address also ends when all sessions of the account, or all except the caller's, are ended, for example by a change of the password"),
    (status = 401, description = "`not_signed_in`: the request has neither a token nor a session"),
    (status = 403, description = "`sign_in_to_confirm`: the link is for a new address of an account, and the request has no session of that account; the link stays valid"),
    (status = 409, description = "`email_verified`: the request has no token, and the address is already confirmed. `email_taken`: another account has taken the address"),
    (status = 429, description = "`too_many_requests`: too many attempts or e-mails; wait for `Retry-After` seconds"),
))]
async fn verify_email(
    app: App,
    context: SignInContext,
    member: Result<Member>,
    OptionalJson(form): OptionalJson<VerifyEmail>,
) -> Result<Response> {
    let Some(token) = &form.token else {
        email_change::request_verification(&app, &context.caller, &member?).await?;
        return Ok(Accepted.into_response());
    };
    let (cookie, confirmed) = email_change::confirm_email(&app, &context, token).await?;
    Ok((cookie, Json(confirmed)).into_response())
}

fn main() -> Exit {
    serve(route())
}
