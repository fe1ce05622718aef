//! GET /api/shop/courses — the courses that can be bought, with their classes.

use sabor::http::{Json, List, PageParams};
use sabor::shop::courses;
use sabor::shop::courses::CourseView;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_courses]
}

/// Lists the courses that have upcoming classes, newest first. A course is bought like any product,
/// with `POST /api/shop/order`. The member then has a spot in each upcoming class.
#[utoipa::path(get, path = "/api/shop/courses", tag = "shop", params(PageParams), responses(
    (status = 200, body = List<CourseView>, description = "One page of the list"),
))]
async fn list_courses(app: App, page: Page) -> Result<Json<List<CourseView>>> {
    courses::list(&app, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
