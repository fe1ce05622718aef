//! GET /api/admin/fees — the fees that members owe.

use sabor::http::{Json, List, PageParams, Staff};
use sabor::payments::fees;
use sabor::payments::fees::OwedFeeView;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_owed_fees]
}

/// Lists the fees that members owe for late cancellations and no-shows. The latest class comes
/// first. `PATCH /api/admin/bookings` records the payment of a fee, or waives it.
#[utoipa::path(get, path = "/api/admin/fees", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<OwedFeeView>, description = "One page of the list"),
))]
async fn list_owed_fees(app: App, _staff: Staff, page: Page) -> Result<Json<List<OwedFeeView>>> {
    fees::list(&app, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
