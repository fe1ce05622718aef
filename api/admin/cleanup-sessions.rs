//! GET, POST /api/admin/cleanup-sessions — runs the clean-up, which also settles payments and
//! sends e-mails.

use sabor::cleanup::{self, CleanupResult};
use sabor::http::{Cron, CronOrAdmin, Json, OpenInDevelopment};
use sabor::{App, Exit, Result, Routes, routes, serve};

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
    cleanup::run(&app).await.map(Json)
}

/// Runs the clean-up for an administrator, or for a script that has the cron
/// secret.
#[utoipa::path(post, path = "/api/admin/cleanup-sessions", tag = "operations", security(("cron" = []), ("session" = [])), responses(
    (status = 200, body = CleanupResult, description = "What was cleaned up"),
))]
async fn run_cleanup(
    app: App,
    _caller: OpenInDevelopment<CronOrAdmin>,
) -> Result<Json<CleanupResult>> {
    cleanup::run(&app).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
