//! GET, POST, PATCH, DELETE /api/admin/schedule — look after the timetable.

use sabor::classes::timetable;
use sabor::classes::timetable::{Change, Entry, Outcome, Removal};
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::models::class_schedule::Shown;
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![
        list_weekly_classes,
        create_timetable_entry,
        update_timetable_entry,
        remove_timetable_entry
    ]
}

/// The classes that come every week, newest first, retired ones too.
#[utoipa::path(get, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them"),
    (status = 400, description = "No such limit or cursor"),
))]
async fn list_weekly_classes(app: App, _staff: Staff, page: Page) -> Result<Json<List<Shown>>> {
    timetable::list(&app, page).await.map(Json)
}

/// Enters a weekly class or a class of its own, or makes the classes of all
/// weekly ones; making them twice makes nothing twice.
#[utoipa::path(post, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), request_body = Entry, responses(
    (status = 201, body = Outcome, description = "Entered, or made"),
    (status = 409, description = "`room_taken`, `instructor_taken`"),
))]
async fn create_timetable_entry(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Json(entry): Json<Entry>,
) -> Result<Created<Outcome>> {
    let entered = timetable::enter(&app, &client, &staff, entry);
    entered.await.map(Created)
}

/// Changes a weekly class, or moves a class, gives it to another instructor,
/// or changes what is told of it. Who has booked it is told.
#[utoipa::path(patch, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = Outcome, description = "Changed"),
    (status = 404, description = "There is no such pattern or class"),
    (status = 409, description = "`room_taken`, `instructor_taken`, `places_taken`, `class_started`, `class_cancelled`"),
))]
async fn update_timetable_entry(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Json(change): Json<Change>,
) -> Result<Json<Outcome>> {
    let changed = timetable::change(&app, &client, &staff, change);
    changed.await.map(Json)
}

/// Retires a weekly class, or cancels a class with all its bookings: what was
/// paid is due back, and everybody is told.
#[utoipa::path(delete, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), params(Removal), responses(
    (status = 200, body = Outcome, description = "Retired, or cancelled"),
    (status = 400, description = "Neither a pattern nor a class, or both"),
    (status = 404, description = "There is no such pattern or class"),
    (status = 409, description = "`class_started`, `class_cancelled`"),
))]
async fn remove_timetable_entry(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Query(removal): Query<Removal>,
) -> Result<Json<Outcome>> {
    let removed = timetable::remove(&app, &client, &staff, removal);
    removed.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
