//! GET /api/classes/schedule — the timetable, day by day.

use axum::http::HeaderMap;
use sabor::classes::public_schedule;
use sabor::classes::public_schedule::Days;
use sabor::http::{CopyParams, List, PageParams, Public, Query, accepts};
use sabor::models::occurrence::Shown;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_schedule]
}

/// Classes in the order of their start, cancelled ones too. Two weeks from
/// today, unless other days are asked for. With `Accept: text/calendar` all of
/// those days as iCalendar.
#[utoipa::path(get, path = "/api/classes/schedule", tag = "classes", params(Days, PageParams, CopyParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them; it has an `ETag`"),
    (status = 304, description = "As in the answer whose `ETag` was given"),
    (status = 400, description = "No such day, time zone, id, limit or cursor; or more than 92 days"),
))]
async fn list_schedule(
    app: App,
    Query(days): Query<Days>,
    page: Page,
    headers: HeaderMap,
) -> Result<Public> {
    if accepts(&headers, "text/calendar") {
        return public_schedule::calendar(&app, days).await;
    }
    public_schedule::show(&app, days, page).await
}

fn main() -> Exit {
    serve(route())
}
