//! GET /api/admin/analytics — the studio's figures over time.

use sabor::http::{Query, Staff};
use sabor::reports::ReportResponse;
use sabor::reports::analytics;
use sabor::reports::analytics::{Analytics, AnalyticsQuery};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_analytics]
}

/// Returns figures by day, week or month, by class type, and by hour of the week. Days and hours
/// are in the studio's time zone. Bookings, cancellations, payments and sign-ups count on the
/// day on which they happen, and classes with their spots and attendance on the day of the
/// class. With `format=csv`, the response is one of the tables as a CSV file.
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
) -> Result<ReportResponse<Analytics>> {
    analytics::show(&app, params).await
}

fn main() -> Exit {
    serve(route())
}
