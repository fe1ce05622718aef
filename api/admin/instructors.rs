//! GET, POST, PATCH, DELETE /api/admin/instructors — the people who teach.

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

/// Lists all instructors, newest first. Retired ones are included, and so are
/// hourly rates.
#[utoipa::path(get, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), params(Activity, PageParams), responses(
    (status = 200, body = List<ShownToStaff>, description = "One page of the list"),
))]
async fn list_instructors(
    app: App,
    _staff: Staff,
    Query(activity): Query<Activity>,
    page: Page,
) -> Result<Json<List<ShownToStaff>>> {
    instructors::list(&app, activity, page).await.map(Json)
}

/// Creates an instructor.
#[utoipa::path(post, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), request_body = Entry, responses(
    (status = 201, body = ShownToStaff, description = "The new instructor"),
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

/// Updates an instructor. Fields that are left out keep their values, and
/// `null` clears an optional field.
#[utoipa::path(patch, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = ShownToStaff, description = "The updated instructor"),
    (status = 404, description = "`not_found`: no instructor has this id"),
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

/// Retires an instructor. Nothing is deleted: the response counts the weekly classes and
/// occurrences that still refer to the instructor.
#[utoipa::path(delete, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), params(Wanted), responses(
    (status = 200, body = Retirement, description = "The instructor is retired"),
    (status = 404, description = "`not_found`: no instructor has this id"),
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
