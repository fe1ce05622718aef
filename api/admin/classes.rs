//! GET, POST, PATCH, DELETE /api/admin/classes — the class types that the studio offers.

use sabor::classes::catalogue::class_types;
use sabor::classes::catalogue::class_types::{Change, Entry};
use sabor::classes::catalogue::{Activity, Retirement, Wanted};
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::models::class_type::ShownToStaff;
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![
        list_all_class_types,
        create_class_type,
        update_class_type,
        retire_class_type
    ]
}

/// Lists all class types, newest first. Retired ones are included.
#[utoipa::path(get, path = "/api/admin/classes", tag = "administration", security(("session" = [])), params(Activity, PageParams), responses(
    (status = 200, body = List<ShownToStaff>, description = "One page of the list"),
))]
async fn list_all_class_types(
    app: App,
    _staff: Staff,
    Query(activity): Query<Activity>,
    page: Page,
) -> Result<Json<List<ShownToStaff>>> {
    class_types::list(&app, activity, page).await.map(Json)
}

/// Creates a class type.
#[utoipa::path(post, path = "/api/admin/classes", tag = "administration", security(("session" = [])), request_body = Entry, responses(
    (status = 201, body = ShownToStaff, description = "The new class type"),
    (status = 409, description = "`class_type_exists`: another class type has this name"),
))]
async fn create_class_type(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Json(entry): Json<Entry>,
) -> Result<Created<ShownToStaff>> {
    let entered = class_types::enter(&app, &client, &staff, entry);
    entered.await.map(Created)
}

/// Updates a class type. Fields that are left out keep their values, and `null`
/// clears an optional field.
#[utoipa::path(patch, path = "/api/admin/classes", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = ShownToStaff, description = "The updated class type"),
    (status = 404, description = "`not_found`: no class type has this id"),
    (status = 409, description = "`class_type_exists`: another class type has this name"),
))]
async fn update_class_type(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Json(change): Json<Change>,
) -> Result<Json<ShownToStaff>> {
    let changed = class_types::change(&app, &client, &staff, change);
    changed.await.map(Json)
}

/// Retires a class type. Nothing is deleted: the response counts the weekly classes and
/// occurrences that still refer to the class type.
#[utoipa::path(delete, path = "/api/admin/classes", tag = "administration", security(("session" = [])), params(Wanted), responses(
    (status = 200, body = Retirement, description = "The class type is retired"),
    (status = 404, description = "`not_found`: no class type has this id"),
))]
async fn retire_class_type(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Retirement>> {
    let retired = class_types::retire(&app, &client, &staff, wanted);
    retired.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
