//! GET, POST /api/admin/cleanup-sessions — deletes expired rows, archives old ones, and sends due mail.

use sabor::cleanup::{self, Cleaned, Details};
use sabor::http::{Cron, Json, OpenInDevelopment};
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CleanupResult {
    /// Whether every step succeeded.
    success: bool,
    /// A message for people, such as `Cleaned up 15 expired sessions`.
    message: String,
    /// The number of deleted sessions.
    deleted_count: u64,
    /// The other figures.
    details: Details,
    /// Whether work is left for the next run, because time ran out or a service
    /// is unavailable.
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

/// Runs the clean-up for Vercel Cron. It is safe to run at any time and any
/// number of times.
#[utoipa::path(get, path = "/api/admin/cleanup-sessions", tag = "operations", security(("cron" = [])), responses(
    (status = 200, body = CleanupResult, description = "What was cleaned up"),
))]
async fn run_scheduled_cleanup(
    app: App,
    _cron: OpenInDevelopment<Cron>,
) -> Result<Json<CleanupResult>> {
    Ok(Json(cleanup::run(&app).await?.into()))
}

/// Runs the clean-up for an administrator, or for a script that has the cron
/// secret.
#[utoipa::path(post, path = "/api/admin/cleanup-sessions", tag = "operations", security(("cron" = []), ("session" = [])), responses(
    (status = 200, body = CleanupResult, description = "What was cleaned up"),
))]
async fn run_cleanup(app: App, _cron: OpenInDevelopment<Cron>) -> Result<Json<CleanupResult>> {
    Ok(Json(cleanup::run(&app).await?.into()))
}

fn main() -> Exit {
    serve(route())
}
