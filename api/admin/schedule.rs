//! GET, POST, PATCH, DELETE /api/admin/schedule — weekly classes and their occurrences.

use sabor::classes::timetable;
use sabor::classes::timetable::view::{TimetableResult, WeeklyClassView};
use sabor::classes::timetable::{CreateTimetableEntry, RemovalQuery, UpdateTimetableEntry};
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
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
    (status = 200, body = List<WeeklyClassView>, description = "One page of the list"),
))]
async fn list_weekly_classes(
    app: App,
    _staff: Staff,
    page: Page,
) -> Result<Json<List<WeeklyClassView>>> {
    timetable::list(&app, page).await.map(Json)
}

/// Creates a weekly class or a single occurrence, or generates the occurrences
/// of all weekly classes up to a given day. Existing occurrences are not
/// generated again. `preview` returns what would be created.
#[utoipa::path(post, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), request_body = CreateTimetableEntry, responses(
    (status = 201, body = TimetableResult, description = "What was created, or what `preview` would create"),
    (status = 409, description = "`room_taken`: another class is in the room at that time. `instructor_taken`: the instructor teaches another class at that time. `studio_closed`: the day is part of a closure"),
))]
async fn create_timetable_entry(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreateTimetableEntry>,
) -> Result<Created<TimetableResult>> {
    let created = timetable::create(&app, &caller, &staff, form);
    created.await.map(Created)
}

/// Updates a weekly class with its upcoming occurrences, or a single occurrence. Members
/// who have booked are notified of a new time, room or instructor. `preview` returns what would
/// change.
#[utoipa::path(patch, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), request_body = UpdateTimetableEntry, responses(
    (status = 200, body = TimetableResult, description = "The result"),
    (status = 404, description = "`not_found`: no weekly class or occurrence has this id"),
    (status = 409, description = "`room_taken`: another class is in the room at that time. `instructor_taken`: the instructor teaches another class at that time. `places_taken`: more members have booked than the new limit allows. `class_started`, `class_cancelled`: the occurrence can no longer be changed. `studio_closed`: the new day is part of a closure"),
))]
async fn update_timetable_entry(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateTimetableEntry>,
) -> Result<Json<TimetableResult>> {
    let updated = timetable::update(&app, &caller, &staff, form);
    updated.await.map(Json)
}

/// Retires a weekly class and cancels its upcoming occurrences, or cancels a single
/// occurrence. Cancelling cancels the bookings, makes their payments due for refund, and
/// notifies the members. An occurrence that has begun can be cancelled until a day after
/// its end.
#[utoipa::path(delete, path = "/api/admin/schedule", tag = "administration", security(("session" = [])), params(RemovalQuery), responses(
    (status = 200, body = TimetableResult, description = "The result"),
    (status = 400, description = "Exactly one of `patternId` and `occurrenceId` must be given"),
    (status = 404, description = "`not_found`: no weekly class or occurrence has this id"),
    (status = 409, description = "`class_over`: the occurrence ended more than a day ago. `class_cancelled`: the occurrence is already cancelled"),
))]
async fn remove_timetable_entry(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Query(query): Query<RemovalQuery>,
) -> Result<Json<TimetableResult>> {
    let removed = timetable::remove(&app, &caller, &staff, query);
    removed.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
