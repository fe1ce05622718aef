//! Refunds of card payments.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    book_and_pay, checkout_completed, event_about, make_payments_due, member_event_count,
    payment_of, process_refunds, review_count, start_payment, start_with_stripe,
};
use crate::bookings::{book, cancel, set_clock_before_start};
use crate::harness::{LocalStripe, NewClass, StripeFault, TestApp, python, wait_until};

async fn payment_status(app: &TestApp) -> String {
    let rows = app.sql("select status from payments").await;
    rows[0].get(0)
}

/// Rule: after a timely cancellation, the payment becomes `refund_due`, and a card payment is
/// refunded through the provider.
#[tokio::test]
async fn a_timely_cancellation_refunds_the_card() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || payment_status(&app).await == "refunded").await;
    let requests = stripe.requests("POST", "/v1/refunds");
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].form["payment_intent"],
        session["payment_intent"]
    );
    // The request states the amount. Otherwise, Stripe would refund everything that is left.
    assert_eq!(requests[0].form["amount"], "2500");
    let refund_id = &requests[0].form["metadata[refund_id]"];
    assert_eq!(requests[0].key.as_ref(), Some(refund_id));
    let payment = payment_of(&ana, &booking).await;
    assert!(payment["refundedAt"].is_string());
    assert_eq!(member_event_count(&app, "payment_refunded").await, 1);
    // Stripe also sends an event about the refund.
    let updated = event_about("refund.updated", &stripe.refunds()[0]);
    app.deliver_event(&updated).await.expect(200);
    assert_eq!(member_event_count(&app, "payment_refunded").await, 1);
}

#[tokio::test]
async fn a_late_cancellation_is_not_refunded() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    set_clock_before_start(&app, &booking, TimeDelta::hours(11));
    let cancelled = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled["lateCancellation"], true);
    assert_eq!(process_refunds(&app).await, 0);
    assert_eq!(payment_status(&app).await, "paid");
    assert!(stripe.refunds().is_empty());
}

/// Rule: when an occurrence is cancelled, no matter how late, its payments become
/// `refund_due`, and card payments are refunded through the provider.
#[tokio::test]
async fn a_class_that_is_cancelled_an_hour_before_its_start_refunds_the_card() {
    let (app, stripe) = start_with_stripe().await;
    let (ana, sofia) = (app.member("ana").await, app.staff("sofia").await);
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    app.sql("update scheduled_classes set start_time = now() + interval '1 hour', end_time = now() + interval '2 hours'")
        .await;
    let class = booking["scheduledClassId"].as_str().unwrap();
    let path = format!("/api/admin/schedule?occurrenceId={class}");
    sofia.delete(&path).await.expect(200);
    wait_until(async || payment_status(&app).await == "refunded").await;
    assert_eq!(stripe.refunds().len(), 1);
}

#[tokio::test]
async fn a_pending_refund_is_checked_again_and_not_sent_again() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    stripe.set_refund_status("pending");
    assert_eq!(process_refunds(&app).await, 0);
    assert_eq!(payment_status(&app).await, "refund_due");
    // The next run checks the refund and does not create another one.
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 0);
    assert_eq!(stripe.requests("POST", "/v1/refunds").len(), 1);
    let id = stripe.refunds()[0]["id"].as_str().unwrap().to_owned();
    let succeeded = stripe.update_refund(&id, "succeeded");
    app.deliver_event(&event_about("refund.updated", &succeeded))
        .await
        .expect(200);
    assert_eq!(payment_status(&app).await, "refunded");
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 0);
    assert_eq!(stripe.refunds().len(), 1);
}

#[tokio::test]
async fn a_failed_refund_is_retried_and_logged() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    stripe.set_refund_status("pending");
    process_refunds(&app).await;
    let id = stripe.refunds()[0]["id"].as_str().unwrap().to_owned();
    let failed = stripe.update_refund(&id, "failed");
    app.deliver_event(&event_about("refund.failed", &failed))
        .await
        .expect(200);
    assert_eq!(payment_status(&app).await, "refund_due");
    let logged = "select count(*) from security_events where kind = 'payment_mismatch'";
    assert_eq!(app.count(logged).await, 1);
    stripe.set_refund_status("succeeded");
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 1);
    assert_eq!(payment_status(&app).await, "refunded");
    let requests = stripe.requests("POST", "/v1/refunds");
    assert_eq!(requests.len(), 2);
    assert_ne!(requests[0].key, requests[1].key);
}

