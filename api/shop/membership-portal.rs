//! POST /api/shop/membership-portal — the page for the card and the invoices of a membership.

use sabor::http::{Json, Member};
use sabor::shop::memberships;
use sabor::shop::memberships::PortalView;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![open_membership_portal]
}

/// Opens Stripe's page on which the member changes the card of the membership and sees the
/// invoices. The URL is valid for a few minutes.
#[utoipa::path(post, path = "/api/shop/membership-portal", tag = "shop", security(("session" = [])), responses(
    (status = 200, body = PortalView, description = "The URL of the page"),
    (status = 404, description = "`not_found`: the member has no current membership, or has never paid for one"),
    (status = 503, description = "`unavailable`: Stripe does not answer"),
))]
async fn open_membership_portal(app: App, member: Member) -> Result<Json<PortalView>> {
    memberships::open_portal(&app, &member).await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
