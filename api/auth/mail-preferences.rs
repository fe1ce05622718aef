//! GET, PATCH /api/auth/mail-preferences — the e-mails that the member wants.

use sabor::http::{Json, Member};
use sabor::identity::mail_preferences;
use sabor::identity::mail_preferences::{MailPreferences, UpdateMailPreferences};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_mail_preferences, update_mail_preferences]
}

/// Returns which e-mails the member wants. E-mails about money, about the account, and about
/// cancellations are always sent.
#[utoipa::path(get, path = "/api/auth/mail-preferences", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = MailPreferences, description = "The e-mails that the member wants"),
))]
async fn get_mail_preferences(app: App, member: Member) -> Result<Json<MailPreferences>> {
    mail_preferences::get(&app, member).await.map(Json)
}

/// Switches e-mails off or on. Fields that are left out keep their values.
#[utoipa::path(patch, path = "/api/auth/mail-preferences", tag = "auth", security(("session" = [])), request_body = UpdateMailPreferences, responses(
    (status = 200, body = MailPreferences, description = "The e-mails that the member wants now"),
    (status = 403, description = "`demo_account`: the demo account cannot change anything"),
))]
async fn update_mail_preferences(
    app: App,
    member: Member,
    Json(request): Json<UpdateMailPreferences>,
) -> Result<Json<MailPreferences>> {
    mail_preferences::update(&app, &member, request)
        .await
        .map(Json)
}

fn main() -> Exit {
    serve(route())
}
