//! GET /api/calendar — a member's classes as an iCalendar feed.

use axum::http::header::CONTENT_DISPOSITION;
use axum::response::IntoResponse;
use sabor::bookings::calendar::feed::render_feed;
use sabor::http::{CacheableResponse, Freshness, IfNoneMatchParams, Query};
use sabor::values::ical;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CalendarQuery {
    /// The token from `/api/calendar/token`. It is part of the URL because calendar
    /// programs send no cookies.
    #[param(required)]
    token: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    // People add a parameter so that their calendar service does not answer from its cache.
    routes![get_calendar].with_other_query_params()
}

/// Returns the member's bookings as iCalendar, starting 90 days ago. Cancelled
/// bookings stay in the feed and are marked as cancelled.
#[utoipa::path(get, path = "/api/calendar", tag = "calendar", params(CalendarQuery, IfNoneMatchParams), responses(
    (status = 200, body = String, content_type = "text/calendar", description = "The calendar, in the studio's time zone"),
    (status = 304, description = "The calendar that the caller has is current"),
    (status = 404, description = "`not_found`: no feed has this token, or its member's account is deactivated or has no confirmed address"),
))]
async fn get_calendar(app: App, Query(query): Query<CalendarQuery>) -> Result<impl IntoResponse> {
    let missing_token = || Error::field("token", "must be given");
    let text = render_feed(&app, &query.token.ok_or_else(missing_token)?).await?;
    let calendar = CacheableResponse::text(ical::CONTENT_TYPE, text, Freshness::Private);
    let file_name = [(CONTENT_DISPOSITION, "inline; filename=\"sabor.ics\"")];
    Ok((file_name, calendar))
}

fn main() -> Exit {
    serve(route())
}
