//! GET /api/teaching/roster — the roster of a class of the instructor.

use sabor::bookings::teaching;
use sabor::bookings::teaching::{OwnRosterEntryView, OwnRosterQuery};
use sabor::http::{Instructor, Json, List, PageParams, Query};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_own_roster]
}

/// Lists the bookings of a class of the instructor, in the order they were made. A booking that
/// is moved to the class, or made again after a cancellation, comes last. Cancelled bookings are
/// left out.
#[utoipa::path(get, path = "/api/teaching/roster", tag = "teaching", security(("session" = [])), params(OwnRosterQuery, PageParams), responses(
    (status = 200, body = List<OwnRosterEntryView>, description = "One page of the roster"),
    (status = 404, description = "`not_found`: the instructor has no class with this id"),
))]
async fn list_own_roster(
    app: App,
    instructor: Instructor,
    Query(query): Query<OwnRosterQuery>,
    page: Page,
) -> Result<Json<List<OwnRosterEntryView>>> {
    let roster = teaching::roster(&app, &instructor, &query, page);
    roster.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
