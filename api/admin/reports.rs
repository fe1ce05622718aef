//! GET /api/admin/reports — what the studio has sold.

use sabor::http::{Query, Staff};
use sabor::reports::ReportResponse;
use sabor::reports::sales::{self, SalesQuery, SalesReport};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_sales_report]
}

/// Returns payments and refunds by day or month, what was sold, the tax, and what is open. Days are
/// in the studio's time zone. Payments count on the day on which they arrived, and refunds on the
/// day on which they were made. With `format=csv`, the response is one of the tables as a CSV file.
#[utoipa::path(get, path = "/api/admin/reports", tag = "administration", security(("session" = [])), params(SalesQuery), responses(
    (status = 200, description = "The report", content(
        (SalesReport = "application/json"),
        (String = "text/csv"),
    )),
    (status = 400, description = "A parameter is invalid, or the range is longer than three years"),
))]
async fn get_sales_report(
    app: App,
    _staff: Staff,
    Query(params): Query<SalesQuery>,
) -> Result<ReportResponse<SalesReport>> {
    sales::show(&app, params).await
}

fn main() -> Exit {
    serve(route())
}
