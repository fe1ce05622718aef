//! GET, PATCH /api/admin/failed-refunds — the refunds that banks have returned.

use sabor::http::{
    IdempotencyKeyParams, Idempotent, Json, List, PageParams, Staff, StoredResponse,
};
use sabor::shop::failed_refunds::{self, FailedRefundView, ResolveFailedRefund};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_failed_refunds, resolve_failed_refund]
}

/// Lists the refunds to cards that have failed for good, latest first. The bank has returned the
/// money, and nobody has given it back since. If a lost dispute has kept a refund from being made, the
/// list has it with what the dispute has left of the payment.
#[utoipa::path(get, path = "/api/admin/failed-refunds", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<FailedRefundView>, description = "One page of the list"),
))]
async fn list_failed_refunds(
    app: App,
    _staff: Staff,
    page: Page,
) -> Result<Json<List<FailedRefundView>>> {
    failed_refunds::list(&app, page).await.map(Json)
}

/// Gives back the money of a failed refund. A refund to the card is sent to Stripe again. Cash and
/// transfers are only recorded: staff hand them over. With `nothing`, the refund only leaves the
/// list.
#[utoipa::path(patch, path = "/api/admin/failed-refunds", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = ResolveFailedRefund, responses(
    (status = 200, body = FailedRefundView, description = "The refund as it was listed"),
    (status = 403, description = "`own_purchase`: staff need a colleague to give money back to them"),
    (status = 404, description = "`not_found`: no refund has this id"),
    (status = 409, description = "`nothing_to_refund`: the refund has not failed for good, or it was resolved. `gift_card_not_enough`: less is left on the gift card that was sold. `payment_disputed`: the member's bank has taken the money back. `account_closed`: the account is closed, so it has no credit. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn resolve_failed_refund(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<ResolveFailedRefund>,
) -> Result<StoredResponse> {
    failed_refunds::resolve(&app, &caller, &staff, key, form).await
}

fn main() -> Exit {
    serve(route())
}
