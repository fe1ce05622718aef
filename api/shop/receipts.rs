//! GET /api/shop/receipts — the receipts of the member.

use sabor::http::{Json, List, Member, PageParams, Query};
use sabor::shop::receipts;
use sabor::shop::receipts::{ReceiptView, ReceiptsQuery};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_my_receipts]
}

/// Lists the member's receipts, newest first: for purchases, classes and fees that were paid.
#[utoipa::path(get, path = "/api/shop/receipts", tag = "shop", security(("session" = [])), params(ReceiptsQuery, PageParams), responses(
    (status = 200, body = List<ReceiptView>, description = "One page of the list, or the receipt with `number`"),
    (status = 404, description = "`not_found`: the member has no receipt with this number"),
))]
async fn list_my_receipts(
    app: App,
    member: Member,
    Query(query): Query<ReceiptsQuery>,
    page: Page,
) -> Result<Json<List<ReceiptView>>> {
    let receipts = receipts::list(&app, member.user.id, query, page);
    receipts.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
