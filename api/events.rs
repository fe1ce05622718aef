//! GET /api/events — what concerns the member, as a list or as it happens.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use sabor::http::{Json, List, Member, PageParams, accepts};
use sabor::models::member_event::{self, MemberEvent, Shown};
use sabor::notify::events;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_events]
}

/// With `Accept: text/event-stream` the events from now on, or from the one
/// after `Last-Event-ID`, as server-sent events; they end after less than a
/// minute, and a browser comes back by itself. A member's sixth stream at a time
/// ends at once, and the browser comes back in half a minute. Else a list,
/// newest first.
///
/// A failure is final for a browser's `EventSource`: after a 503 the page has to
/// come back by itself, with a new one.
#[utoipa::path(get, path = "/api/events", tag = "events", security(("session" = [])), params(PageParams, ("Last-Event-ID" = Option<String>, Header, description = "Of the last event that was heard; those after it follow")), responses(
    (status = 200, content((List<Shown> = "application/json"), (String = "text/event-stream")), description = "A page of them, or the stream"),
    (status = 400, description = "No such limit, cursor or `Last-Event-ID`"),
))]
async fn list_events(app: App, member: Member, page: Page, headers: HeaderMap) -> Result<Response> {
    if accepts(&headers, "text/event-stream") {
        return events::stream(&app, &member, &headers).await;
    }
    let client = app.db().client().await?;
    let rows = member_event::list(&client, member.user.id, &page).await?;
    let list = List::new(rows, page, MemberEvent::place, Shown::from);
    Ok(Json(list).into_response())
}

fn main() -> Exit {
    serve(route())
}
