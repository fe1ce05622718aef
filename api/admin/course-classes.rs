//! GET, PUT /api/admin/course-classes — a course and its classes, for staff.

use sabor::http::{Json, Query, Staff};
use sabor::shop::courses;
use sabor::shop::courses::{CourseQuery, SetCourseClasses, StaffCourseView};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_course, set_course_classes]
}

/// Returns a course with its classes, even if it is retired.
#[utoipa::path(get, path = "/api/admin/course-classes", tag = "administration", security(("session" = [])), params(CourseQuery), responses(
    (status = 200, body = StaffCourseView, description = "The course"),
    (status = 404, description = "`not_found`: no course has this id"),
))]
async fn get_course(
    app: App,
    _staff: Staff,
    Query(query): Query<CourseQuery>,
) -> Result<Json<StaffCourseView>> {
    courses::find(&app, query).await.map(Json)
}

/// Chooses the classes of a course, in place of those that it had. The price of the course is for all
/// of them.
#[utoipa::path(put, path = "/api/admin/course-classes", tag = "administration", security(("session" = [])), request_body = SetCourseClasses, responses(
    (status = 200, body = StaffCourseView, description = "The course"),
    (status = 404, description = "`not_found`: no course has this id"),
    (status = 409, description = "`course_sold`: the course is sold or is being paid for, so its classes cannot be changed"),
))]
async fn set_course_classes(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<SetCourseClasses>,
) -> Result<Json<StaffCourseView>> {
    let course = courses::set_classes(&app, &caller, &staff, form);
    course.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
