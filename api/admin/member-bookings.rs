//! GET /api/admin/member-bookings — the bookings of one member, for staff.

use sabor::bookings::front_desk;
use sabor::bookings::front_desk::MemberBookingsQuery;
use sabor::bookings::member::BookingsQuery;
use sabor::bookings::view::BookingView;
use sabor::http::{Json, List, PageParams, Query, Staff};
use sabor::store::page::Page;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_member_bookings]
}

/// Lists the bookings of a member with their classes and last payments. Cancelled bookings are
/// included. Upcoming bookings start with the next class, past ones with the latest.
#[utoipa::path(get, path = "/api/admin/member-bookings", tag = "administration", security(("session" = [])), params(MemberBookingsQuery, BookingsQuery, PageParams), responses(
    (status = 200, body = List<BookingView>, description = "One page of the list; empty if no member has this id"),
))]
async fn list_member_bookings(
    app: App,
    _staff: Staff,
    Query(member): Query<MemberBookingsQuery>,
    Query(query): Query<BookingsQuery>,
    page: Page,
) -> Result<Json<List<BookingView>>> {
    let bookings = front_desk::member_bookings(&app, member, query, page);
    bookings.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
