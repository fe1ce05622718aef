//! GET /api/classes/occurrence — one class.

use sabor::classes::catalog::query::IdQuery;
use sabor::classes::public_schedule;
use sabor::classes::public_schedule::OccurrenceView;
use sabor::http::{CacheableResponse, IfNoneMatchParams, Query, Representation};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_occurrence]
}

/// Returns a class, even if it is over or cancelled, so that a shared link stays valid.
#[utoipa::path(get, path = "/api/classes/occurrence", tag = "classes", params(IdQuery, IfNoneMatchParams), responses(
    (status = 200, content((OccurrenceView = "application/json"), (String = "text/html")), description = "The class, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
    (status = 404, description = "`not_found`: no class has this id. A browser gets a page"),
))]
async fn get_occurrence(
    app: App,
    Query(query): Query<IdQuery>,
    representation: Representation,
) -> Result<CacheableResponse> {
    public_schedule::find(&app, query, representation).await
}

fn main() -> Exit {
    serve(route())
}
