//! GET, POST, PATCH, DELETE /api/admin/instructors — the instructors.

use sabor::classes::catalog::instructors;
use sabor::classes::catalog::instructors::{CreateInstructor, UpdateInstructor};
use sabor::classes::catalog::maintenance::{ActiveQuery, RetirementView};
use sabor::classes::catalog::query::IdQuery;
use sabor::classes::catalog::view::StaffInstructorView;
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![
        list_all_instructors,
        create_instructor,
        update_instructor,
        retire_instructor
    ]
}

/// Lists instructors with their hourly rates, newest first. By default, retired
/// instructors are included.
#[utoipa::path(get, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), params(ActiveQuery, PageParams), responses(
    (status = 200, body = List<StaffInstructorView>, description = "One page of the list"),
))]
async fn list_all_instructors(
    app: App,
    _staff: Staff,
    Query(query): Query<ActiveQuery>,
    page: Page,
) -> Result<Json<List<StaffInstructorView>>> {
    instructors::list(&app, query, page).await.map(Json)
}

/// Creates an instructor.
#[utoipa::path(post, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), request_body = CreateInstructor, responses(
    (status = 201, body = StaffInstructorView, description = "The new instructor"),
    (status = 409, description = "`instructor_linked`: the member of `userId` is linked to another instructor. `email_not_verified`: the member has not confirmed their e-mail address"),
))]
async fn create_instructor(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreateInstructor>,
) -> Result<Created<StaffInstructorView>> {
    let created = instructors::create(&app, &caller, &staff, form);
    created.await.map(Created)
}

/// Updates an instructor. Fields that are left out keep their values, and
/// `null` clears an optional field. `userId` links the instructor to the account of a member,
/// who then sees their own classes and rosters (`/api/teaching/`). Null unlinks it at once.
#[utoipa::path(patch, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), request_body = UpdateInstructor, responses(
    (status = 200, body = StaffInstructorView, description = "The updated instructor"),
    (status = 404, description = "`not_found`: no instructor has this id"),
    (status = 409, description = "`instructor_linked`: the member of `userId` is linked to another instructor. `email_not_verified`: the member has not confirmed their e-mail address"),
))]
async fn update_instructor(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateInstructor>,
) -> Result<Json<StaffInstructorView>> {
    let updated = instructors::update(&app, &caller, &staff, form);
    updated.await.map(Json)
}

/// Retires an instructor. Nothing is deleted: the response counts the instructor's active
/// weekly classes, and the upcoming occurrences that are not cancelled.
#[utoipa::path(delete, path = "/api/admin/instructors", tag = "administration", security(("session" = [])), params(IdQuery), responses(
    (status = 200, body = RetirementView, description = "The instructor is retired"),
    (status = 404, description = "`not_found`: no instructor has this id"),
))]
async fn retire_instructor(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Query(query): Query<IdQuery>,
) -> Result<Json<RetirementView>> {
    let retired = instructors::retire(&app, &caller, &staff, query);
    retired.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
