//! GET /api/shop/products — what the studio sells.

use sabor::http::{Json, List, PageParams};
use sabor::shop::products;
use sabor::shop::products::ProductView;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_products]
}

/// Lists the products that the studio sells, newest first.
#[utoipa::path(get, path = "/api/shop/products", tag = "shop", params(PageParams), responses(
    (status = 200, body = List<ProductView>, description = "One page of the list"),
))]
async fn list_products(app: App, page: Page) -> Result<Json<List<ProductView>>> {
    products::list_active(&app, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
