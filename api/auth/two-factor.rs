//! GET, POST, PUT, DELETE /api/auth/two-factor — the member's second factor.

use sabor::http::{Json, Member, Success};
use sabor::identity::two_factor;
use sabor::identity::two_factor::{
    Beginning, Confirmation, Enrollment, RecoveryCodes, Removal, Status,
};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![
        get_two_factor,
        start_two_factor,
        confirm_two_factor,
        disable_two_factor
    ]
}

/// Whether there is one, and how many recovery codes are left.
#[utoipa::path(get, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = Status, description = "How it stands"),
))]
async fn get_two_factor(app: App, member: Member) -> Result<Json<Status>> {
    two_factor::status(&app, &member).await.map(Json)
}

/// Makes a secret for an authenticator app. No code is asked for before it has
/// been confirmed; to begin again makes another.
#[utoipa::path(post, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), request_body = Beginning, responses(
    (status = 200, body = Enrollment, description = "The secret, as text, link and picture; never shown again"),
    (status = 403, description = "`wrong_password`; `sign_in_again`; or sent from a foreign page"),
    (status = 409, description = "There is one already: `two_factor_enabled`"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn start_two_factor(
    app: App,
    client: Caller,
    member: Member,
    Json(form): Json<Beginning>,
) -> Result<Json<Enrollment>> {
    let begun = two_factor::begin(&app, &client, &member, &form);
    begun.await.map(Json)
}

/// From now on a code is asked for at each sign-in. All other sessions end.
#[utoipa::path(put, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), request_body = Confirmation, responses(
    (status = 200, body = RecoveryCodes, description = "Confirmed; ten recovery codes, shown this once"),
    (status = 401, description = "Not signed in; or `invalid_code`"),
    (status = 409, description = "`two_factor_not_begun`, or `two_factor_enabled` already"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn confirm_two_factor(
    app: App,
    client: Caller,
    member: Member,
    Json(form): Json<Confirmation>,
) -> Result<Json<RecoveryCodes>> {
    let confirmed = two_factor::confirm(&app, &client, &member, &form);
    confirmed.await.map(Json)
}

/// Takes it away, with password and code. All other sessions end.
#[utoipa::path(delete, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), request_body = Removal, responses(
    (status = 200, body = Success, description = "From now on no code is asked for"),
    (status = 401, description = "Not signed in; or `invalid_code`"),
    (status = 403, description = "`wrong_password`; `sign_in_again`; or sent from a foreign page"),
    (status = 409, description = "There is none: `two_factor_not_begun`"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn disable_two_factor(
    app: App,
    client: Caller,
    member: Member,
    Json(form): Json<Removal>,
) -> Result<Json<Success>> {
    two_factor::disable(&app, &client, &member, &form).await?;
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
