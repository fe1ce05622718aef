//! GET, POST, PATCH /api/admin/bookings — the roster, and the front desk.

use sabor::bookings::front_desk;
use sabor::bookings::front_desk::{Change, OnBehalf, Roster};
use sabor::http::{Answered, Json, KeyParams, Keyed, List, PageParams, Query, Staff};
use sabor::models::booking::{RosterEntry, Shown};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_roster, create_booking_for_member, update_booking]
}

/// Who comes to a class, in the order of booking, with what a teacher should know.
#[utoipa::path(get, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), params(Roster, PageParams), responses(
    (status = 200, body = List<RosterEntry>, description = "A page of the roster"),
    (status = 400, description = "No such limit or cursor, or no class named"),
    (status = 404, description = "There is no such class"),
))]
async fn list_roster(
    app: App,
    _staff: Staff,
    Query(of): Query<Roster>,
    page: Page,
) -> Result<Json<List<RosterEntry>>> {
    front_desk::roster(&app, of, page).await.map(Json)
}

/// Books for a member. `Idempotency-Key` is honoured, here and below.
#[utoipa::path(post, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), params(KeyParams), request_body = OnBehalf, responses(
    (status = 201, body = Shown, description = "Booked, or on the waitlist"),
    (status = 404, description = "There is no such member or class"),
    (status = 409, description = "`class_full`, `already_booked`, `class_started`, `class_cancelled`, `waitlist_closed`; or `idempotency_key_reused`"),
))]
async fn create_booking_for_member(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Keyed { key, form }: Keyed<OnBehalf>,
) -> Result<Answered> {
    front_desk::book_on_behalf(&app, &client, &staff, key, &form).await
}

/// Checks in, notes who did not come, takes that back, cancels, notes what was
/// paid at the desk, or gives money back.
#[utoipa::path(patch, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), params(KeyParams), request_body = Change, responses(
    (status = 200, body = Shown, description = "The booking as it is now"),
    (status = 404, description = "There is no such booking"),
    (status = 409, description = "`class_not_started`, `no_place`, `not_cancellable`, `class_started`, `already_paid`, `not_payable`, `nothing_to_pay`, `nothing_to_refund`; or `idempotency_key_reused`"),
))]
async fn update_booking(
    app: App,
    client: Caller,
    Staff(staff): Staff,
    Keyed { key, form }: Keyed<Change>,
) -> Result<Answered> {
    front_desk::change(&app, &client, &staff, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