#[tokio::test]
async fn a_refund_that_fails_with_a_server_error_is_retried_with_growing_delays() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    let mut previous_delay = 0.0;
    for _ in 0..3 {
        stripe.fail_next(&[StripeFault::Status(500); 3]);
        assert_eq!(process_refunds(&app).await, 0);
        // The refund is not retried before it is due.
        let request_count = stripe.requests("POST", "/v1/refunds").len();
        assert_eq!(process_refunds(&app).await, 0);
        assert_eq!(stripe.requests("POST", "/v1/refunds").len(), request_count);
        let rows = app
            .sql("select extract(epoch from next_attempt_at - now())::float8 from refunds")
            .await;
        let delay: f64 = rows[0].get(0);
        assert!(delay > previous_delay * 1.5 && delay > 30.0, "{delay}");
        previous_delay = delay;
        make_payments_due(&app).await;
    }
    assert_eq!(process_refunds(&app).await, 1);
    let requests = stripe.requests("POST", "/v1/refunds");
    assert!(
        requests
            .iter()
            .all(|request| request.key == requests[0].key)
    );
    assert_eq!(stripe.refunds().len(), 1);
}

#[tokio::test]
async fn a_lost_stripe_response_does_not_refund_twice() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    stripe.fail_next(&[
        StripeFault::ResponseLost,
        StripeFault::Status(500),
        StripeFault::Status(500),
    ]);
    assert_eq!(process_refunds(&app).await, 0);
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 1);
    assert_eq!(stripe.refunds().len(), 1);
}

#[tokio::test]
async fn a_refund_made_in_the_stripe_dashboard_is_recognized() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (_, session) = book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    // The event about this refund has not arrived.
    stripe.refund_in_dashboard(&session, 2_500);
    assert_eq!(process_refunds(&app).await, 1);
    assert_eq!(payment_status(&app).await, "refunded");
    assert_eq!(stripe.refunds().len(), 1);
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 0);
    let withdrawn = "select count(*) from refunds where state = 'withdrawn'";
    assert_eq!(app.count(withdrawn).await, 1);
}

/// The previous version of the program sends the id of the payment as the only metadata.
#[tokio::test]
async fn a_refund_that_the_previous_version_sent_is_recognized() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (_, session) = book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    let metadata = session["metadata"].clone();
    let sent_refund = stripe.refund_with_metadata(&session, 2_500, metadata);
    assert_eq!(process_refunds(&app).await, 1);
    let states = app.sql("select state, provider_refund from refunds").await;
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].get::<_, String>(0), "done");
    assert_eq!(sent_refund["id"], states[0].get::<_, String>(1));
}

/// Stripe keeps an idempotency key for at least a day. The application relies on it for only
/// twelve hours, and then looks the refund up.
#[tokio::test]
async fn a_refund_whose_response_was_lost_long_ago_is_looked_up_before_it_is_sent_again() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    // The refund is partial. Stripe would reject a second full refund, but accept a second
    // partial one.
    app.sql("insert into refunds (id, payment_id, amount, source) select gen_random_uuid(), id, 5, 'staff' from payments")
        .await;
    stripe.fail_next(&[
        StripeFault::ResponseLost,
        StripeFault::Status(500),
        StripeFault::Status(500),
    ]);
    assert_eq!(process_refunds(&app).await, 0);
    stripe.forget_keys();
    app.sql("update refunds set first_sent_at = now() - interval '13 hours'")
        .await;
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 1);
    assert_eq!(stripe.refunds().len(), 1);
    assert_eq!(stripe.requests("GET", "/v1/refunds").len(), 1);
}

#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded_is_replaced_by_a_new_one() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    let mut expected_review_count = 0;
    for attempt in 1..=3 {
        assert_eq!(process_refunds(&app).await, 1, "{attempt}");
        let payment = payment_of(&ana, &booking).await;
        assert_eq!(payment["status"], "refunded", "{attempt}");
        let newest = stripe.refunds().len() - 1;
        let id = stripe.refunds()[newest]["id"].as_str().unwrap().to_owned();
        let failed = event_about("refund.failed", &stripe.update_refund(&id, "failed"));
        app.deliver_event(&failed).await.expect(200);
        expected_review_count += 1;
        assert_eq!(review_count(&app).await, expected_review_count);
        make_payments_due(&app).await;
    }
    // After three failed refunds, the application sends no more. Staff must decide.
    assert_eq!(process_refunds(&app).await, 0);
    let payment = payment_of(&ana, &booking).await;
    assert_eq!(
        (&payment["status"], &payment["refunded"]),
        (&json!("paid"), &json!("0.00"))
    );
    assert!(payment["refundedAt"].is_null());
    let sofia = app.staff("sofia").await;
    let refund = json!({ "bookingId": booking["id"], "action": "refund" });
    sofia.patch("/api/admin/bookings", refund).await.expect(200);
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
}

