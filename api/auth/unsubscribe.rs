//! GET, POST /api/auth/unsubscribe — the link in an e-mail that unsubscribes from its category.

use axum::response::Redirect;
use sabor::http::{Json, Query, Success};
use sabor::notify::mail;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UnsubscribeQuery {
    /// The token from the e-mail. It is part of the URL because mail programs send nothing else.
    /// It names the member and the category of e-mails, and is signed.
    #[param(required)]
    token: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// The token from the e-mail. Without it, the page says that the link is missing.
    token: Option<String>,
}

/// The routes of this function. Mail programs send the request, and some of them are pages of other
/// origins. It needs no cookie: the token alone names the member.
pub fn route() -> Routes {
    routes![redirect_to_unsubscribe_page, unsubscribe].with_any_origin()
}

/// Redirects to the page on which the member confirms. Changes nothing, because mail scanners and
/// browsers open links by themselves.
#[utoipa::path(get, path = "/api/auth/unsubscribe", tag = "auth", params(PageQuery), responses(
    (status = 303, description = "A redirect to the page"),
))]
async fn redirect_to_unsubscribe_page(app: App, Query(query): Query<PageQuery>) -> Redirect {
    let token = query.token.unwrap_or_default();
    Redirect::to(&mail::unsubscribe_page_url(&app, &token))
}

/// Unsubscribes the member from the category of the link, with one click in a mail program (RFC
/// 8058). A repeated request changes nothing. The body is ignored: mail programs send
/// `List-Unsubscribe=One-Click` as a form.
#[utoipa::path(post, path = "/api/auth/unsubscribe", tag = "auth", params(UnsubscribeQuery), responses(
    (status = 200, body = Success, description = "The e-mails are off"),
    (status = 404, description = "`not_found`: the token is forged, or its key has been replaced"),
))]
async fn unsubscribe(app: App, Query(query): Query<UnsubscribeQuery>) -> Result<Json<Success>> {
    let missing_token = || Error::field("token", "must be given");
    mail::unsubscribe(&app, &query.token.ok_or_else(missing_token)?).await?;
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
