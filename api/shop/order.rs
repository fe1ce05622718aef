//! GET, POST /api/shop/order — the purchase of a product by card.

use sabor::http::{
    ConfirmedMember, IdempotencyKeyParams, Idempotent, Json, Member, Query, StoredResponse,
};
use sabor::shop::purchases;
use sabor::shop::purchases::{BuyProduct, MemberOrderView, OrderQuery};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_my_order, buy_product]
}

/// Returns one of the member's orders.
#[utoipa::path(get, path = "/api/shop/order", tag = "shop", security(("session" = [])), params(OrderQuery), responses(
    (status = 200, body = MemberOrderView, description = "The order"),
    (status = 404, description = "`not_found`: the member has no order with this id"),
))]
async fn get_my_order(
    app: App,
    member: Member,
    Query(query): Query<OrderQuery>,
) -> Result<Json<MemberOrderView>> {
    purchases::find(&app, &member, query).await.map(Json)
}

/// Buys a product by card. The response has the URL of the payment page. The pass is issued when
/// the payment has arrived. An order that is not paid within half an hour is cancelled. A repeated
/// request returns the open order of the same product, unless the product or the promo code was
/// changed meanwhile. Credit pays first unless `useCredit` is false, then the gift card, and the rest is
/// paid by card. If no card is needed, the pass is issued at once. The code of a gift card that is
/// bought is sent by e-mail.
#[utoipa::path(post, path = "/api/shop/order", tag = "shop", security(("session" = [])), params(IdempotencyKeyParams), request_body = BuyProduct, responses(
    (status = 201, body = MemberOrderView, description = "The order; it has `checkoutUrl` unless it is paid"),
    (status = 404, description = "`not_found`: the account is closed"),
    (status = 409, description = "`product_not_sold`: the product does not exist, is retired, or is free without a limit for each member. `product_limit_reached`: the member cannot buy the product again. `course_full`: a class of the course is full. `course_over`: the course has no upcoming classes. `course_already_booked`: the member has a booking of one of its classes. `overlapping_booking`: the member has a booking for another class at the same time. `too_many_unpaid_bookings`: the member holds the spots of the maximum number of courses, and must pay for one first. `promo_code_unknown`, `promo_code_not_begun`, `promo_code_over`, `promo_code_used_up`, `promo_code_already_used`, `promo_code_not_applicable`: the promo code cannot be used. `gift_card_unknown`, `gift_card_inactive`, `gift_card_not_enough`, `gift_card_not_applicable`: the gift card cannot pay. `card_not_available`: card payments are not configured. `card_not_possible`: the amount cannot be paid by card. `payment_under_way`: a card payment was made and is not confirmed yet. `payment_replaced`: the payment was cancelled or failed during this request. `idempotency_key_reused`: the key belongs to another request"),
    (status = 429, description = "`too_many_requests`: too many unknown codes"),
    (status = 503, description = "`unavailable`: Stripe does not answer; repeat the request to continue the payment"),
))]
async fn buy_product(
    app: App,
    caller: Caller,
    ConfirmedMember(member): ConfirmedMember,
    Idempotent { key, form }: Idempotent<BuyProduct>,
) -> Result<StoredResponse> {
    purchases::buy(&app, &caller, &member, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
