//! GET /api/shop/cover — what would pay for a class.

use sabor::http::{Json, Member, Query};
use sabor::shop::cover;
use sabor::shop::cover::{CoverQuery, CoverView};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_cover]
}

/// Returns what would pay if the member booked a class: the pass that is used by default, every
/// other pass that can pay, and why a pass cannot.
#[utoipa::path(get, path = "/api/shop/cover", tag = "shop", security(("session" = [])), params(CoverQuery), responses(
    (status = 200, body = CoverView, description = "What can pay for the class"),
    (status = 404, description = "`not_found`: no class has this id"),
))]
async fn get_cover(
    app: App,
    member: Member,
    Query(query): Query<CoverQuery>,
) -> Result<Json<CoverView>> {
    cover::find(&app, member.user.id, query).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
