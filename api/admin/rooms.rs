//! GET, POST, PATCH, DELETE /api/admin/rooms — the rooms in which classes take place.

use sabor::classes::catalog::maintenance::{ActiveQuery, RetirementView};
use sabor::classes::catalog::query::IdQuery;
use sabor::classes::catalog::rooms;
use sabor::classes::catalog::rooms::{CreateRoom, RoomView, UpdateRoom};
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_rooms, create_room, update_room, retire_room]
}

/// Lists rooms, newest first. By default, retired ones are included.
#[utoipa::path(get, path = "/api/admin/rooms", tag = "administration", security(("session" = [])), params(ActiveQuery, PageParams), responses(
    (status = 200, body = List<RoomView>, description = "One page of the list"),
))]
async fn list_rooms(
    app: App,
    _staff: Staff,
    Query(query): Query<ActiveQuery>,
    page: Page,
) -> Result<Json<List<RoomView>>> {
    rooms::list(&app, query, page).await.map(Json)
}

/// Creates a room.
#[utoipa::path(post, path = "/api/admin/rooms", tag = "administration", security(("session" = [])), request_body = CreateRoom, responses(
    (status = 201, body = RoomView, description = "The new room"),
    (status = 409, description = "`room_exists`: another room has the same name; case and spaces are not compared"),
))]
async fn create_room(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreateRoom>,
) -> Result<Created<RoomView>> {
    let created = rooms::create(&app, &caller, &staff, form);
    created.await.map(Created)
}

/// Updates a room. Fields that are left out keep their values. All classes in the room
/// show its new name.
#[utoipa::path(patch, path = "/api/admin/rooms", tag = "administration", security(("session" = [])), request_body = UpdateRoom, responses(
    (status = 200, body = RoomView, description = "The updated room"),
    (status = 404, description = "`not_found`: no room has this id"),
    (status = 409, description = "`room_exists`: another room has the same name; case and spaces are not compared"),
))]
async fn update_room(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateRoom>,
) -> Result<Json<RoomView>> {
    let updated = rooms::update(&app, &caller, &staff, form);
    updated.await.map(Json)
}

/// Retires a room without deleting it. The response counts the active weekly classes, and
/// the upcoming occurrences that are not cancelled, that are still in it.
#[utoipa::path(delete, path = "/api/admin/rooms", tag = "administration", security(("session" = [])), params(IdQuery), responses(
    (status = 200, body = RetirementView, description = "The room is retired"),
    (status = 404, description = "`not_found`: no room has this id"),
))]
async fn retire_room(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Query(query): Query<IdQuery>,
) -> Result<Json<RetirementView>> {
    let retired = rooms::retire(&app, &caller, &staff, query);
    retired.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
