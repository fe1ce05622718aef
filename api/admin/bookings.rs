//! GET, POST, PATCH /api/admin/bookings — the roster and the front desk.

use sabor::bookings::front_desk;
use sabor::bookings::front_desk::{CreateBookingForMember, RosterQuery, UpdateBooking};
use sabor::bookings::view::{BookingView, RosterEntryView};
use sabor::http::{
    IdempotencyKeyParams, Idempotent, Json, List, PageParams, Query, Staff, StoredResponse,
};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_roster, create_booking_for_member, update_booking]
}

/// Lists the bookings of a class in the order they were made. A booking that is moved to the
/// class, or made again after a cancellation, comes last. Each entry has the contact details
/// that an instructor needs. `hasMedicalNotes` shows whether there are medical notes to request.
#[utoipa::path(get, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), params(RosterQuery, PageParams), responses(
    (status = 200, body = List<RosterEntryView>, description = "One page of the roster"),
    (status = 404, description = "`not_found`: no class has this id"),
))]
async fn list_roster(
    app: App,
    _staff: Staff,
    Query(query): Query<RosterQuery>,
    page: Page,
) -> Result<Json<List<RosterEntryView>>> {
    front_desk::roster(&app, query, page).await.map(Json)
}

/// Books a class for a member. Staff can book until the end of the day on which the class ends, for a
/// member who came late or without a booking. If the class costs something, a pass of the member pays
/// if one can; `payWith` chooses. Staff can also book beyond the capacity of the class, and give the
/// spot for free. Nobody moves up from the waitlist until the class has fewer members than spots.
#[utoipa::path(post, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = CreateBookingForMember, responses(
    (status = 201, body = BookingView, description = "The new booking; `status` shows whether it is on the waitlist"),
    (status = 403, description = "`own_booking`: staff cannot book for themselves here"),
    (status = 404, description = "`not_found`: no member with an active account has this id, or no class"),
    (status = 409, description = "`class_full`: no spot is free, and neither `joinWaitlist` nor `beyondCapacity` is set. `already_booked`: the member has booked this class or is on its waitlist. `class_over`, `class_cancelled`: the class can no longer be booked. `waitlist_closed`: the waitlist closes shortly before the class. `overlapping_booking`: the member has a booking or a waitlist entry for another class at this time. `pass_not_usable`: the chosen pass cannot pay for the class. `pay_with_on_waitlist`: what pays for a waitlist entry cannot be chosen, and the entry cannot be given for free. `nothing_to_pay`, `already_paid`: the spot costs nothing or was paid before, so it cannot be given for free. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn create_booking_for_member(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<CreateBookingForMember>,
) -> Result<StoredResponse> {
    front_desk::create(&app, &caller, &staff, key, form).await
}

/// Updates a booking at the front desk. Staff can check a member in, mark a no-show, undo either,
/// cancel, move to another class, let a pass pay, give the spot for free, record a payment at the
/// desk, and refund. Check-in opens an hour before the start. Staff can cancel after the start: the
/// cancellation is late, unless `lenient` is set.
#[utoipa::path(patch, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = UpdateBooking, responses(
    (status = 200, body = BookingView, description = "The updated booking"),
    (status = 403, description = "`own_booking`: staff cannot mark their own booking as paid, let a pass pay for it, give it for free, waive its fee, refund it, move it, or cancel it leniently or after the start"),
    (status = 404, description = "`not_found`: no booking has this id, or, to move it, no class has `scheduledClassId`, or, to move it or give it for free, the member's account is closed"),
    (status = 409, description = "`check_in_not_open`: check-in opens an hour before the start of the class. `attendance_changed`: the check-in to undo has been replaced by another record. `class_not_started`: a no-show can be recorded only after the start of the class. `no_place`: the booking has no spot. `not_cancellable`: the booking is already cancelled, or the member did not come. `checked_in`: the check-in must be undone before the booking can be cancelled. `not_movable`: only a booking with a spot and without recorded attendance can be moved. `class_full`, `class_cancelled`, `class_over`, `already_booked`, `overlapping_booking`: the booking cannot move to this class. `already_paid`, `not_payable`, `nothing_to_pay`, `nothing_to_refund`, `payment_disputed`: the payment does not allow this action. `pass_not_usable`: no pass of the member can pay, or the pass in `passId` cannot. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn update_booking(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<UpdateBooking>,
) -> Result<StoredResponse> {
    front_desk::update(&app, &caller, &staff, key, form).await
}

fn main() -> Exit {
    serve(route())
}
