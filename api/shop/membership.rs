//! GET, POST, PATCH /api/shop/membership — the membership of the member.

use sabor::http::{ConfirmedMember, Created, Json, Member};
use sabor::shop::memberships;
use sabor::shop::memberships::{
    CurrentMembershipView, MembershipView, StartMembership, UpdateMembership,
};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_my_membership, start_membership, update_membership]
}

/// Returns the member's membership that has not ended.
#[utoipa::path(get, path = "/api/shop/membership", tag = "shop", security(("session" = [])), responses(
    (status = 200, body = CurrentMembershipView, description = "The membership, or null"),
))]
async fn get_my_membership(app: App, member: Member) -> Result<Json<CurrentMembershipView>> {
    memberships::find(&app, member.user.id).await.map(Json)
}

/// Starts a membership, and returns the URL of its payment page. The membership begins when the
/// payment arrives. Each paid period gives a pass. An unpaid membership ends after half an hour.
/// Repeating the request returns the same membership and page. If the product has changed, or
/// another product is named, a new membership replaces the unpaid one.
#[utoipa::path(post, path = "/api/shop/membership", tag = "shop", security(("session" = [])), request_body = StartMembership, responses(
    (status = 201, body = MembershipView, description = "The membership, with `checkoutUrl`"),
    (status = 404, description = "`not_found`: the account is closed"),
    (status = 409, description = "`membership_exists`: the member has a membership already. `product_not_sold`: the product does not exist, is retired, or is not a membership. `card_not_available`: card payments are not configured. `card_not_possible`: the amount cannot be paid by card. `payment_under_way`: a membership is being paid already"),
    (status = 503, description = "`unavailable`: Stripe does not answer; repeat the request to continue"),
))]
async fn start_membership(
    app: App,
    ConfirmedMember(member): ConfirmedMember,
    Json(form): Json<StartMembership>,
) -> Result<Created<MembershipView>> {
    memberships::start(&app, &member, &form).await.map(Created)
}

/// Ends the membership at the end of its paid period, or undoes that. If the current period is not
/// paid, the membership ends at once.
#[utoipa::path(patch, path = "/api/shop/membership", tag = "shop", security(("session" = [])), request_body = UpdateMembership, responses(
    (status = 200, body = MembershipView, description = "The membership"),
    (status = 404, description = "`not_found`: the member has no membership"),
    (status = 409, description = "`membership_not_running`: the first payment has not arrived"),
    (status = 503, description = "`unavailable`: Stripe does not answer; repeat the request"),
))]
async fn update_membership(
    app: App,
    member: Member,
    Json(form): Json<UpdateMembership>,
) -> Result<Json<MembershipView>> {
    memberships::update(&app, &member, &form).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
