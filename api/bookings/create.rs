//! POST /api/bookings/create — book a place in a class.

use sabor::bookings::member;
use sabor::bookings::member::Wish;
use sabor::http::{Answered, KeyParams, Keyed, Member};
use sabor::models::booking::Shown;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![create_booking]
}

/// Books a place, or with `joinWaitlist` one in the line for it when the class
/// is full. `Idempotency-Key` is honoured.
#[utoipa::path(post, path = "/api/bookings/create", tag = "bookings", security(("session" = [])), params(KeyParams), request_body = Wish, responses(
    (status = 201, body = Shown, description = "Booked, or on the waitlist: see `status`"),
    (status = 404, description = "There is no such class"),
    (status = 409, description = "`class_full`, `already_booked`, `class_started`, `class_cancelled`, `waitlist_closed`; or `idempotency_key_reused`"),
))]
async fn create_booking(
    app: App,
    member: Member,
    Keyed { key, form }: Keyed<Wish>,
) -> Result<Answered> {
    member::create(&app, &member, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
