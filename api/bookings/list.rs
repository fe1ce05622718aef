//! GET /api/bookings/list — the member's bookings.

use sabor::bookings::member;
use sabor::bookings::member::BookingsQuery;
use sabor::bookings::view::BookingView;
use sabor::http::{Json, List, Member, PageParams, Query};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_bookings]
}

/// Lists the member's bookings with their classes. Cancelled bookings are
/// included. Upcoming bookings start with the next class, past ones with the
/// latest.
///
/// If a class is moved while a caller reads page by page, its booking can be
/// returned again at the start of the next page, which then has more than
/// `limit` entries. The entry that was returned last is the current one.
#[utoipa::path(get, path = "/api/bookings/list", tag = "bookings", security(("session" = [])), params(BookingsQuery, PageParams), responses(
    (status = 200, body = List<BookingView>, description = "One page of the list"),
))]
async fn list_bookings(
    app: App,
    member: Member,
    Query(query): Query<BookingsQuery>,
    page: Page,
) -> Result<Json<List<BookingView>>> {
    let user_id = member.user.id;
    member::list(&app, user_id, query, page).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
