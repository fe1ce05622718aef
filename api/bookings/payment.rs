//! GET, POST /api/bookings/payment — what a booking costs, and paying it.

use sabor::http::{Answered, Json, KeyParams, Keyed, Member, Query};
use sabor::models::payment::Shown;
use sabor::payments::checkout;
use sabor::payments::checkout::{OfBooking, Order, Payable};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_booking_payment, start_booking_payment]
}

/// The last payment of a booking.
#[utoipa::path(get, path = "/api/bookings/payment", tag = "bookings", security(("session" = [])), params(Payable), responses(
    (status = 200, body = OfBooking, description = "`payment` is null when none was begun; `checkoutUrl` is there while it can be paid by card"),
    (status = 400, description = "`bookingId` is missing, or no UUID"),
    (status = 404, description = "The member has no such booking"),
))]
async fn get_booking_payment(
    app: App,
    member: Member,
    Query(payable): Query<Payable>,
) -> Result<Json<OfBooking>> {
    let found = checkout::of_booking(&app, &member, payable);
    found.await.map(Json)
}

/// Begins a payment: by `card` the answer says where to pay, and the place is
/// held for half an hour; at the `desk` it is held. Sent again, it finds the
/// payment that was begun; the other method replaces it. `Idempotency-Key` is
/// honoured.
#[utoipa::path(post, path = "/api/bookings/payment", tag = "bookings", security(("session" = [])), params(KeyParams), request_body = Order, responses(
    (status = 201, body = Shown, description = "The payment; by card with `checkoutUrl`"),
    (status = 404, description = "The member has no such booking"),
    (status = 409, description = "`not_payable`, `nothing_to_pay`, `already_paid`, `card_not_available`, `card_not_possible`, `payment_under_way`, `payment_replaced`; or `idempotency_key_reused`"),
    (status = 503, description = "Stripe does not answer: the same request goes on where this one stopped"),
))]
async fn start_booking_payment(
    app: App,
    member: Member,
    Keyed { key, form }: Keyed<Order>,
) -> Result<Answered> {
    checkout::start(&app, &member, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
