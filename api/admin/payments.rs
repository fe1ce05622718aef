//! GET /api/admin/payments — the payments of all members.

use sabor::http::{Json, List, PageParams, Query, Staff};
use sabor::payments::list;
use sabor::payments::list::{ListedPaymentView, PaymentsQuery};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_payments]
}

/// Lists payments, newest first, with the member and the class. `status` selects, for
/// example, the payments with a refund that is due.
#[utoipa::path(get, path = "/api/admin/payments", tag = "administration", security(("session" = [])), params(PaymentsQuery, PageParams), responses(
    (status = 200, body = List<ListedPaymentView>, description = "One page of the list"),
))]
async fn list_payments(
    app: App,
    _staff: Staff,
    Query(query): Query<PaymentsQuery>,
    page: Page,
) -> Result<Json<List<ListedPaymentView>>> {
    list::list(&app, &query, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
