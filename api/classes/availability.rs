//! GET /api/classes/availability — free spots in several classes.

use sabor::classes::public_schedule;
use sabor::classes::public_schedule::{AvailabilityQuery, AvailabilityView};
use sabor::http::{CacheableResponse, IfNoneMatchParams, List, Query};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_availability]
}

/// Lists the free spots of several classes, ordered by start time. Unknown ids
/// are left out. The response has all classes on one page, so `nextCursor` is
/// always null.
#[utoipa::path(get, path = "/api/classes/availability", tag = "classes", params(AvailabilityQuery, IfNoneMatchParams), responses(
    (status = 200, body = List<AvailabilityView>, description = "The availability of the classes, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
))]
async fn list_availability(
    app: App,
    Query(query): Query<AvailabilityQuery>,
) -> Result<CacheableResponse> {
    public_schedule::availability(&app, query).await
}

fn main() -> Exit {
    serve(route())
}
