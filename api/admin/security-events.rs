//! GET /api/admin/security-events — the security log of all accounts.

use sabor::admin::security_events;
use sabor::admin::security_events::{Search, Shown};
use sabor::http::{Admin, Json, List, PageParams, Query};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_security_events]
}

/// Lists security events, newest first. Events are sign-ins, failed attempts,
/// lockouts, and changes of passwords, roles and sessions.
#[utoipa::path(get, path = "/api/admin/security-events", tag = "administration", security(("session" = [])), params(Search, PageParams), responses(
    (status = 200, body = List<Shown>, description = "One page of the list"),
))]
async fn list_security_events(
    app: App,
    _admin: Admin,
    Query(search): Query<Search>,
    page: Page,
) -> Result<Json<List<Shown>>> {
    security_events::list(&app, search, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
