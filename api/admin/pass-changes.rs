//! GET /api/admin/pass-changes — the changes of a pass.

use sabor::http::{Json, List, PageParams, Query, Staff};
use sabor::shop::passes;
use sabor::shop::passes::{PassChangeView, PassChangesQuery};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_pass_changes]
}

/// Lists the changes of a pass with their reasons, newest first. The use of credits is not a
/// change. Nor is the revocation of all passes of an account that is closed.
#[utoipa::path(get, path = "/api/admin/pass-changes", tag = "administration", security(("session" = [])), params(PassChangesQuery, PageParams), responses(
    (status = 200, body = List<PassChangeView>, description = "One page of the list; empty if no pass has this id"),
))]
async fn list_pass_changes(
    app: App,
    _staff: Staff,
    Query(query): Query<PassChangesQuery>,
    page: Page,
) -> Result<Json<List<PassChangeView>>> {
    passes::list_changes(&app, query, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
