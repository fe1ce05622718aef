//! POST /api/bookings/cancel — give a place up.

use sabor::bookings::member;
use sabor::bookings::member::Regret;
use sabor::http::{Answered, KeyParams, Keyed, Member};
use sabor::models::booking::Shown;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![cancel_booking]
}

/// Cancels a booking of the member's; the place goes to whoever waits first.
/// Late cancellations are marked so, and not paid back. `Idempotency-Key` is
/// honoured.
#[utoipa::path(post, path = "/api/bookings/cancel", tag = "bookings", security(("session" = [])), params(KeyParams), request_body = Regret, responses(
    (status = 200, body = Shown, description = "Cancelled; `lateCancellation` tells whether it was too late for a refund"),
    (status = 404, description = "The member has no such booking"),
    (status = 409, description = "`class_started`, `not_cancellable`; or `idempotency_key_reused`"),
))]
async fn cancel_booking(
    app: App,
    member: Member,
    Keyed { key, form }: Keyed<Regret>,
) -> Result<Answered> {
    member::cancel(&app, &member, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
