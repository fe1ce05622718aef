//! GET /api/admin/course-members — who is in a course, for staff.

use sabor::http::{Json, List, PageParams, Query, Staff};
use sabor::shop::courses;
use sabor::shop::courses::{CourseMemberView, CourseQuery};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_course_members]
}

/// Lists the members who have bought a course, or are paying for it, the last one first.
#[utoipa::path(get, path = "/api/admin/course-members", tag = "administration", security(("session" = [])), params(CourseQuery, PageParams), responses(
    (status = 200, body = List<CourseMemberView>, description = "One page of the list"),
    (status = 404, description = "`not_found`: no course has this id"),
))]
async fn list_course_members(
    app: App,
    _staff: Staff,
    Query(query): Query<CourseQuery>,
    page: Page,
) -> Result<Json<List<CourseMemberView>>> {
    courses::list_members(&app, query, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
