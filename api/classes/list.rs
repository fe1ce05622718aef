//! GET /api/classes/list — the class types that the studio offers.

use sabor::classes::catalogue;
use sabor::classes::catalogue::Offer;
use sabor::http::{CacheableResponse, IfNoneMatchParams, List, PageParams, Query};
use sabor::models::class_type::Shown;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_class_types]
}

/// Lists class types, newest first. Retired ones are left out.
#[utoipa::path(get, path = "/api/classes/list", tag = "classes", params(Offer, PageParams, IfNoneMatchParams), responses(
    (status = 200, body = List<Shown>, description = "One page of the list, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
))]
async fn list_class_types(
    app: App,
    Query(offer): Query<Offer>,
    page: Page,
) -> Result<CacheableResponse> {
    catalogue::list(&app, offer, page).await
}

fn main() -> Exit {
    serve(route())
}
