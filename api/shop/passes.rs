//! GET /api/shop/passes — the passes of the member.

use sabor::http::{Json, List, Member, PageParams};
use sabor::shop::pass_view::PassView;
use sabor::shop::passes;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_my_passes]
}

/// Lists the member's passes, newest first. Used, ended and revoked ones are included.
#[utoipa::path(get, path = "/api/shop/passes", tag = "shop", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<PassView>, description = "One page of the list"),
))]
async fn list_my_passes(app: App, member: Member, page: Page) -> Result<Json<List<PassView>>> {
    passes::list(&app, member.user.id, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
