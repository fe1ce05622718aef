//! `api/bookings/`: bookings and waitlists.

mod cancel;
mod concurrency;
mod create;
mod fees;
mod free_cancellation;
mod idempotency;
mod limits;
mod list;
mod payment;
pub mod rebooking;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{TestApp, TestClient, TestResponse};

pub async fn book(person: &TestClient, class: Uuid) -> TestResponse {
    let payload = json!({ "scheduledClassId": class });
    person.post("/api/bookings/create", payload).await
}

pub async fn join_waitlist(person: &TestClient, class: Uuid) -> TestResponse {
    let payload = json!({ "scheduledClassId": class, "joinWaitlist": true });
    person.post("/api/bookings/create", payload).await
}

pub async fn cancel(person: &TestClient, booking: &Value) -> TestResponse {
    let payload = json!({ "bookingId": booking["id"] });
    person.post("/api/bookings/cancel", payload).await
}

/// Parses a time in a response.
pub fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// Sets the application's clock to `before` the start of the class that was booked.
pub fn set_clock_before_start(app: &TestApp, booking: &Value, before: TimeDelta) {
    app.set_clock(time(&booking["class"]["startTime"]) - before);
}

/// Inserts a row for a payment at the studio's desk for a booking.
pub async fn insert_desk_payment(app: &TestApp, booking: &Value) {
    app.sql(&format!(
        "insert into payments (id, booking_id, user_id, amount, currency, method, status, paid_at)
        select gen_random_uuid(), id, user_id, price, currency, 'desk', 'paid', now()
        from bookings where id = '{}'",
        booking["id"].as_str().unwrap()
    ))
    .await;
}

/// Asserts the invariants that hold for every occurrence at all times: the participant
/// count matches the bookings, and nobody is on the waitlist of a class with a free spot
/// that starts in more than two hours.
pub async fn assert_bookings_consistent(app: &TestApp) {
    let wrong = app
        .count(
            "select count(*) from scheduled_classes c where c.current_participants <> (
                select count(*) from bookings b where b.scheduled_class_id = c.id
                  and b.status in ('booked', 'attended', 'no_show'))",
        )
        .await;
    assert_eq!(wrong, 0, "a participant count differs from the bookings");
    let skipped = app
        .count(
            "select count(*) from scheduled_classes c where current_participants < max_participants
                and not is_cancelled and start_time > now() + interval '2 hours'
                and exists (select from bookings b where b.scheduled_class_id = c.id
                    and b.status = 'waitlisted')",
        )
        .await;
    assert_eq!(skipped, 0, "a member is waitlisted although a spot is free");
}
