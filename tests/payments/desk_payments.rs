//! Payments at the desk that staff record, and refunds that they request.

use sabor::Error;
use sabor::models::payment::{self, Payment, PaymentMethod};
use sabor::models::payment_status::PaymentStatus;
use serde_json::Value;
use uuid::Uuid;

use super::{
    book_and_pay, booking_status, checkout_completed, event_about, make_payments_due,
    member_event_count, process_refunds, start_checkout, start_payment, start_with_stripe,
};
use crate::bookings::{book, cancel, join_waitlist};
use crate::harness::{NewClass, TestApp, wait_until};

fn booking_id(booking: &Value) -> Uuid {
    booking["id"].as_str().unwrap().parse().unwrap()
}

async fn mark_paid(app: &TestApp, booking: &Value) -> Result<Payment, Error> {
    let now = app.app.clock().now();
    app.app
        .transaction()
        .run(async |tx| {
            payment::mark_paid_at_desk(tx, booking_id(booking), now, now.date_naive()).await
        })
        .await
}

async fn refund_by_staff(app: &TestApp, booking: &Value) -> Result<Payment, Error> {
    let now = app.app.clock().now();
    app.app
        .transaction()
        .run(async |tx| payment::refund(tx, booking_id(booking), None, now).await)
        .await
}

#[tokio::test]
async fn a_desk_payment_is_recorded_with_or_without_a_prior_request() {
    let (app, _stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for is_requested in [true, false] {
        let booking = book(&ana, app.create_class(1).await).await.expect(201);
        if is_requested {
            start_payment(&ana, &booking, "desk").await.expect(201);
        }
        let marked = mark_paid(&app, &booking).await.unwrap();
        assert_eq!(marked.status, PaymentStatus::Paid);
        assert_eq!(
            mark_paid(&app, &booking).await.unwrap_err().code(),
            "already_paid"
        );
    }
    assert_eq!(app.count("select count(*) from payments").await, 2);
    assert_eq!(member_event_count(&app, "payment_paid").await, 2);
}

#[tokio::test]
async fn bookings_without_a_spot_or_a_price_cannot_be_paid_at_the_desk() {
    let (app, _stripe) = start_with_stripe().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = join_waitlist(&ben, class).await.expect(201);
    assert_eq!(
        mark_paid(&app, &waiting).await.unwrap_err().code(),
        "not_payable"
    );
    assert_eq!(
        refund_by_staff(&app, &booking).await.unwrap_err().code(),
        "nothing_to_refund"
    );
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(
        mark_paid(&app, &booking).await.unwrap_err().code(),
        "not_payable"
    );
    let free_class = NewClass {
        price: "0.00",
        ..NewClass::default()
    };
    let free = book(&ana, app.create_class_with(free_class).await)
        .await
        .expect(201);
    assert_eq!(
        mark_paid(&app, &free).await.unwrap_err().code(),
        "nothing_to_pay"
    );
}

#[tokio::test]
async fn paying_at_the_desk_during_an_open_checkout_charges_once() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    mark_paid(&app, &booking).await.unwrap();
    // The member completes the checkout before the application expires it.
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    wait_until(async || member_event_count(&app, "payment_refunded").await == 1).await;
    let paid = "select count(*) from payments where status = 'paid' and method = 'desk'";
    assert_eq!(app.count(paid).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

#[tokio::test]
async fn staff_can_retry_the_cancelled_refund_of_a_superseded_card_payment() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    mark_paid(&app, &booking).await.unwrap();
    stripe.set_refund_status("pending");
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    wait_until(async || {
        let sent = "select count(*) from refunds where provider_refund is not null";
        app.count(sent).await == 1
    })
    .await;
    let id = stripe.refunds()[0]["id"].as_str().unwrap().to_owned();
    let cancelled = stripe.update_refund(&id, "canceled");
    app.deliver_event(&event_about("refund.updated", &cancelled))
        .await
        .expect(200);
    stripe.set_refund_status("succeeded");
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 0);
    let refunded = refund_by_staff(&app, &booking).await.unwrap();
    assert_eq!(refunded.method, PaymentMethod::Card);
    assert_eq!(process_refunds(&app).await, 1);
    let states = "select count(*) from payments
        where (method, status) in (('card', 'refunded'), ('desk', 'paid'))";
    assert_eq!(app.count(states).await, 2);
    // The next refund is of the desk payment, which pays for the booking.
    let refunded = refund_by_staff(&app, &booking).await.unwrap();
    assert_eq!(refunded.method, PaymentMethod::Desk);
}

#[tokio::test]
async fn staff_refund_a_desk_payment_after_a_timely_cancellation() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    mark_paid(&app, &booking).await.unwrap();
    cancel(&ana, &booking).await.expect(200);
    super::process_refunds(&app).await;
    let due = "select count(*) from payments where status = 'refund_due'";
    assert_eq!(app.count(due).await, 1);
    assert_eq!(
        refund_by_staff(&app, &booking).await.unwrap().status,
        PaymentStatus::Refunded
    );
    assert_eq!(
        refund_by_staff(&app, &booking).await.unwrap_err().code(),
        "nothing_to_refund"
    );
    assert!(stripe.refunds().is_empty());
    assert_eq!(member_event_count(&app, "payment_refunded").await, 1);
}

#[tokio::test]
async fn staff_refund_a_card_payment_through_stripe() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    assert_eq!(
        refund_by_staff(&app, &booking).await.unwrap().status,
        PaymentStatus::RefundDue
    );
    assert_eq!(super::process_refunds(&app).await, 1);
    assert_eq!(stripe.refunds().len(), 1);
    assert_eq!(
        super::payment_of(&ana, &booking).await["status"],
        "refunded"
    );
    // A refund does not cancel the booking.
    assert_eq!(booking_status(&app, &booking).await, "booked");
}
