//! POST /api/admin/init-db — apply pending migrations.

use sabor::http::{Cron, Json, OpenInDevelopment};
use sabor::store::{migrations, postgres};
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct MigrationResult {
    success: bool,
    /// What this call applied, in order; nothing when all had been.
    applied: Vec<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![apply_migrations]
}

/// Creates the schema on a new database. Called by several at once, each
/// migration is applied once.
#[utoipa::path(post, path = "/api/admin/init-db", tag = "operations", security(("cron" = []), ("session" = [])), responses(
    (status = 200, body = MigrationResult, description = "The schema is up to date"),
))]
async fn apply_migrations(
    app: App,
    _cron: OpenInDevelopment<Cron>,
) -> Result<Json<MigrationResult>> {
    let mut client = postgres::connect_direct(app.config()).await?;
    let applied = migrations::up(&mut client).await?;
    Ok(Json(MigrationResult {
        success: true,
        applied,
    }))
}

fn main() -> Exit {
    serve(route())
}
