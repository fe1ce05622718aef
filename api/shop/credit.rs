//! GET /api/shop/credit — the member's credit.

use sabor::http::{Json, Member, PageParams};
use sabor::shop::credit;
use sabor::shop::credit::MemberCreditView;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_my_credit]
}

/// Returns the member's account credit: the balance, and the changes, newest first. Credit pays first
/// when the member buys a pass or a course.
#[utoipa::path(get, path = "/api/shop/credit", tag = "shop", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = MemberCreditView, description = "The credit, with one page of its changes"),
))]
async fn get_my_credit(app: App, member: Member, page: Page) -> Result<Json<MemberCreditView>> {
    credit::find(&app, member.user.id, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
