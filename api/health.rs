//! GET /api/health — the health of the service.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use sabor::http::Json;
use sabor::{App, Exit, Routes, health, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Health {
    status: health::HealthStatus,
    timestamp: DateTime<Utc>,
    services: health::ServicesHealth,
}

/// The routes of this function.
pub fn route() -> Routes {
    // Some monitoring services add a parameter so that no cache answers.
    routes![check_health].with_other_query_params()
}

/// Checks Postgres and Redis. The response shows whether each of them responds, how
/// quickly, and the last write that Redis refused.
#[utoipa::path(get, path = "/api/health", tag = "operations", responses(
    (status = 200, body = Health, description = "Healthy, or degraded: without Redis everything works, but more slowly"),
    (status = 503, body = Health, description = "Unhealthy: without Postgres most requests fail"),
))]
async fn check_health(app: App) -> (StatusCode, Json<Health>) {
    let services = health::check(&app).await;
    let status = services.overall();
    let status_code = match status {
        health::HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let timestamp = app.clock().now();
    (
        status_code,
        Json(Health {
            status,
            timestamp,
            services,
        }),
    )
}

fn main() -> Exit {
    serve(route())
}
