//! GET /api/admin/analytics — how the studio has done, day by day.

use sabor::http::{Query, Staff};
use sabor::reports::analytics;
use sabor::reports::analytics::{Analytics, Params, Shown};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_analytics]
}

/// Days are those of the studio's time zone. With `format=csv` a file for a
/// spreadsheet, a line for each day, week or month.
#[utoipa::path(get, path = "/api/admin/analytics", tag = "administration", security(("session" = [])), params(Params), responses(
    (status = 200, description = "The series", content(
        (Analytics = "application/json"),
        (String = "text/csv"),
    )),
    (status = 400, description = "No such day, bucket or format; or too long a time"),
))]
async fn get_analytics(app: App, _staff: Staff, Query(params): Query<Params>) -> Result<Shown> {
    analytics::show(&app, params).await
}

fn main() -> Exit {
    serve(route())
}
