//! GET, POST /api/bookings/payment — the payment of a booking.

use sabor::http::{IdempotencyKeyParams, Idempotent, Json, Member, Query, StoredResponse};
use sabor::payments::booking_payment;
use sabor::payments::booking_payment::{BookingPayment, PaymentQuery, StartPayment};
use sabor::payments::view::PaymentView;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_booking_payment, start_booking_payment]
}

/// Returns the latest payment of a booking.
#[utoipa::path(get, path = "/api/bookings/payment", tag = "bookings", security(("session" = [])), params(PaymentQuery), responses(
    (status = 200, body = BookingPayment, description = "`payment` is null if none was started; its `checkoutUrl` is set if it is a card payment that can still be paid"),
    (status = 404, description = "`not_found`: the member has no booking with this id"),
))]
async fn get_booking_payment(
    app: App,
    member: Member,
    Query(query): Query<PaymentQuery>,
) -> Result<Json<BookingPayment>> {
    let found = booking_payment::find(&app, &member, query);
    found.await.map(Json)
}

/// Starts a payment. For `card`, the response has the URL of the payment page,
/// and the spot is held for half an hour. For `desk`, the spot is held without a
/// time limit. A repeated request returns the existing payment. A request with
/// the other method replaces the existing payment.
#[utoipa::path(post, path = "/api/bookings/payment", tag = "bookings", security(("session" = [])), params(IdempotencyKeyParams), request_body = StartPayment, responses(
    (status = 201, body = PaymentView, description = "The payment; a card payment has `checkoutUrl`"),
    (status = 404, description = "`not_found`: the member has no booking with this id"),
    (status = 409, description = "`not_payable`: the booking has no spot. `nothing_to_pay`: the class is free. `already_paid`: the booking is paid. `card_not_available`: card payments are not configured. `card_not_possible`: the amount cannot be paid by card. `payment_under_way`: a card payment was made and is not confirmed yet. `payment_replaced`: the payment was cancelled or failed during this request. `idempotency_key_reused`: the key belongs to another request"),
    (status = 503, description = "`unavailable`: Stripe does not answer; repeat the request to continue the payment"),
))]
async fn start_booking_payment(
    app: App,
    member: Member,
    Idempotent { key, form }: Idempotent<StartPayment>,
) -> Result<StoredResponse> {
    booking_payment::start(&app, &member, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
