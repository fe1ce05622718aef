//! GET, POST, PATCH /api/admin/promo-codes — promo codes, for staff.

use sabor::classes::catalog::maintenance::ActiveQuery;
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::shop::promo_codes;
use sabor::shop::promo_codes::{CreatePromoCode, PromoCodeView, UpdatePromoCode};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_promo_codes, create_promo_code, update_promo_code]
}

/// Lists promo codes, newest first. By default, ended ones are included.
#[utoipa::path(get, path = "/api/admin/promo-codes", tag = "administration", security(("session" = [])), params(ActiveQuery, PageParams), responses(
    (status = 200, body = List<PromoCodeView>, description = "One page of the list"),
))]
async fn list_promo_codes(
    app: App,
    _staff: Staff,
    Query(query): Query<ActiveQuery>,
    page: Page,
) -> Result<Json<List<PromoCodeView>>> {
    promo_codes::list(&app, query, page).await.map(Json)
}

/// Creates a promo code, with which passes cost less. It has either `percent` or `amount`.
#[utoipa::path(post, path = "/api/admin/promo-codes", tag = "administration", security(("session" = [])), request_body = CreatePromoCode, responses(
    (status = 201, body = PromoCodeView, description = "The new promo code"),
    (status = 409, description = "`promo_code_exists`: another promo code has this code"),
))]
async fn create_promo_code(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreatePromoCode>,
) -> Result<Created<PromoCodeView>> {
    let created = promo_codes::create(&app, &caller, &staff, form);
    created.await.map(Created)
}

/// Updates a promo code, or ends it with `isActive`. Fields that are left out keep their values.
/// Orders that were made keep their prices.
#[utoipa::path(patch, path = "/api/admin/promo-codes", tag = "administration", security(("session" = [])), request_body = UpdatePromoCode, responses(
    (status = 200, body = PromoCodeView, description = "The updated promo code"),
    (status = 404, description = "`not_found`: no promo code has this id"),
    (status = 409, description = "`promo_code_exists`: another promo code has this code"),
))]
async fn update_promo_code(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdatePromoCode>,
) -> Result<Json<PromoCodeView>> {
    let updated = promo_codes::update(&app, &caller, &staff, form);
    updated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
