//! GET /api/admin/events — what happens to the classes of a day, as a list or a stream.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use sabor::http::{Json, List, PageParams, Query, Staff, accepts};
use sabor::notify::staff_events;
use sabor::notify::staff_events::{StaffEventView, StaffEventsQuery};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_staff_events]
}

/// Lists the events about the classes of a day, newest first, or streams them. Events are kept
/// for two days. There are none about a class that started more than two days before. With
/// `Accept: text/event-stream` the response streams new events, or all events after
/// `Last-Event-ID`, as server-sent events. A page that opens the stream before it reads the
/// roster misses nothing. A stream ends after less than a minute, and browsers reconnect
/// automatically. A member of staff can have five streams at a time. A sixth stream ends at
/// once, and the browser reconnects after half a minute.
///
/// The name of a server-sent event is the `kind` in its data. When the session of the stream
/// ends, or its member is no longer staff, the last event is an `access_ended` without an id,
/// with the data `{}`.
#[utoipa::path(get, path = "/api/admin/events", tag = "administration", security(("session" = [])), params(StaffEventsQuery, PageParams, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received; the stream starts after it")), responses(
    (status = 200, content((List<StaffEventView> = "application/json"), (String = "text/event-stream")), description = "One page of the list, or the stream"),
))]
async fn list_staff_events(
    app: App,
    Staff(staff): Staff,
    Query(query): Query<StaffEventsQuery>,
    page: Page,
    headers: HeaderMap,
) -> Result<Response> {
    if accepts(&headers, "text/event-stream") {
        return staff_events::stream(&app, &staff, &query, &headers).await;
    }
    let list = staff_events::list(&app, &query, page).await?;
    Ok(Json(list).into_response())
}

fn main() -> Exit {
    serve(route())
}
