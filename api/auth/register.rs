//! POST /api/auth/register — creates an account.

use sabor::http::{Json, SignInContext};
use sabor::identity::registration::{Registration, RegistrationResponse, register_account};
use sabor::identity::sign_in::SignInBody;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![register_member]
}

/// Creates an account, and mails a link that confirms the e-mail address. Also signs
/// in, unless addresses must be confirmed first. An earlier registration whose
/// address was never confirmed is replaced.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", request_body = Registration, responses(
    (status = 201, body = SignInBody, description = "If members can sign in before they confirm the address: registered and signed in. `Set-Cookie` carries the session; with `mode: token` the body has the tokens"),
    (status = 202, body = sabor::http::Success, description = "If addresses must be confirmed first: the member must open the link in the e-mail, which was sent unless the mailbox has received too many. `Set-Cookie` carries a cookie that identifies this browser when it opens the link. The response is the same if the address already has an account"),
    (status = 409, description = "If members can sign in before they confirm the address: `email_taken`, because the account with this e-mail address has confirmed it, has bookings or a role, was created by staff, or is deactivated"),
    (status = 429, description = "`too_many_requests`: too many registrations from this IP address or, if members can sign in before they confirm the address, with this e-mail address; wait for `Retry-After` seconds"),
))]
async fn register_member(
    app: App,
    context: SignInContext,
    Json(form): Json<Registration>,
) -> Result<RegistrationResponse> {
    register_account(&app, &context, &form).await
}

fn main() -> Exit {
    serve(route())
}
