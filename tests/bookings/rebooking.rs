//! Booking a class again after a cancellation.

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{
    assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist,
    set_clock_before_start,
};
use crate::harness::{NewClass, Settings, TestApp, TestClient, wait_until};
use crate::payments::{
    book_and_pay, booking_status, charge_refunded, make_payments_due, payment_of, process_refunds,
    start_with_stripe,
};

/// Books a class with one spot, pays at the desk, and cancels late. Returns the cancelled
/// booking.
async fn cancel_late(app: &TestApp, person: &TestClient) -> Value {
    let booking = book(person, app.create_class(1).await).await.expect(201);
    insert_desk_payment(app, &booking).await;
    set_clock_before_start(app, &booking, TimeDelta::hours(6));
    let cancelled_booking = cancel(person, &booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], true);
    assert_eq!(cancelled_booking["paymentStatus"], "paid");
    cancelled_booking
}

pub fn class_of(booking: &Value) -> uuid::Uuid {
    booking["scheduledClassId"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// The payment of the cancelled booking pays for the reopened one.
#[tokio::test]
async fn booking_again_after_a_late_cancellation_reopens_the_paid_booking() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let cancelled_booking = cancel_late(&app, &ana).await;
    let class = class_of(&cancelled_booking);
    let responses = join_all((0..16).map(|_| book(&ana, class))).await;
    let mut booked = responses.iter().filter(|response| response.status == 201);
    let reopened_booking = booked.next().unwrap().expect(201);
    assert_eq!(booked.count(), 0);
    assert_eq!(reopened_booking["id"], cancelled_booking["id"]);
    assert_eq!(reopened_booking["status"], "booked");
    assert_eq!(reopened_booking["paymentStatus"], "paid");
    assert_eq!(reopened_booking["lateCancellation"], false);
    assert_eq!(reopened_booking["cancelledAt"], Value::Null);
    assert_eq!(app.count("select count(*) from payments").await, 1);
    // The deadline stays. Otherwise, the member could undo the late cancellation by booking
    // and cancelling again.
    assert_eq!(
        reopened_booking["freeCancellationUntil"],
        cancelled_booking["freeCancellationUntil"]
    );
    let cancelled_again = cancel(&ana, &reopened_booking).await.expect(200);
    assert_eq!(cancelled_again["lateCancellation"], true);
    assert_eq!(cancelled_again["paymentStatus"], "paid");
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_that_was_not_paid_is_not_reopened() {
    let app = TestApp::start_with(Settings::default().with("LATE_CANCEL_FEE", "0")).await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::hours(6));
    cancel(&ana, &booking).await.expect(200);
    let new_booking = book(&ana, class).await.expect(201);
    assert_ne!(new_booking["id"], booking["id"]);
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
}

#[tokio::test]
async fn a_paid_booking_joins_the_waitlist_when_the_class_is_full() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let cancelled_booking = cancel_late(&app, &ana).await;
    let class = class_of(&cancelled_booking);
    let other_booking = book(&ben, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ana, class).await.expect(201);
    assert_eq!(waitlisted_booking["id"], cancelled_booking["id"]);
    assert_eq!(waitlisted_booking["status"], "waitlisted");
    // The first cancellation was late, so leaving the waitlist does not refund the payment.
    let cancelled_booking = cancel(&ana, &waitlisted_booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], true);
    assert_eq!(cancelled_booking["paymentStatus"], "paid");
    join_waitlist(&ana, class).await.expect(201);
    cancel(&ben, &other_booking).await.expect(200);
    let promoted_booking = &ana.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(promoted_booking["id"], cancelled_booking["id"]);
    assert_eq!(promoted_booking["status"], "booked");
    assert_eq!(promoted_booking["paymentStatus"], "paid");
    let cancelled_booking = cancel(&ana, promoted_booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], true);
    assert_eq!(app.count("select count(*) from payments").await, 1);
    assert_bookings_consistent(&app).await;
}

/// After automatic promotion has ended, a member on the waitlist books a free spot.
#[tokio::test]
async fn a_spot_booked_from_the_waitlist_does_not_extend_the_deadline() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let late_booking = cancel_late(&app, &ana).await;
    let class = class_of(&late_booking);
    let other_booking = book(&ben, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ana, class).await.expect(201);
    set_clock_before_start(&app, &waitlisted_booking, TimeDelta::hours(1));
    cancel(&ben, &other_booking).await.expect(200);
    let booking = book(&ana, class).await.expect(201);
    assert_eq!(booking["id"], late_booking["id"]);
    assert_eq!(booking["status"], "booked");
    assert_eq!(
        booking["freeCancellationUntil"],
        late_booking["freeCancellationUntil"]
    );
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], true);
    assert_eq!(cancelled_booking["paymentStatus"], "paid");
}

/// An earlier version of the program could store such a payment.
#[tokio::test]
async fn a_payment_of_another_amount_than_the_price_does_not_pay_again() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let cancelled_booking = cancel_late(&app, &ana).await;
    app.sql("update payments set amount = amount - 5").await;
    let class = class_of(&cancelled_booking);
    let reopened_booking = book(&ana, class).await.expect(201);
    assert_eq!(reopened_booking["id"], cancelled_booking["id"]);
    assert_eq!(reopened_booking["paymentStatus"], "refund_due");
    assert_eq!(reopened_booking["amountDue"], "25.00");
}

