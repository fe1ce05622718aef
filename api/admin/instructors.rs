//! GET, POST, PATCH, DELETE /api/admin/instructors — who teaches.

use sabor::classes::catalogue::instructors;
use sabor::classes::catalogue::instructors::{Change, Entry};
use sabor::classes::catalogue::{Activity, Retirement, Wanted};
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::models::instructor::ShownToStaff;
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![
        list_instructors,
        create_instructor,
        update_instructor,
        retire_instructor
    ]
}

/// Newest first, retired ones too, with what they earn.
#[utoipa::path(get, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), params(Activity, PageParams), responses(
    (status = 200, body = List<ShownToStaff>, description = "A page of them"),
    (status = 400, description = "No such limit or cursor, or `active` is neither true nor false"),
))]
async fn list_instructors(
    app: App,
    _staff: Staff,
    Query(activity): Query<Activity>,
    page: Page,
) -> Result<Json<List<ShownToStaff>>> {
    instructors::list(&app, activity, page).await.map(Json)
}

/// Enters one.
#[utoipa::path(post, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), request_body = Entry, responses(
    (status = 201, body = ShownToStaff, description = "Entered"),
))]
async fn create_instructor(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Json(entry): Json<Entry>,
) -> Result<Created<ShownToStaff>> {
    let entered = instructors::enter(&app, &client, &staff, entry);
    entered.await.map(Created)
}

/// Changes what is given and leaves the rest; `null` empties a field that may
/// be empty.
#[utoipa::path(patch, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = ShownToStaff, description = "As it is now"),
    (status = 404, description = "There is no such instructor"),
))]
async fn update_instructor(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Json(change): Json<Change>,
) -> Result<Json<ShownToStaff>> {
    let changed = instructors::change(&app, &client, &staff, change);
    changed.await.map(Json)
}

/// Retires one; nothing is deleted. What is in the timetable stays there, and
/// is counted.
#[utoipa::path(delete, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), params(Wanted), responses(
    (status = 200, body = Retirement, description = "Retired, now or before"),
    (status = 400, description = "No id"),
    (status = 404, description = "There is no such instructor"),
))]
async fn retire_instructor(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Retirement>> {
    let retired = instructors::retire(&app, &client, &staff, wanted);
    retired.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
