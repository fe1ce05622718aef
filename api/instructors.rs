//! GET /api/instructors — the studio's instructors.

use sabor::classes::catalog;
use sabor::classes::catalog::view::InstructorView;
use sabor::http::{CacheableResponse, IfNoneMatchParams, List, PageParams, Representation};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_instructors]
}

/// Lists the instructors, newest first. Retired ones are left out.
#[utoipa::path(get, path = "/api/instructors", tag = "classes", params(PageParams, IfNoneMatchParams), responses(
    (status = 200, content((List<InstructorView> = "application/json"), (String = "text/html")), description = "One page of the list, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
))]
async fn list_instructors(
    app: App,
    page: Page,
    representation: Representation,
) -> Result<CacheableResponse> {
    catalog::list_instructors(&app, page, representation).await
}

fn main() -> Exit {
    serve(route())
}
