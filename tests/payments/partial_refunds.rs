//! Partial refunds: by staff, after a cancellation, and in Stripe's dashboard.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    book_and_pay, charge_refunded, checkout_completed, event_about, make_payments_due,
    member_event_count, payment_of, process_refunds, review_count, start_payment,
    start_with_stripe,
};
use crate::bookings::{book, cancel};
use crate::harness::{NewClass, StripeStandIn, TestApp, TestClient, wait_until};

/// Books a class that costs 100.00 and pays by card; returns the booking and the session.
async fn pay_hundred(app: &TestApp, stripe: &StripeStandIn, ana: &TestClient) -> (Value, Value) {
    let class = NewClass {
        price: "100.00",
        ..NewClass::default()
    };
    let booking = book(ana, app.create_class_with(class).await)
        .await
        .expect(201);
    let started = start_payment(ana, &booking, "card").await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&started["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    (booking, session)
}

#[tokio::test]
async fn a_partial_refund_in_the_dashboard_is_recorded_once_and_the_rest_is_refunded_later() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    let refunds: Vec<_> = [100, 200, 300, 400, 500]
        .map(|amount| stripe.refund_in_dashboard(&session, amount))
        .into();
    let mut events = vec![charge_refunded(&session)];
    for kind in ["refund.created", "refund.updated"] {
        events.extend(refunds.iter().map(|refund| event_about(kind, refund)));
    }
    for response in join_all(events.iter().map(|event| app.deliver_event(event))).await {
        response.expect(200);
    }
    let payment = payment_of(&ana, &booking).await;
    assert_eq!(payment["status"], "partly_refunded");
    assert_eq!(payment["refunded"], "15.00");
    assert!(payment["refundedAt"].is_null());
    assert_eq!(member_event_count(&app, "payment_refunded").await, 5);
    assert_eq!(review_count(&app).await, 0);
    let by_provider = "select count(*) from refunds where source = 'provider' and state = 'done'";
    assert_eq!(app.count(by_provider).await, 5);
    let bookings = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(bookings["items"][0]["paymentStatus"], "partly_refunded");
    // A timely cancellation refunds the rest.
    cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
    let requests = stripe.requests("POST", "/v1/refunds");
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].form["amount"], "1000");
}

#[tokio::test]
async fn a_due_refund_is_reduced_by_a_refund_in_the_dashboard() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    stripe.refund_in_dashboard(&session, 1_000);
    // The event about this refund has not arrived, so the application requests the whole
    // amount, and Stripe rejects the request.
    process_refunds(&app).await;
    make_payments_due(&app).await;
    process_refunds(&app).await;
    let payment = payment_of(&ana, &booking).await;
    assert_eq!(payment["status"], "refunded");
    assert_eq!(payment["refunded"], "25.00");
    let rows = app
        .sql("select state || ' ' || amount from refunds order by created_at")
        .await;
    let states: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(states, ["withdrawn 25.00", "done 15.00", "done 10.00"]);
    assert_eq!(review_count(&app).await, 0);
}

#[tokio::test]
async fn a_due_refund_replaced_by_a_refund_in_the_dashboard_is_due_again_if_that_refund_fails() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = pay_hundred(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    let refund = stripe.refund_in_dashboard(&session, 7_000);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    let failed = stripe.update_refund(refund["id"].as_str().unwrap(), "failed");
    app.deliver_event(&event_about("refund.failed", &failed))
        .await
        .expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
    let refunds = stripe.refunds().into_iter();
    let succeeded = refunds.filter(|refund| refund["status"] == "succeeded");
    let mut amounts: Vec<_> = succeeded.map(|refund| refund["amount"].as_i64()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [Some(3_000), Some(7_000)]);
    assert_eq!(review_count(&app).await, 1);
}

#[tokio::test]
async fn only_what_a_refund_has_replaced_is_due_again_and_only_while_the_booking_is_cancelled() {
    for is_cancelled in [true, false] {
        let (app, stripe) = start_with_stripe().await;
        let ana = app.member("ana").await;
        let (_, session) = pay_hundred(&app, &stripe, &ana).await;
        app.sql("insert into refunds (id, payment_id, amount, source) select gen_random_uuid(), id, 40, 'staff' from payments")
            .await;
        let refund = stripe.refund_in_dashboard(&session, 10_000);
        app.deliver_event(&charge_refunded(&session))
            .await
            .expect(200);
        if is_cancelled {
            app.sql("update bookings set status = 'cancelled', cancelled_at = now(), late_cancellation = true")
                .await;
        }
        let failed = stripe.update_refund(refund["id"].as_str().unwrap(), "failed");
        app.deliver_event(&event_about("refund.failed", &failed))
            .await
            .expect(200);
        let rows = app
            .sql("select state || ' ' || amount from refunds order by created_at")
            .await;
        let states: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let mut expected = vec!["withdrawn 40.00", "failed 100.00"];
        expected.extend(is_cancelled.then_some("due 40.00"));
        assert_eq!(states, expected);
        assert_eq!(review_count(&app).await, 1);
    }
}

/// 64 staff members each try to refund 30.00 of 100.00, and three succeed. Then the whole
/// amount is refunded in Stripe's dashboard.
#[tokio::test]
async fn concurrent_refunds_by_staff_and_the_dashboard_never_exceed_the_payment() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = pay_hundred(&app, &stripe, &ana).await;
    let insert = "insert into refunds (id, payment_id, amount, source) select gen_random_uuid(), id, 30, 'staff' from payments";
    let attempts = (0..64).map(async |_| {
        let client = app.app.db().client().await.unwrap();
        client.batch_execute(insert).await.is_ok()
    });
    let accepted = join_all(attempts).await;
    assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 3);
    assert_eq!(payment_of(&ana, &booking).await["refunded"], "90.00");
    assert_eq!(payment_of(&ana, &booking).await["status"], "refund_due");
    stripe.refund_in_dashboard(&session, 10_000);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    let payment = payment_of(&ana, &booking).await;
    assert_eq!(payment["refunded"], "100.00");
    assert_eq!(payment["status"], "refunded");
    let withdrawn = "select count(*) from refunds where state = 'withdrawn'";
    assert_eq!(app.count(withdrawn).await, 3);
    assert_eq!(process_refunds(&app).await, 0);
    assert!(stripe.requests("POST", "/v1/refunds").is_empty());
    assert_eq!(review_count(&app).await, 0);
}

#[tokio::test]
async fn the_revenue_report_includes_partial_refunds() {
    let (app, stripe) = start_with_stripe().await;
    let (ana, vera) = (app.member("ana").await, app.admin("vera").await);
    let (_, session) = book_and_pay(&app, &stripe, &ana).await;
    stripe.refund_in_dashboard(&session, 1_000);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    app.sql("insert into refunds (id, payment_id, amount, source) select gen_random_uuid(), id, 5, 'staff' from payments")
        .await;
    let dashboard = vera.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(
        dashboard["revenue"],
        json!([{ "currency": "USD", "paid": "25.00", "refunded": "10.00", "net": "15.00" }])
    );
    assert_eq!(dashboard["refundsDue"][0]["amount"], "5.00");
}
