//! GET /api/classes/details — a class type and its next occurrences.

use sabor::classes::catalog;
use sabor::classes::catalog::query::IdQuery;
use sabor::classes::catalog::view::ClassTypeDetails;
use sabor::http::{CacheableResponse, IfNoneMatchParams, Query, Representation};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_class_type]
}

/// Returns a class type, its instructors, and its next twenty occurrences.
#[utoipa::path(get, path = "/api/classes/details", tag = "classes", params(IdQuery, IfNoneMatchParams), responses(
    (status = 200, content((ClassTypeDetails = "application/json"), (String = "text/html")), description = "The class type, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
    (status = 404, description = "`not_found`: no class type has this id, or it is retired. A browser gets a page"),
))]
async fn get_class_type(
    app: App,
    Query(query): Query<IdQuery>,
    representation: Representation,
) -> Result<CacheableResponse> {
    catalog::details(&app, query, representation).await
}

fn main() -> Exit {
    serve(route())
}
