//! GET, PATCH /api/admin/memberships — the memberships of members, for staff.

use sabor::http::{Json, List, PageParams, Query, Staff};
use sabor::shop::memberships;
use sabor::shop::memberships::{MembershipView, MembershipsQuery, UpdateMemberMembership};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_memberships, update_member_membership]
}

/// Lists memberships, newest first. Memberships that never began are listed only while they can
/// still be paid.
#[utoipa::path(get, path = "/api/admin/memberships", tag = "administration", security(("session" = [])), params(MembershipsQuery, PageParams), responses(
    (status = 200, body = List<MembershipView>, description = "One page of the list"),
))]
async fn list_memberships(
    app: App,
    _staff: Staff,
    Query(query): Query<MembershipsQuery>,
    page: Page,
) -> Result<Json<List<MembershipView>>> {
    memberships::list(&app, query, page).await.map(Json)
}

/// Ends a member's membership at the end of its paid period, or undoes that. If the current period
/// is not paid, the membership ends at once.
#[utoipa::path(patch, path = "/api/admin/memberships", tag = "administration", security(("session" = [])), request_body = UpdateMemberMembership, responses(
    (status = 200, body = MembershipView, description = "The membership"),
    (status = 403, description = "`own_purchase`: staff need a colleague to change their own membership"),
    (status = 404, description = "`not_found`: no membership has this id"),
    (status = 409, description = "`membership_not_running`: the first payment has not arrived, or the membership has ended"),
    (status = 503, description = "`unavailable`: Stripe does not answer; repeat the request"),
))]
async fn update_member_membership(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateMemberMembership>,
) -> Result<Json<MembershipView>> {
    let updated = memberships::update_of_member(&app, &caller, &staff, &form);
    updated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
