//! POST /api/bookings/create — books a spot in a class.

use sabor::bookings::member;
use sabor::bookings::member::CreateBooking;
use sabor::bookings::view::BookingView;
use sabor::http::{ConfirmedMember, IdempotencyKeyParams, Idempotent, StoredResponse};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![create_booking]
}

/// Books a spot in a class. If the class is full and `joinWaitlist` is set, the
/// member joins the waitlist. If the class costs something, a pass of the member pays if one can;
/// `payWith` chooses. Booking again after a cancellation reopens the earlier booking, if its
/// payment or its credit was not given back yet.
#[utoipa::path(post, path = "/api/bookings/create", tag = "bookings", security(("session" = [])), params(IdempotencyKeyParams), request_body = CreateBooking, responses(
    (status = 201, body = BookingView, description = "The booking; `status` shows whether it is on the waitlist, and `freeCancellationUntil` shows until when it can be cancelled free of charge"),
    (status = 403, description = "`email_not_verified`: the member has not confirmed their e-mail address"),
    (status = 404, description = "`not_found`: no class has this id"),
    (status = 409, description = "`class_full`: no spot is free, and `joinWaitlist` is not set. `already_booked`: the member has booked this class or is on its waitlist. `class_started`, `class_cancelled`: the class can no longer be booked. `waitlist_closed`: the waitlist closes shortly before the class. `overlapping_booking`: the member has a booking or a waitlist entry for another class at this time. `pass_not_usable`: the chosen pass cannot pay for the class. `pay_with_on_waitlist`: what pays for a waitlist entry cannot be chosen. `course_only`: the class is part of a course, and is booked with it only. `too_many_unpaid_bookings`: the member must pay for a booking or cancel one first. `idempotency_key_reused`: the key belongs to another request"),
    (status = 429, description = "`too_many_requests`: too many bookings in an hour; wait for `Retry-After` seconds"),
))]
async fn create_booking(
    app: App,
    ConfirmedMember(member): ConfirmedMember,
    Idempotent { key, form }: Idempotent<CreateBooking>,
) -> Result<StoredResponse> {
    member::create(&app, &member, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
