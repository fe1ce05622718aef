//! POST /api/admin/init-db — applies pending migrations.

use sabor::http::{CronOrAdmin, Json, OpenInDevelopment};
use sabor::store::{migrations, postgres};
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct MigrationResult {
    success: bool,
    /// The migrations that this call applied, in order.
    applied: Vec<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![apply_migrations]
}

/// Applies pending migrations. In a new database, this creates the schema.
/// Concurrent calls apply each migration once.
#[utoipa::path(post, path = "/api/admin/init-db", tag = "operations", security(("cron" = []), ("session" = [])), responses(
    (status = 200, body = MigrationResult, description = "The schema is up to date"),
))]
async fn apply_migrations(
    app: App,
    _caller: OpenInDevelopment<CronOrAdmin>,
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
