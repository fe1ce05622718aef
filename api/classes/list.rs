//! GET /api/classes/list — what the studio offers.

use sabor::classes::catalogue;
use sabor::classes::catalogue::Offer;
use sabor::http::{CopyParams, List, PageParams, Public, Query};
use sabor::models::class_type::Shown;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_class_types]
}

/// Class types, newest first; those that are retired are not among them.
#[utoipa::path(get, path = "/api/classes/list", tag = "classes", params(Offer, PageParams, CopyParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them; it has an `ETag`"),
    (status = 304, description = "As in the answer whose `ETag` was given"),
    (status = 400, description = "No such level, style, instructor, limit or cursor"),
))]
async fn list_class_types(app: App, Query(offer): Query<Offer>, page: Page) -> Result<Public> {
    catalogue::list(&app, offer, page).await
}

fn main() -> Exit {
    serve(route())
}