#[tokio::test]
async fn a_paid_booking_on_the_waitlist_is_refunded_after_the_class_has_moved() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let sofia = app.staff("sofia").await;
    let cancelled_booking = cancel_late(&app, &ana).await;
    let class = class_of(&cancelled_booking);
    book(&ben, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ana, class).await.expect(201);
    let change = json!({ "occurrence": { "id": class, "room": "Another room" } });
    sofia.patch("/api/admin/schedule", change).await.expect(200);
    let cancelled_booking = cancel(&ana, &waitlisted_booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], false);
    assert_eq!(cancelled_booking["paymentStatus"], "refund_due");
}

#[tokio::test]
async fn booking_again_does_not_extend_the_deadline_for_free_cancellation() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app
        .create_class_with(NewClass {
            starts_in: Some(8.0),
            ..NewClass::default()
        })
        .await;
    let booking = book(&ana, class).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    app.app.clock().advance(TimeDelta::minutes(55));
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["paymentStatus"], "refund_due");
    let reopened_booking = book(&ana, class).await.expect(201);
    assert_eq!(reopened_booking["id"], booking["id"]);
    assert_eq!(
        reopened_booking["freeCancellationUntil"],
        booking["freeCancellationUntil"]
    );
    app.app.clock().advance(TimeDelta::minutes(6));
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], true);
    assert_eq!(cancelled_booking["paymentStatus"], "paid");
}

#[tokio::test]
async fn a_booking_reopened_after_the_class_moved_can_be_cancelled_until_the_new_deadline() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app
        .create_class_with(NewClass {
            starts_in: Some(48.0),
            ..NewClass::default()
        })
        .await;
    let booking = book(&ana, class).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], false);
    app.sql(
        "update scheduled_classes set start_time = start_time + interval '2 days',
            end_time = end_time + interval '2 days'",
    )
    .await;
    let reopened_booking = book(&ana, class).await.expect(201);
    assert_eq!(reopened_booking["id"], booking["id"]);
    assert_eq!(reopened_booking["paymentStatus"], "paid");
    let at_new_deadline = "select count(*) from bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        where b.free_until = c.start_time - interval '12 hours'";
    assert_eq!(app.count(at_new_deadline).await, 1);
    // This is half an hour after the deadline that belonged to the old time.
    app.app.clock().advance(TimeDelta::minutes(36 * 60 + 30));
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], false);
    assert_eq!(cancelled_booking["paymentStatus"], "refund_due");
}

#[tokio::test]
async fn a_payment_that_was_refunded_in_part_does_not_pay_again() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    stripe.refund_in_dashboard(&session, 1_000);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    set_clock_before_start(&app, &booking, TimeDelta::hours(6));
    cancel(&ana, &booking).await.expect(200);
    let reopened_booking = book(&ana, class_of(&booking)).await.expect(201);
    assert_eq!(reopened_booking["id"], booking["id"]);
    assert_eq!(reopened_booking["paymentStatus"], "refund_due");
    assert_eq!(reopened_booking["amountDue"], "25.00");
}

#[tokio::test]
async fn booking_again_withdraws_a_refund_that_was_not_sent() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["paymentStatus"], "refund_due");
    let reopened_booking = book(&ana, class_of(&booking)).await.expect(201);
    assert_eq!(reopened_booking["id"], booking["id"]);
    assert_eq!(reopened_booking["paymentStatus"], "paid");
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 0);
    assert!(stripe.refunds().is_empty());
    // The next cancellation is refunded.
    cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
}

#[tokio::test]
async fn booking_again_after_the_refund_was_sent_creates_a_new_booking() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    stripe.set_refund_status("pending");
    cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || stripe.refunds().len() == 1).await;
    let new_booking = book(&ana, class_of(&booking)).await.expect(201);
    assert_ne!(new_booking["id"], booking["id"]);
    assert_eq!(new_booking["paymentStatus"], Value::Null);
    assert_eq!(payment_of(&ana, &booking).await["status"], "refund_due");
}

#[tokio::test]
async fn a_refund_is_sent_ten_minutes_after_the_cancellation_at_the_earliest() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(process_refunds(&app).await, 0);
    assert!(stripe.refunds().is_empty());
    let postponed = "select count(*) from refunds, bookings
        where state = 'due' and next_attempt_at = cancelled_at + interval '10 minutes'";
    assert_eq!(app.count(postponed).await, 1);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
}

/// Either the refund is withdrawn and the old booking is reopened as paid, or the refund is
/// sent and a new, unpaid booking is created.
#[tokio::test]
async fn a_refund_is_either_withdrawn_or_sent_while_the_member_books_again() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for round in 1..=8 {
        let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
        cancel(&ana, &booking).await.expect(200);
        make_payments_due(&app).await;
        let refunds = join_all((0..4).map(|_| process_refunds(&app)));
        let (_, response) = join(refunds, book(&ana, class_of(&booking))).await;
        let new_booking = response.expect(201);
        let status = async || payment_of(&ana, &booking).await["status"].clone();
        if new_booking["id"] == booking["id"] {
            assert_eq!(status().await, "paid", "round {round}");
        } else {
            wait_until(async || status().await == "refunded").await;
        }
        cancel(&ana, &new_booking).await.expect(200);
    }
    assert_bookings_consistent(&app).await;
}
