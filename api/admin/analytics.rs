//! GET /api/admin/analytics — the studio's figures over time.

use sabor::http::{Query, Staff};
use sabor::reports::analytics;
use sabor::reports::analytics::{Analytics, AnalyticsQuery, AnalyticsResponse};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_analytics]
}

/// Returns figures by day, week or month. Days are in the studio's time
/// zone. With `format=csv`, the response is a CSV file with one line per day,
/// week or month.
#[utoipa::path(get, path = "/api/admin/analytics", tag = "administration", security(("session" = [])), params(AnalyticsQuery), responses(
    (status = 200, description = "The figures", content(
        (Analytics = "application/json"),
        (String = "text/csv"),
    )),
    (status = 400, description = "A parameter is invalid, or the range is too long for this `bucket`"),
))]
async fn get_analytics(
    app: App,
    _staff: Staff,
    Query(params): Query<AnalyticsQuery>,
) -> Result<AnalyticsResponse> {
    analytics::show(&app, params).await
}

fn main() -> Exit {
    serve(route())
}
