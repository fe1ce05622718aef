//! POST /api/bookings/cancel — cancels a booking.

use sabor::bookings::member;
use sabor::bookings::member::CancelBooking;
use sabor::bookings::view::BookingView;
use sabor::http::{IdempotencyKeyParams, Idempotent, Member, StoredResponse};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![cancel_booking]
}

/// Cancels one of the member's bookings. The spot goes to the first member on
/// the waitlist, unless the waitlist has closed. A cancellation after
/// `freeCancellationUntil` is late: it is marked as such and not refunded. A refund
/// is sent ten minutes later at the earliest.
#[utoipa::path(post, path = "/api/bookings/cancel", tag = "bookings", security(("session" = [])), params(IdempotencyKeyParams), request_body = CancelBooking, responses(
    (status = 200, body = BookingView, description = "The cancelled booking; `lateCancellation` shows whether it was too late for a refund"),
    (status = 404, description = "`not_found`: the member has no booking with this id"),
    (status = 409, description = "`class_started`: the class has started. `checked_in`: the member is checked in; staff can undo that. `not_cancellable`: the booking is already cancelled, or the member did not come. `idempotency_key_reused`: the key belongs to another request"),
    (status = 429, description = "`too_many_requests`: too many cancellations in an hour; wait for `Retry-After` seconds"),
))]
async fn cancel_booking(
    app: App,
    member: Member,
    Idempotent { key, form }: Idempotent<CancelBooking>,
) -> Result<StoredResponse> {
    member::cancel(&app, &member, key, form).await
}

fn main() -> Exit {
    serve(route())
}
