//! GET /api/admin/dashboard — the studio's day at a glance.

use sabor::http::{Json, Staff};
use sabor::reports::dashboard;
use sabor::reports::dashboard::Dashboard;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_dashboard]
}

/// Returns today's figures. Today is the current day in the studio's time zone.
#[utoipa::path(get, path = "/api/admin/dashboard", tag = "administration", security(("session" = [])), responses(
    (status = 200, body = Dashboard, description = "Today's classes, bookings and revenue, and the health of the service"),
))]
async fn get_dashboard(app: App, _staff: Staff) -> Result<Json<Dashboard>> {
    dashboard::show(&app).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
