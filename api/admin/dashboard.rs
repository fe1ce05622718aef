//! GET /api/admin/dashboard — a day of the studio at a glance.

use sabor::http::{Json, Query, Staff};
use sabor::reports::dashboard;
use sabor::reports::dashboard::{Dashboard, DashboardQuery};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_dashboard]
}

/// Returns the figures of a day in the studio's time zone, by default of the current day.
#[utoipa::path(get, path = "/api/admin/dashboard", tag = "administration", security(("session" = [])), params(DashboardQuery), responses(
    (status = 200, body = Dashboard, description = "The day's classes, bookings and revenue, and the health of the service"),
))]
async fn get_dashboard(
    app: App,
    _staff: Staff,
    Query(query): Query<DashboardQuery>,
) -> Result<Json<Dashboard>> {
    dashboard::show(&app, &query).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
