//! Money across the desk, as staff note it.

use sabor::Error;
use sabor::models::payment::{self, Payment, Status};
use serde_json::Value;
use uuid::Uuid;

use super::{booking_status, checkout, completed, events, paid, pay, studio};
use crate::bookings::{book, cancel, wait_for};
use crate::harness::{Class, TestApp, until};

fn id(booking: &Value) -> Uuid {
    booking["id"].as_str().unwrap().parse().unwrap()
}

async fn mark(app: &TestApp, booking: &Value) -> Result<Payment, Error> {
    let now = app.app.clock().now();
    let marked = app
        .app
        .db()
        .transaction(async |client| payment::mark_paid_at_desk(client, id(booking), now).await);
    marked.await
}

async fn pay_back(app: &TestApp, booking: &Value) -> Result<Payment, Error> {
    let now = app.app.clock().now();
    let refunded = app
        .app
        .db()
        .transaction(async |client| payment::refund(client, id(booking), now).await);
    refunded.await
}

#[tokio::test]
async fn money_at_the_desk_is_noted_whether_or_not_it_was_announced() {
    let (app, _stripe) = studio().await;
    let ana = app.member("ana").await;
    for announced in [true, false] {
        let booking = book(&ana, app.class(1).await).await.expect(201);
        if announced {
            pay(&ana, &booking, "desk").await.expect(201);
        }
        let marked = mark(&app, &booking).await.unwrap();
        assert_eq!(marked.status, Status::Paid);
        assert_eq!(
            mark(&app, &booking).await.unwrap_err().code(),
            "already_paid"
        );
    }
    assert_eq!(app.count("select count(*) from payments").await, 2);
    assert_eq!(events(&app, "payment_paid").await, 2);
}

#[tokio::test]
async fn what_has_no_place_or_no_price_is_not_paid_at_the_desk() {
    let (app, _stripe) = studio().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = wait_for(&ben, class).await.expect(201);
    assert_eq!(
        mark(&app, &waiting).await.unwrap_err().code(),
        "not_payable"
    );
    assert_eq!(
        pay_back(&app, &booking).await.unwrap_err().code(),
        "nothing_to_refund"
    );
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(
        mark(&app, &booking).await.unwrap_err().code(),
        "not_payable"
    );
    let free = Class {
        price: "0.00",
        ..Class::default()
    };
    let free = book(&ana, app.class_like(free).await).await.expect(201);
    assert_eq!(
        mark(&app, &free).await.unwrap_err().code(),
        "nothing_to_pay"
    );
}

#[tokio::test]
async fn who_pays_at_the_desk_while_a_checkout_is_open_pays_once() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    mark(&app, &booking).await.unwrap();
    // Before the checkout is closed, it is paid all the same.
    let session = stripe.pay(&session);
    app.hear(&completed(&session)).await.expect(200);
    until(async || stripe.refunds().len() == 1).await;
    until(async || events(&app, "payment_refunded").await == 1).await;
    let paid = "select count(*) from payments where status = 'paid' and method = 'desk'";
    assert_eq!(app.count(paid).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

/// Rule: desk payments are refunded by staff.
#[tokio::test]
async fn a_desk_payment_of_a_timely_cancellation_is_refunded_by_staff() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    mark(&app, &booking).await.unwrap();
    cancel(&ana, &booking).await.expect(200);
    super::refund(&app).await;
    let due = "select count(*) from payments where status = 'refund_due'";
    assert_eq!(app.count(due).await, 1);
    assert_eq!(
        pay_back(&app, &booking).await.unwrap().status,
        Status::Refunded
    );
    assert_eq!(
        pay_back(&app, &booking).await.unwrap_err().code(),
        "nothing_to_refund"
    );
    assert!(stripe.refunds().is_empty());
    assert_eq!(events(&app, "payment_refunded").await, 1);
}

#[tokio::test]
async fn staff_give_a_card_payment_back_through_stripe() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, _) = paid(&app, &stripe, &ana).await;
    assert_eq!(
        pay_back(&app, &booking).await.unwrap().status,
        Status::RefundDue
    );
    assert_eq!(super::refund(&app).await, 1);
    assert_eq!(stripe.refunds().len(), 1);
    assert_eq!(super::payment(&ana, &booking).await["status"], "refunded");
    // It was the money, not the place.
    assert_eq!(booking_status(&app, &booking).await, "booked");
}
