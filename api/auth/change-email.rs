//! POST /api/auth/change-email — changes the account's e-mail address.

use axum::http::StatusCode;
use sabor::http::{Json, Member, SetCookie};
use sabor::identity::email_change;
use sabor::identity::renewal::{NewCredential, SessionRenewed};
use sabor::values::caller::Caller;
use sabor::values::schema::EmailAddress;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeEmail {
    #[schema(value_type = EmailAddress)]
    new_email: String,
    /// The current password. It is left out if the account has no password. The
    /// member must then have signed in through a provider in the last ten minutes.
    #[schema(format = "password")]
    current_password: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![change_email]
}

/// Mails a confirmation link to a new e-mail address, and a notice to the current one.
/// The address changes when the link is confirmed, and the old address is then notified
/// of the change. If another account has confirmed the new address or is deactivated,
/// the owner of that account gets a notice instead of the link. The response does not
/// reveal this. The session continues with a new credential, and the previous one is no
/// longer valid.
#[utoipa::path(post, path = "/api/auth/change-email", tag = "auth", security(("session" = [])), request_body = ChangeEmail, responses(
    (status = 202, body = SessionRenewed, description = "The request was accepted. A link was mailed to the new address, unless another account has confirmed this address or is deactivated. `Set-Cookie` carries the new credential; a client without cookies gets new tokens"),
    (status = 403, description = "`wrong_password`: the current password is wrong. `sign_in_again`: an account without a password needs a sign-in from the last ten minutes"),
    (status = 429, description = "`too_many_requests`: too many attempts or e-mails; wait for `Retry-After` seconds"),
))]
async fn change_email(
    app: App,
    caller: Caller,
    member: Member,
    Json(form): Json<ChangeEmail>,
) -> Result<(StatusCode, Option<SetCookie>, Json<SessionRenewed>)> {
    let current_password = form.current_password.as_deref();
    let new_email = &form.new_email;
    let NewCredential { cookie, tokens } =
        email_change::request_change(&app, &caller, &member, new_email, current_password).await?;
    let body = Json(SessionRenewed::new(tokens));
    Ok((StatusCode::ACCEPTED, cookie, body))
}

fn main() -> Exit {
    serve(route())
}
