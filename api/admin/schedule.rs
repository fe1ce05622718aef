//! GET, POST, PATCH, DELETE /api/admin/schedule — weekly classes and their occurrences.

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

/// Lists weekly classes, newest first. Retired ones are included.
#[utoipa::path(get, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<Shown>, description = "One page of the list"),
))]
async fn list_weekly_classes(app: App, _staff: Staff, page: Page) -> Result<Json<List<Shown>>> {
    timetable::list(&app, page).await.map(Json)
}

/// Creates a weekly class or a single occurrence, or generates the occurrences
/// of all weekly classes up to a day. Occurrences that exist are not generated
/// again.
#[utoipa::path(post, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), request_body = Entry, responses(
    (status = 201, body = Outcome, description = "What was created"),
    (status = 409, description = "`room_taken`: another class is in the room at that time. `instructor_taken`: the instructor teaches another class at that time"),
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

/// Updates a weekly class or an occurrence. Members who have booked the
/// occurrence are notified.
#[utoipa::path(patch, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = Outcome, description = "The result"),
    (status = 404, description = "`not_found`: no weekly class or occurrence has this id"),
    (status = 409, description = "`room_taken`: another class is in the room at that time. `instructor_taken`: the instructor teaches another class at that time. `places_taken`: more members have booked than the new limit allows. `class_started`, `class_cancelled`: the occurrence cannot be changed any more"),
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

/// Retires a weekly class, or cancels an occurrence. Cancelling an occurrence
/// cancels its bookings, makes their payments due for refund, and notifies the
/// members.
#[utoipa::path(delete, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), params(Removal), responses(
    (status = 200, body = Outcome, description = "The result"),
    (status = 400, description = "Exactly one of `patternId` and `occurrenceId` must be given"),
    (status = 404, description = "`not_found`: no weekly class or occurrence has this id"),
    (status = 409, description = "`class_started`: the occurrence has started. `class_cancelled`: the occurrence is already cancelled"),
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
