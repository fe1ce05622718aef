//! GET, POST /api/admin/cleanup-sessions — remove what has expired.

use sabor::cleanup::{self, Cleaned};
use sabor::http::{Cron, Json, OpenInDevelopment};
use sabor::{App, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CleanUp {
    success: bool,
    /// For people, such as `Cleaned up 15 expired sessions`.
    message: String,
    /// Sessions.
    deleted_count: u64,
    /// Whatever else.
    details: Details,
    /// Time ran out; the next run does the rest.
    remaining: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Details {
    throttle: u64,
    idempotency_keys: u64,
    mail: u64,
}

impl From<Cleaned> for CleanUp {
    fn from(cleaned: Cleaned) -> Self {
        Self {
            success: true,
            message: format!("Cleaned up {} expired sessions", cleaned.sessions),
            deleted_count: cleaned.sessions,
            details: Details {
                throttle: cleaned.throttle,
                idempotency_keys: cleaned.idempotency_keys,
                mail: cleaned.mail,
            },
            remaining: cleaned.remaining,
        }
    }
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![by_cron, by_hand]
}

/// As Vercel Cron calls it: once, twice, late, or not at all.
#[utoipa::path(get, path = "/api/admin/cleanup-sessions", tag = "operations", security(("cron" = [])), responses(
    (status = 200, body = CleanUp, description = "What was removed"),
))]
async fn by_cron(app: App, _cron: OpenInDevelopment<Cron>) -> Result<Json<CleanUp>> {
    Ok(Json(cleanup::run(&app).await?.into()))
}

/// As an administrator calls it, or a script with the secret.
#[utoipa::path(post, path = "/api/admin/cleanup-sessions", tag = "operations", security(("cron" = []), ("session" = [])), responses(
    (status = 200, body = CleanUp, description = "What was removed"),
))]
async fn by_hand(app: App, _cron: OpenInDevelopment<Cron>) -> Result<Json<CleanUp>> {
    Ok(Json(cleanup::run(&app).await?.into()))
}

fn main() -> Exit {
    serve(route())
}
