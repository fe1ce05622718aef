//! POST /api/auth/login — signs a member in.

use sabor::http::{Json, SignInContext};
use sabor::identity::demo;
use sabor::identity::sign_in::{self, Login, SignInBody, SignInResponse};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![sign_in]
}

/// Signs in with an e-mail address and a password. A new session always
/// replaces the caller's previous one and keeps the data of an anonymous
/// session. If the account has a second factor and does not trust the device, a code is
/// required. If the request has none, the response is 401 `two_factor_required` with a
/// `challenge`. Send the `challenge` and the `code` to this endpoint within five minutes.
/// Five attempts are allowed.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Login, responses(
    (status = 200, body = SignInBody, description = "Signed in. `Set-Cookie` carries the session; with `mode: token` the body has the tokens"),
    (status = 401, description = "`invalid_credentials`: the e-mail address or the password is wrong. `two_factor_required`: a code is needed; see `challenge`. `invalid_code`: the code is wrong or has been used. `challenge_ended`: the challenge has expired or had too many attempts; start again"),
    (status = 403, description = "`email_not_verified`: if addresses must be confirmed first, the member must open the link in the e-mail; another one was sent, unless the mailbox has received too many"),
    (status = 409, description = "`two_factor_unreadable`: codes from the app cannot be checked, because the studio no longer has the key of the member's secret; use a recovery code"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn sign_in(
    app: App,
    context: SignInContext,
    Json(form): Json<Login>,
) -> Result<SignInResponse> {
    match demo::sign_in(&app, &form) {
        Some(response) => Ok(response),
        None => sign_in::sign_in(&app, &context, &form).await,
    }
}

fn main() -> Exit {
    serve(route())
}
