//! GET, POST, PATCH, DELETE /api/admin/closures — days on which the studio is closed.

use sabor::classes::catalog::query::IdQuery;
use sabor::classes::timetable::closures;
use sabor::classes::timetable::closures::{
    ClosureResult, ClosureView, CreateClosure, UpdateClosure,
};
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![
        list_closures,
        create_closure,
        update_closure,
        delete_closure
    ]
}

/// Lists closures, newest first.
#[utoipa::path(get, path = "/api/admin/closures", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<ClosureView>, description = "One page of the list"),
))]
async fn list_closures(app: App, _staff: Staff, page: Page) -> Result<Json<List<ClosureView>>> {
    closures::list(&app, page).await.map(Json)
}

/// Creates a closure. No occurrence can be created on its days, and `cancelClasses` cancels
/// the upcoming ones that exist. `preview` returns what would change.
#[utoipa::path(post, path = "/api/admin/closures", tag = "administration", security(("session" = [])), request_body = CreateClosure, responses(
    (status = 201, body = ClosureResult, description = "The new closure. With `preview`, nothing was created"),
))]
async fn create_closure(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreateClosure>,
) -> Result<Created<ClosureResult>> {
    let created = closures::create(&app, &caller, &staff, form);
    created.await.map(Created)
}

/// Updates a closure. `cancelClasses` cancels the upcoming occurrences on its days. On days
/// that are no longer part of it, occurrences are generated again by the next clean-up, except
/// for those that were cancelled. `preview` returns what would change.
#[utoipa::path(patch, path = "/api/admin/closures", tag = "administration", security(("session" = [])), request_body = UpdateClosure, responses(
    (status = 200, body = ClosureResult, description = "The updated closure. With `preview`, nothing was changed"),
    (status = 404, description = "`not_found`: no closure has this id"),
))]
async fn update_closure(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateClosure>,
) -> Result<Json<ClosureResult>> {
    let updated = closures::update(&app, &caller, &staff, form);
    updated.await.map(Json)
}

/// Deletes a closure. Occurrences that were cancelled stay cancelled.
#[utoipa::path(delete, path = "/api/admin/closures", tag = "administration", security(("session" = [])), params(IdQuery), responses(
    (status = 200, body = ClosureView, description = "The deleted closure"),
    (status = 404, description = "`not_found`: no closure has this id"),
))]
async fn delete_closure(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Query(query): Query<IdQuery>,
) -> Result<Json<ClosureView>> {
    let deleted = closures::delete(&app, &caller, &staff, query);
    deleted.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
