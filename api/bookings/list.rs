//! GET /api/bookings/list — the member's bookings.

use sabor::bookings::member;
use sabor::bookings::member::Period;
use sabor::http::{Json, List, Member, PageParams, Query};
use sabor::models::booking::Shown;
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_bookings]
}

/// Lists the member's bookings with their classes. Cancelled bookings are
/// included.
#[utoipa::path(get, path = "/api/bookings/list", tag = "bookings", security(("session" = [])), params(Period, PageParams), responses(
    (status = 200, body = List<Shown>, description = "One page of the list"),
))]
async fn list_bookings(
    app: App,
    member: Member,
    Query(period): Query<Period>,
    page: Page,
) -> Result<Json<List<Shown>>> {
    member::list(&app, &member, period, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