#[tokio::test]
async fn refunds_are_sent_concurrently_and_those_of_earlier_classes_first() {
    let (app, stripe) = start_with_stripe().await;
    let (earlier_class, later_class) = (app.create_class(20).await, app.create_class(20).await);
    app.sql(&format!("update scheduled_classes set start_time = now() + interval '7 days', end_time = now() + interval '169 hours' where id = '{later_class}'"))
        .await;
    for (number, class) in [later_class]
        .into_iter()
        .chain([earlier_class; 8])
        .enumerate()
    {
        let member = app.member(&format!("member{number}")).await;
        let booking = book(&member, class).await.expect(201);
        let started = start_payment(&member, &booking, "card").await.expect(201);
        let session = stripe.session_by_url(&started["checkoutUrl"]);
        let session = stripe.complete_checkout(&session);
        app.deliver_event(&checkout_completed(&session))
            .await
            .expect(200);
    }
    app.sql("update payments set status = 'refund_due'").await;
    // The refund of the later class has waited longest.
    app.sql(&format!("update refunds set next_attempt_at = now() - interval '1 hour' where payment_id = (select p.id from payments p join bookings b on b.id = p.booking_id where b.scheduled_class_id = '{later_class}')"))
        .await;
    stripe.hold();
    let (processed, ()) = tokio::join!(process_refunds(&app), async {
        wait_until(async || stripe.most_in_flight() == 8).await;
        stripe.release();
    });
    assert_eq!(processed, 9);
    assert_eq!(stripe.most_in_flight(), 8);
    let rows = app
        .sql(&format!("select p.provider_payment from payments p join bookings b on b.id = p.booking_id where b.scheduled_class_id = '{later_class}'"))
        .await;
    let requests = stripe.requests("POST", "/v1/refunds");
    let last_payment: String = rows[0].get(0);
    assert_eq!(requests[8].form["payment_intent"], last_payment);
}

#[tokio::test]
async fn concurrent_runs_refund_each_payment_once() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for _ in 0..4 {
        book_and_pay(&app, &stripe, &ana).await;
    }
    app.sql("update payments set status = 'refund_due'").await;
    let refunded: u64 = join_all((0..16).map(|_| process_refunds(&app)))
        .await
        .iter()
        .sum();
    assert_eq!(refunded, 4);
    assert_eq!(stripe.requests("POST", "/v1/refunds").len(), 4);
    assert_eq!(member_event_count(&app, "payment_refunded").await, 4);
}

/// `localstripe` has no Checkout Sessions, so this test refunds a payment intent.
#[tokio::test]
async fn localstripe_accepts_our_refund() {
    let Some(python) = python().await else {
        return;
    };
    let stripe = LocalStripe::start(&python).await;
    let app = TestApp::start_with(stripe.settings()).await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class_with(NewClass::default()).await)
        .await
        .expect(201);
    let intent = stripe
        .post(
            "/v1/payment_intents",
            "amount=2500&currency=usd&payment_method=pm_card_visa&confirm=true",
        )
        .await;
    assert_eq!(intent["status"], "succeeded", "{intent}");
    let payment_id = Uuid::now_v7();
    let intent_id = intent["id"].as_str().unwrap();
    app.sql(&format!(
        "insert into payments (id, booking_id, user_id, amount, currency, method, status,
            provider, provider_payment, paid_at)
        select '{payment_id}', b.id, b.user_id, 25, 'USD', 'card', 'refund_due', 'stripe', '{intent_id}', now()
        from bookings b"
    ))
    .await;
    assert_eq!(process_refunds(&app).await, 1);
    assert_eq!(payment_of(&ana, &booking).await["status"], "refunded");
    let rows = app
        .sql("select provider_refund, id::text from refunds")
        .await;
    let (provider_id, refund_id): (String, String) = (rows[0].get(0), rows[0].get(1));
    let url = format!("{}/v1/refunds?payment_intent={intent_id}", stripe.url);
    let request = reqwest::Client::new().get(url).bearer_auth("sk_test");
    let text = request.send().await.unwrap().text().await.unwrap();
    let refunds: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(refunds["data"][0]["id"], provider_id.as_str(), "{text}");
    assert_eq!(refunds["data"][0]["amount"], 2_500);
    assert_eq!(
        refunds["data"][0]["metadata"],
        json!({ "payment_id": payment_id, "refund_id": refund_id })
    );
    // `localstripe` rejects an unknown payment intent.
    app.sql("update refunds set state = 'failed', done_at = null")
        .await;
    app.sql("update payments set provider_payment = 'pi_unknown', status = 'refund_due'")
        .await;
    assert_eq!(process_refunds(&app).await, 0);
    assert_eq!(payment_status(&app).await, "refund_due");
}
