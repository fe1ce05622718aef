//! GET /api/classes/preview — the page of a class for link previews.

use axum::http::header::VARY;
use axum::response::{AppendHeaders, IntoResponse};
use sabor::classes::pages;
use sabor::classes::pages::PreviewQuery;
use sabor::http::{IfNoneMatchParams, PageLocale, Query};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    // Messengers add parameters to the links that they share.
    routes![preview_class].with_other_query_params()
}

/// Returns the page of a class, or of its class type if no class has the id in `class`.
/// Messengers that show a preview of a link run no script, so `/classes/<id>` leads them here.
#[utoipa::path(get, path = "/api/classes/preview", tag = "classes", params(PreviewQuery, IfNoneMatchParams), responses(
    (status = 200, body = String, content_type = "text/html", description = "The page, with an `ETag`"),
    (status = 304, description = "The page that the caller has is current"),
    (status = 404, body = String, content_type = "text/html", description = "No class type has this id, or it is retired. The body is the same page in both cases"),
))]
async fn preview_class(
    app: App,
    Query(query): Query<PreviewQuery>,
    PageLocale(locale): PageLocale,
) -> Result<impl IntoResponse> {
    let page = pages::preview(&app, query, locale).await?;
    // The same address is a page with scripts for other browsers.
    Ok((AppendHeaders([(VARY, "user-agent")]), page))
}

fn main() -> Exit {
    serve(route())
}
