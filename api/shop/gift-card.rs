//! POST /api/shop/gift-card — what is left on a gift card.

use sabor::http::Json;
use sabor::shop::gift_cards;
use sabor::shop::gift_cards::{FindGiftCard, GiftCardView};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_gift_card]
}

/// Returns what is left on a gift card. It is a POST request, so that codes are not in URLs.
#[utoipa::path(post, path = "/api/shop/gift-card", tag = "shop", request_body = FindGiftCard, responses(
    (status = 200, body = GiftCardView, description = "The gift card"),
    (status = 409, description = "`gift_card_unknown`: there is no gift card with this code. `gift_card_inactive`: its purchase is disputed"),
    (status = 429, description = "`too_many_requests`: too many unknown codes"),
))]
async fn get_gift_card(
    app: App,
    caller: Caller,
    Json(form): Json<FindGiftCard>,
) -> Result<Json<GiftCardView>> {
    gift_cards::find(&app, &caller, &form).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
