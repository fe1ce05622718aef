//! GET /api/classes/schedule — the public schedule.

use axum::http::HeaderMap;
use sabor::classes::public_schedule;
use sabor::classes::public_schedule::{OccurrenceView, ScheduleQuery};
use sabor::http::{
    CacheableResponse, IfNoneMatchParams, List, PageParams, Query, Representation, accepts,
};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_schedule]
}

/// Lists classes ordered by start time, including cancelled ones. The
/// default range is the two weeks that start today. With `Accept: text/calendar`, the
/// response is iCalendar and has all days of the range on one page.
///
/// If a class is moved to an earlier time while a caller reads page by page, the
/// next page starts with that class, even if it was on an earlier page. Such
/// classes are returned in addition to `limit` entries. If a class is returned
/// twice, the entry that was returned last is the current one.
#[utoipa::path(get, path = "/api/classes/schedule", tag = "classes", params(ScheduleQuery, PageParams, IfNoneMatchParams), responses(
    (status = 200, content((List<OccurrenceView> = "application/json"), (String = "text/html"), (String = "text/calendar")), description = "One page of the list, or the whole range as iCalendar, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
))]
async fn list_schedule(
    app: App,
    Query(query): Query<ScheduleQuery>,
    page: Page,
    headers: HeaderMap,
    representation: Representation,
) -> Result<CacheableResponse> {
    if accepts(&headers, "text/calendar") {
        return public_schedule::calendar(&app, query).await;
    }
    public_schedule::list(&app, query, page, representation).await
}

fn main() -> Exit {
    serve(route())
}
