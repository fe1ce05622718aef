//! GET, DELETE /api/sessions — the member's own sessions.

use sabor::admin::security_events;
use sabor::http::{Json, List, Member, PageParams, Query, SetCookie};
use sabor::models::security_event::SecurityEventKind;
use sabor::session::{ListedSession, SessionView};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EndSessionsQuery {
    /// `all` also ends the current session. The default is `others`.
    #[param(inline, value_type = Option<ScopeValue>)]
    scope: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only the API description uses it")]
enum ScopeValue {
    Others,
    All,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EndSessionsResult {
    success: bool,
    ended_count: usize,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_sessions, end_sessions]
}

/// Lists the sessions of the member that have not expired, newest first.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<SessionView>, description = "One page of the list"),
))]
async fn list_sessions(app: App, member: Member, page: Page) -> Result<Json<List<SessionView>>> {
    let rows = app.sessions().list(member.user.id, page).await?;
    let current_id = member.active_session.session.id;
    Ok(Json(List::new(
        rows,
        page,
        ListedSession::position,
        |row| row.view(current_id),
    )))
}

/// Ends the member's other sessions. With `scope=all`, also ends the current one.
#[utoipa::path(delete, path = "/api/sessions", tag = "sessions", security(("session" = [])), params(EndSessionsQuery), responses(
    (status = 200, body = EndSessionsResult, description = "The sessions have ended"),
))]
async fn end_sessions(
    app: App,
    caller: Caller,
    member: Member,
    Query(query): Query<EndSessionsQuery>,
) -> Result<(Option<SetCookie>, Json<EndSessionsResult>)> {
    let includes_current = match query.scope.as_deref() {
        None | Some("others") => false,
        Some("all") => true,
        Some(_) => return Err(Error::field("scope", "must be others or all")),
    };
    let ended_count = app
        .sessions()
        .delete_all_of(member.key()?, member.user.id, !includes_current)
        .await?;
    let user_id = Some(member.user.id);
    security_events::record(&app, SecurityEventKind::SessionsEnded, user_id, &caller);
    let cookie = includes_current.then(|| SetCookie::clear_session(&app));
    Ok((
        cookie,
        Json(EndSessionsResult {
            success: true,
            ended_count,
        }),
    ))
}

fn main() -> Exit {
    serve(route())
}
