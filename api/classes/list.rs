//! GET /api/classes/list — the class types that the studio offers.

use sabor::classes::catalog;
use sabor::classes::catalog::query::CatalogQuery;
use sabor::classes::catalog::view::ClassTypeView;
use sabor::http::{CacheableResponse, IfNoneMatchParams, List, PageParams, Query, Representation};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_class_types]
}

/// Lists class types, newest first. Retired ones are left out.
#[utoipa::path(get, path = "/api/classes/list", tag = "classes", params(CatalogQuery, PageParams, IfNoneMatchParams), responses(
    (status = 200, content((List<ClassTypeView> = "application/json"), (String = "text/html")), description = "One page of the list, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
))]
async fn list_class_types(
    app: App,
    Query(query): Query<CatalogQuery>,
    page: Page,
    representation: Representation,
) -> Result<CacheableResponse> {
    catalog::list(&app, query, page, representation).await
}

fn main() -> Exit {
    serve(route())
}
