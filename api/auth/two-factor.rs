//! GET, POST, PUT, DELETE /api/auth/two-factor — the member's second factor.

use sabor::http::{ConfirmedMember, Json, Member, SetCookie};
use sabor::identity::renewal::SessionRenewed;
use sabor::identity::two_factor::{
    self, ConfirmTwoFactor, DisableTwoFactor, StartTwoFactor, TwoFactorConfirmation,
    TwoFactorEnrollment, TwoFactorStatus,
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

/// Returns the status of the second factor.
#[utoipa::path(get, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = TwoFactorStatus, description = "Whether it is enabled, and the numbers of unused recovery codes and trusted devices"),
    (status = 403, description = "`demo_account`: the demo account has no second factor"),
))]
async fn get_two_factor(app: App, member: Member) -> Result<Json<TwoFactorStatus>> {
    two_factor::status(&app, &member).await.map(Json)
}

/// Creates a secret for an authenticator app. The second factor is enabled when a
/// code confirms the secret. Another call replaces the secret. Renews the session.
#[utoipa::path(post, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), request_body = StartTwoFactor, responses(
    (status = 200, body = TwoFactorEnrollment, description = "The secret as text, link and QR code; it is returned only once"),
    (status = 403, description = "`email_not_verified`: the member has not confirmed their e-mail address. `wrong_password`: the current password is wrong. `sign_in_again`: an account without a password needs a sign-in from the last ten minutes"),
    (status = 409, description = "`two_factor_enabled`: the second factor is already enabled"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn start_two_factor(
    app: App,
    caller: Caller,
    ConfirmedMember(member): ConfirmedMember,
    Json(form): Json<StartTwoFactor>,
) -> Result<(Option<SetCookie>, Json<TwoFactorEnrollment>)> {
    let (cookie, enrollment) = two_factor::start_setup(&app, &caller, &member, &form).await?;
    Ok((cookie, Json(enrollment)))
}

/// Enables the second factor. From then on each sign-in on an untrusted device needs a code.
/// All other sessions end, and this one continues with a new credential.
#[utoipa::path(put, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), request_body = ConfirmTwoFactor, responses(
    (status = 200, body = TwoFactorConfirmation, description = "Enabled; the response has the ten recovery codes, which are returned only once"),
    (status = 401, description = "`invalid_code`: the code is wrong"),
    (status = 403, description = "`email_not_verified`: the member has not confirmed their e-mail address"),
    (status = 409, description = "`two_factor_not_begun`: no secret was created, or it can no longer be decrypted; start again. `two_factor_enabled`: the second factor is already enabled"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn confirm_two_factor(
    app: App,
    caller: Caller,
    ConfirmedMember(member): ConfirmedMember,
    Json(form): Json<ConfirmTwoFactor>,
) -> Result<(Option<SetCookie>, Json<TwoFactorConfirmation>)> {
    let (cookie, codes) = two_factor::confirm(&app, &caller, &member, &form).await?;
    Ok((cookie, Json(codes)))
}

/// Disables the second factor. This requires the password, if the account has one, and a
/// code. All other sessions end, and this one continues with a new credential.
#[utoipa::path(delete, path = "/api/auth/two-factor", tag = "auth", security(("session" = [])), request_body = DisableTwoFactor, responses(
    (status = 200, body = SessionRenewed, description = "Disabled; sign-ins need no code"),
    (status = 401, description = "`invalid_code`: the code is wrong or has been used"),
    (status = 403, description = "`wrong_password`: the current password is wrong. `sign_in_again`: an account without a password needs a sign-in from the last ten minutes"),
    (status = 409, description = "`two_factor_not_begun`: the second factor is not enabled. `two_factor_unreadable`: codes from the app cannot be checked, because the studio no longer has the key of the member's secret; use a recovery code"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
))]
async fn disable_two_factor(
    app: App,
    caller: Caller,
    member: Member,
    Json(form): Json<DisableTwoFactor>,
) -> Result<(Option<SetCookie>, Json<SessionRenewed>)> {
    let disabled = two_factor::disable(&app, &caller, &member, &form).await?;
    let body = SessionRenewed::new(disabled.tokens);
    Ok((disabled.cookie, Json(body)))
}

fn main() -> Exit {
    serve(route())
}
