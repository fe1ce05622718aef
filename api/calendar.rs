//! GET /api/calendar — a member's classes, for their calendar program.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use sabor::http::Query;
use sabor::values::ical;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Feed {
    /// As `/api/calendar/token` made it. Programs that read calendars send no
    /// cookie, so it stands in the address.
    #[param(required)]
    token: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_calendar]
}

/// The member's bookings of classes from 90 days ago on, as iCalendar; what
/// was cancelled stays in it, and says so.
#[utoipa::path(get, path = "/api/calendar", tag = "calendar", params(Feed), responses(
    (status = 200, body = String, content_type = "text/calendar", description = "In the studio's time zone, which is described in it"),
    (status = 400, description = "No token"),
    (status = 404, description = "No feed has this token, or no longer"),
))]
async fn get_calendar(app: App, Query(feed): Query<Feed>) -> Result<impl IntoResponse> {
    let no_token = || Error::field("token", "must be given");
    let text = ical::feed(&app, &feed.token.ok_or_else(no_token)?).await?;
    let headers = [
        (CONTENT_TYPE, ical::CONTENT_TYPE),
        (CONTENT_DISPOSITION, "inline; filename=\"sabor.ics\""),
    ];
    Ok((headers, text))
}

fn main() -> Exit {
    serve(route())
}
