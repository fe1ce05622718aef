//! GET, POST /api/admin/cleanup-sessions — remove what has expired, archive what is old, send what is due.

use sabor::cleanup::{self, Cleaned, Details};
use sabor::http::{Cron, Json, OpenInDevelopment};
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CleanupResult {
    /// Whether every step did its work.
    success: bool,
    /// For people, such as `Cleaned up 15 expired sessions`.
    message: String,
    /// Sessions.
    deleted_count: u64,
    /// Whatever else.
    details: Details,
    /// Time ran out, or something is away; the next run does the rest.
    remaining: bool,
}

impl From<Cleaned> for CleanupResult {
    fn from(cleaned: Cleaned) -> Self {
        Self {
            success: cleaned.failed.is_empty(),
            message: format!("Cleaned up {} expired sessions", cleaned.sessions),
            deleted_count: cleaned.sessions,
            remaining: cleaned.remaining,
            details: cleaned.into(),
        }
    }
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![run_scheduled_cleanup, run_cleanup]
}

/// As Vercel Cron calls it: once, twice, late, or not at all.
#[utoipa::path(get, path = "/api/admin/cleanup-sessions", tag = "operations", security(("cron" = [])), responses(
    (status = 200, body = CleanupResult, description = "What was removed"),
))]
async fn run_scheduled_cleanup(
    app: App,
    _cron: OpenInDevelopment<Cron>,
) -> Result<Json<CleanupResult>> {
    Ok(Json(cleanup::run(&app).await?.into()))
}

/// As an administrator calls it, or a script with the secret.
#[utoipa::path(post, path = "/api/admin/cleanup-sessions", tag = "operations", security(("cron" = []), ("session" = [])), responses(
    (status = 200, body = CleanupResult, description = "What was removed"),
))]
async fn run_cleanup(app: App, _cron: OpenInDevelopment<Cron>) -> Result<Json<CleanupResult>> {
    Ok(Json(cleanup::run(&app).await?.into()))
}

fn main() -> Exit {
    serve(route())
}
