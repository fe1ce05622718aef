//! POST /api/auth/verify-email — confirm an address, or have the link mailed again.

use axum::response::{IntoResponse, Response};
use sabor::http::{Accepted, Member, OptionalJson, Success};
use sabor::identity::email_change;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifyEmail {
    /// From the link. Without it a member who is signed in is mailed another.
    token: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![verify_email]
}

/// Nothing but this redeems a link: to look at its page, as scanners of mail do,
/// does not. Confirms the account's address, or the new one of a change.
#[utoipa::path(post, path = "/api/auth/verify-email", tag = "auth", request_body = Option<VerifyEmail>, responses(
    (status = 200, body = Success, description = "Confirmed; the link is good no more"),
    (status = 202, body = Success, description = "Another link is on its way; those before it are good no more"),
    (status = 400, description = "`link_ended`: used, too old, or followed by a newer one"),
    (status = 401, description = "Without a token, and not signed in"),
    (status = 409, description = "`email_verified` already; or `email_taken` by another account meanwhile"),
    (status = 429, description = "Too many tries, or too many mails; see `Retry-After`"),
))]
async fn verify_email(
    app: App,
    client: Caller,
    member: Result<Member>,
    OptionalJson(form): OptionalJson<VerifyEmail>,
) -> Result<Response> {
    let Some(token) = &form.token else {
        email_change::ask_again(&app, &client, &member?).await?;
        return Ok(Accepted.into_response());
    };
    email_change::confirm(&app, &client, token).await?;
    Ok(Success::ANSWER.into_response())
}

fn main() -> Exit {
    serve(route())
}
