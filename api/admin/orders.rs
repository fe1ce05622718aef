//! GET, POST, PATCH /api/admin/orders — orders: sales at the desk, refunds, and cancellations.

use sabor::http::{
    IdempotencyKeyParams, Idempotent, Json, List, PageParams, Query, Staff, StoredResponse,
};
use sabor::shop::orders;
use sabor::shop::orders::{CreateOrder, OrderView, OrdersQuery, UpdateOrder};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_orders, create_order, update_order]
}

/// Lists orders, newest first.
#[utoipa::path(get, path = "/api/admin/orders", tag = "administration", security(("session" = [])), params(OrdersQuery, PageParams), responses(
    (status = 200, body = List<OrderView>, description = "One page of the list"),
))]
async fn list_orders(
    app: App,
    _staff: Staff,
    Query(query): Query<OrdersQuery>,
    page: Page,
) -> Result<Json<List<OrderView>>> {
    orders::list(&app, query, page).await.map(Json)
}

/// Sells products to a member at the desk. The money was taken, and the passes can be used at
/// once. A gift card and the member's credit pay in whole or in part. The response has the code of a
/// gift card that is sold.
#[utoipa::path(post, path = "/api/admin/orders", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = CreateOrder, responses(
    (status = 201, body = OrderView, description = "The order, with the ids of the passes"),
    (status = 403, description = "`own_purchase`: staff need a colleague to sell to themselves"),
    (status = 404, description = "`not_found`: no open account has this id"),
    (status = 409, description = "`product_not_sold`: a product does not exist or is retired. `product_limit_reached`: the member cannot buy a product again. `course_full`: a class of a course is full. `course_over`: a course has no upcoming classes. `course_already_booked`: the member has a booking of one of its classes. `overlapping_booking`: the member has a booking for another class at the same time. `promo_code_unknown`, `promo_code_not_begun`, `promo_code_over`, `promo_code_used_up`, `promo_code_already_used`, `promo_code_not_applicable`: the promo code cannot be used. `gift_card_unknown`, `gift_card_inactive`, `gift_card_not_enough`, `gift_card_not_applicable`: the gift card cannot pay. `credit_not_enough`, `credit_not_applicable`: the credit cannot pay. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn create_order(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<CreateOrder>,
) -> Result<StoredResponse> {
    orders::create(&app, &caller, &staff, key, form).await
}

/// Refunds or cancels an order. A refund to the card is sent to Stripe. One to a gift card or to
/// the member's credit raises its balance. Any other refund was made by hand, and is only recorded.
/// The passes stay, except those that are to be revoked. The spots in courses stay too, except those
/// that are to be released. With `payOut`, the refund due at the desk is recorded as paid out, or added
/// to the member's credit. Staff can also cancel an open order. Its wallets get their money back, its
/// promo code can be used again, and the spots of a course are free. A card payment that still arrives
/// is refunded.
#[utoipa::path(patch, path = "/api/admin/orders", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = UpdateOrder, responses(
    (status = 200, body = OrderView, description = "The order"),
    (status = 403, description = "`own_purchase`: staff need a colleague to change their own order"),
    (status = 404, description = "`not_found`: no order has this id, or a pass or a line is not from this order"),
    (status = 409, description = "`nothing_to_refund`: the amount is more than what is left of the payment, or nothing is due at the desk. `order_not_paid`: only the spots of a paid order can be released. `gift_card_not_enough`: less is left on the gift card that was sold. `payment_disputed`: the member's bank has taken the money back. `account_closed`: the account is closed, so it has no credit. `pass_not_changeable`: a pass is revoked already. `not_cancellable`: the order to cancel is paid or cancelled already. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn update_order(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<UpdateOrder>,
) -> Result<StoredResponse> {
    orders::update(&app, &caller, &staff, key, form).await
}

fn main() -> Exit {
    serve(route())
}
