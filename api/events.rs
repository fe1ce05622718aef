//! GET /api/events — the member's events, as a list or a stream.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use sabor::http::{Json, List, Member, PageParams, accepts};
use sabor::notify::events;
use sabor::notify::events::MemberEventView;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_events]
}

/// Lists the member's events, newest first, or streams them. With `Accept:
/// text/event-stream` the response streams new events, or all events after
/// `Last-Event-ID`, as server-sent events. A stream ends after less than a
/// minute, and browsers reconnect automatically. A member can have five streams
/// at a time. A sixth stream ends at once, and the browser reconnects after half
/// a minute.
///
/// The name of a server-sent event is the `kind` in its data. When the session of the
/// stream ends, the last event is a `session_ended` without an id, with the data
/// `{"current": true}`.
///
/// A failed request closes a browser's `EventSource`. After a 503 the page has
/// to create a new one.
#[utoipa::path(get, path = "/api/events", tag = "events", security(("session" = [])), params(PageParams, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received; the stream starts after it")), responses(
    (status = 200, content((List<MemberEventView> = "application/json"), (String = "text/event-stream")), description = "One page of the list, or the stream"),
))]
async fn list_events(app: App, member: Member, page: Page, headers: HeaderMap) -> Result<Response> {
    if accepts(&headers, "text/event-stream") {
        return events::stream(&app, &member, &headers).await;
    }
    let list = events::list(&app, &member, page).await?;
    Ok(Json(list).into_response())
}

fn main() -> Exit {
    serve(route())
}
