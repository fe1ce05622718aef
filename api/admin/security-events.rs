//! GET /api/admin/security-events — the security log of all accounts.

use sabor::admin::security_events;
use sabor::admin::security_events::{SecurityEventQuery, SecurityEventView};
use sabor::http::{Admin, Json, List, PageParams, Query};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_security_events]
}

/// Lists security events, newest first. Examples are sign-ins, failed attempts,
/// password changes, ended sessions and staff actions.
#[utoipa::path(get, path = "/api/admin/security-events", tag = "administration", security(("session" = [])), params(SecurityEventQuery, PageParams), responses(
    (status = 200, body = List<SecurityEventView>, description = "One page of the list"),
))]
async fn list_security_events(
    app: App,
    _admin: Admin,
    Query(query): Query<SecurityEventQuery>,
    page: Page,
) -> Result<Json<List<SecurityEventView>>> {
    security_events::list(&app, query, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
