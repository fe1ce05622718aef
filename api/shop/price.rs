//! POST /api/shop/price — the price of a product with a promo code and a gift card.

use sabor::http::{ConfirmedMember, Json};
use sabor::shop::purchases;
use sabor::shop::purchases::{BuyProduct, ProductPriceView};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_price]
}

/// Returns what a product costs the member, before it is ordered. Nothing is stored. It is a POST
/// request, so that codes are not in URLs.
#[utoipa::path(post, path = "/api/shop/price", tag = "shop", security(("session" = [])), request_body = BuyProduct, responses(
    (status = 200, body = ProductPriceView, description = "The price with the promo code and the gift card"),
    (status = 409, description = "`product_not_sold`: the product does not exist or is retired. `course_over`: the course has no upcoming classes. `promo_code_unknown`: there is no such promo code. `promo_code_not_begun`: it cannot be used yet. `promo_code_over`: its last day has passed, or staff have ended it. `promo_code_used_up`: it has reached its limit of uses. `promo_code_already_used`: the member has reached the limit of uses for each member. `promo_code_not_applicable`: it is not for this product. `gift_card_unknown`, `gift_card_inactive`, `gift_card_not_enough`, `gift_card_not_applicable`: the gift card cannot pay"),
    (status = 429, description = "`too_many_requests`: too many unknown codes"),
))]
async fn get_price(
    app: App,
    caller: Caller,
    ConfirmedMember(member): ConfirmedMember,
    Json(form): Json<BuyProduct>,
) -> Result<Json<ProductPriceView>> {
    purchases::price(&app, &caller, &member, &form)
        .await
        .map(Json)
}

fn main() -> Exit {
    serve(route())
}
