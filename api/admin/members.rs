//! GET, POST /api/admin/members — the members, for the front desk.

use sabor::admin::members;
use sabor::admin::members::{CreateMember, MemberQuery, MemberView};
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_members, create_member]
}

/// Lists the members with active accounts, newest first. `search` matches names and e-mail
/// addresses. With `quietSince`, the list has the members who have stopped coming, sorted by
/// their last visit.
#[utoipa::path(get, path = "/api/admin/members", tag = "administration", security(("session" = [])), params(MemberQuery, PageParams), responses(
    (status = 200, body = List<MemberView>, description = "One page of the list"),
))]
async fn list_members(
    app: App,
    _staff: Staff,
    Query(query): Query<MemberQuery>,
    page: Page,
) -> Result<Json<List<MemberView>>> {
    members::list(&app, &query, page).await.map(Json)
}

/// Creates an account for a member who comes without one. The account has no password. An
/// invitation goes to the address, with a link that confirms it and leads to the choice of
/// a password. The link is valid for a week. Staff can book for the member at once. The account
/// replaces a registration of the address that was never confirmed. A registration with bookings
/// or a role is not replaced, and neither is an account that staff created.
#[utoipa::path(post, path = "/api/admin/members", tag = "administration", security(("session" = [])), request_body = CreateMember, responses(
    (status = 201, body = MemberView, description = "The new member"),
    (status = 409, description = "`member_exists`: the address has an account already; `memberId` is its id. `member_deactivated`: the account of the address is deactivated, and an administrator can reactivate it; `memberId` is its id"),
    (status = 429, description = "`too_many_requests`: too many invitations in an hour; wait for `Retry-After` seconds"),
))]
async fn create_member(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreateMember>,
) -> Result<Created<MemberView>> {
    let created = members::create(&app, &caller, &staff, &form);
    created.await.map(Created)
}

fn main() -> Exit {
    serve(route())
}
