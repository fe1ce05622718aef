//! GET, POST, PATCH, DELETE /api/admin/classes — the class types that the studio offers.

use sabor::classes::catalog::class_types;
use sabor::classes::catalog::class_types::{CreateClassType, UpdateClassType};
use sabor::classes::catalog::maintenance::{ActiveQuery, RetirementView};
use sabor::classes::catalog::query::IdQuery;
use sabor::classes::catalog::view::StaffClassTypeView;
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
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

/// Lists class types, newest first. By default, retired ones are included.
#[utoipa::path(get, path = "/api/admin/classes", tag = "administration", security(("session" = [])), params(ActiveQuery, PageParams), responses(
    (status = 200, body = List<StaffClassTypeView>, description = "One page of the list"),
))]
async fn list_all_class_types(
    app: App,
    _staff: Staff,
    Query(query): Query<ActiveQuery>,
    page: Page,
) -> Result<Json<List<StaffClassTypeView>>> {
    class_types::list(&app, query, page).await.map(Json)
}

/// Creates a class type.
#[utoipa::path(post, path = "/api/admin/classes", tag = "administration", security(("session" = [])), request_body = CreateClassType, responses(
    (status = 201, body = StaffClassTypeView, description = "The new class type"),
    (status = 409, description = "`class_type_exists`: another class type has this name"),
))]
async fn create_class_type(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreateClassType>,
) -> Result<Created<StaffClassTypeView>> {
    let created = class_types::create(&app, &caller, &staff, form);
    created.await.map(Created)
}

/// Updates a class type. Fields that are left out keep their values, and `null`
/// clears an optional field.
#[utoipa::path(patch, path = "/api/admin/classes", tag = "administration", security(("session" = [])), request_body = UpdateClassType, responses(
    (status = 200, body = StaffClassTypeView, description = "The updated class type"),
    (status = 404, description = "`not_found`: no class type has this id"),
    (status = 409, description = "`class_type_exists`: another class type has this name"),
))]
async fn update_class_type(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateClassType>,
) -> Result<Json<StaffClassTypeView>> {
    let updated = class_types::update(&app, &caller, &staff, form);
    updated.await.map(Json)
}

/// Retires a class type without deleting it. The response counts the active weekly
/// classes and the upcoming occurrences that still refer to it.
#[utoipa::path(delete, path = "/api/admin/classes", tag = "administration", security(("session" = [])), params(IdQuery), responses(
    (status = 200, body = RetirementView, description = "The class type is retired"),
    (status = 404, description = "`not_found`: no class type has this id"),
))]
async fn retire_class_type(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Query(query): Query<IdQuery>,
) -> Result<Json<RetirementView>> {
    let retired = class_types::retire(&app, &caller, &staff, query);
    retired.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
