//! GET, DELETE /api/session/sessions — the sessions of all users.

use sabor::admin::security_events;
use sabor::http::{Admin, Json, List, OpenInDevelopment, PageParams};
use sabor::models::security_event::SecurityEventKind;
use sabor::session::{AdminSessionView, ListedSession, SessionStatistics};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AllSessions {
    statistics: SessionStatistics,
    #[serde(flatten)]
    list: List<AdminSessionView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EndAllSessionsResult {
    success: bool,
    deleted_count: usize,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_all_sessions, end_all_sessions]
}

/// Lists all sessions that have not expired, newest first. The statistics also count expired
/// ones that the clean-up has not deleted yet.
#[utoipa::path(get, path = "/api/session/sessions", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = AllSessions, description = "One page of the list"),
))]
async fn list_all_sessions(
    app: App,
    OpenInDevelopment(admin): OpenInDevelopment<Admin>,
    page: Page,
) -> Result<Json<AllSessions>> {
    let statistics = app.sessions().statistics().await?;
    let rows = app.sessions().all(page).await?;
    let current_id = admin.map_or(Uuid::nil(), |Admin(member)| {
        member.active_session.session.id
    });
    let list = List::new(rows, page, ListedSession::position, |row| {
        row.admin_view(current_id)
    });
    Ok(Json(AllSessions { statistics, list }))
}

/// Ends all sessions, including the caller's.
#[utoipa::path(delete, path = "/api/session/sessions", tag = "administration", security(("session" = [])), responses(
    (status = 200, body = EndAllSessionsResult, description = "All sessions have ended"),
))]
async fn end_all_sessions(
    app: App,
    caller: Caller,
    OpenInDevelopment(admin): OpenInDevelopment<Admin>,
) -> Result<Json<EndAllSessionsResult>> {
    let caller_session_key = admin
        .as_ref()
        .map(|Admin(member)| member.key())
        .transpose()?;
    let deleted_count = app.sessions().clear(caller_session_key).await?;
    let user_id = admin.map(|Admin(member)| member.user.id);
    security_events::record(&app, SecurityEventKind::SessionsCleared, user_id, &caller);
    Ok(Json(EndAllSessionsResult {
        success: true,
        deleted_count,
    }))
}

fn main() -> Exit {
    serve(route())
}
