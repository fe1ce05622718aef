//! GET /api/teaching/classes — the instructor's own classes.

use sabor::bookings::teaching;
use sabor::bookings::teaching::{TaughtClassView, TeachingQuery};
use sabor::http::{Instructor, Json, List, PageParams, Query};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_taught_classes]
}

/// Lists the classes of the instructor, earliest first, also those that they teach as a
/// substitute. Cancelled classes are included.
#[utoipa::path(get, path = "/api/teaching/classes", tag = "teaching", security(("session" = [])), params(TeachingQuery, PageParams), responses(
    (status = 200, body = List<TaughtClassView>, description = "One page of the list"),
))]
async fn list_taught_classes(
    app: App,
    instructor: Instructor,
    Query(query): Query<TeachingQuery>,
    page: Page,
) -> Result<Json<List<TaughtClassView>>> {
    let classes = teaching::classes(&app, &instructor, &query, page);
    classes.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
