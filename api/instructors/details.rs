//! GET /api/instructors/details — an instructor and their next classes.

use sabor::classes::catalog;
use sabor::classes::catalog::query::IdQuery;
use sabor::classes::catalog::view::InstructorDetails;
use sabor::http::{CacheableResponse, IfNoneMatchParams, Query, Representation};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_instructor]
}

/// Returns an instructor and their next twenty classes.
#[utoipa::path(get, path = "/api/instructors/details", tag = "classes", params(IdQuery, IfNoneMatchParams), responses(
    (status = 200, content((InstructorDetails = "application/json"), (String = "text/html")), description = "The instructor, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
    (status = 404, description = "`not_found`: no instructor has this id, or they are retired. A browser gets a page"),
))]
async fn get_instructor(
    app: App,
    Query(query): Query<IdQuery>,
    representation: Representation,
) -> Result<CacheableResponse> {
    catalog::instructor_details(&app, query, representation).await
}

fn main() -> Exit {
    serve(route())
}
