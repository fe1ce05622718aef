//! POST /api/auth/change-email — another address for the account.

use sabor::http::{Accepted, Json, Member, Success};
use sabor::identity::email_change;
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
    /// Left out by an account that has none: it shows a sign-in through its
    /// provider in the last ten minutes instead.
    #[schema(format = "password")]
    current_password: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![change_email]
}

/// The address changes when the link that is mailed to the new one has been
/// confirmed; the old one is told. Whether the new one is taken, only its owner
/// is told.
#[utoipa::path(post, path = "/api/auth/change-email", tag = "auth", security(("session" = [])), request_body = ChangeEmail, responses(
    (status = 202, body = Success, description = "A link is on its way to the new address"),
    (status = 403, description = "`wrong_password`; `sign_in_again`; or sent from a foreign page"),
    (status = 429, description = "Too many tries, or too many mails; see `Retry-After`"),
))]
async fn change_email(
    app: App,
    client: Caller,
    member: Member,
    Json(form): Json<ChangeEmail>,
) -> Result<Accepted> {
    let current = form.current_password.as_deref();
    email_change::ask_for_change(&app, &client, &member, &form.new_email, current).await?;
    Ok(Accepted)
}

fn main() -> Exit {
    serve(route())
}
