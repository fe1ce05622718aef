//! `api/bookings/payment.rs`. Stripe is the fake server in `harness/stripe.rs`, since
//! `localstripe` does not support Checkout Sessions.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_bookings_consistent, book, cancel, join_waitlist};
use crate::harness::{
    NewClass, SITE, StripeFault, StripeStandIn, TestApp, TestClient, TestResponse, wait_until,
};
use crate::payments::{
    booking_status, checkout_completed, expire_card_payments, payment_of, release_unpaid,
    start_checkout, start_payment, start_with_stripe,
};

async fn start_payment_with_key(
    person: &TestClient,
    key: &str,
    booking: &Value,
    method: &str,
) -> TestResponse {
    let request = person
        .request(Method::POST, "/api/bookings/payment")
        .header("idempotency-key", key);
    let payload = json!({ "bookingId": booking["id"], "method": method });
    person.send(request.json(&payload)).await
}

async fn assert_one_payment_and_session(app: &TestApp, stripe: &StripeStandIn) {
    assert_eq!(app.count("select count(*) from payments").await, 1);
    assert_eq!(stripe.sessions().len(), 1);
}

#[tokio::test]
async fn a_booking_has_no_payment_until_one_is_started() {
    let (app, _stripe) = start_with_stripe().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    assert_eq!(payment_of(&ana, &booking).await, Value::Null);
    let path = format!(
        "/api/bookings/payment?bookingId={}",
        booking["id"].as_str().unwrap()
    );
    ben.get(&path).await.expect_code(404, "not_found");
    for query in ["", "?bookingId=", "?bookingId=x"] {
        let response = ana.get(&format!("/api/bookings/payment{query}")).await;
        let details = response.expect_code(400, "validation_failed")["details"].clone();
        assert_eq!(details["bookingId"][0], "must be a UUID");
    }
}

#[tokio::test]
async fn a_card_payment_creates_a_checkout_session() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let payment = start_payment(&ana, &booking, "card").await.expect(201);
    assert_eq!(payment["status"], "pending");
    assert_eq!(
        (&payment["amount"], &payment["currency"]),
        (&json!("25.00"), &json!("USD"))
    );
    assert_eq!(payment_of(&ana, &booking).await, payment);

    let requests = stripe.requests("POST", "/v1/checkout/sessions");
    let form = &requests[0].form;
    let id = payment["id"].as_str().unwrap();
    let return_url = format!(
        "{SITE}/bookings?booking={}",
        booking["id"].as_str().unwrap()
    );
    for (field, value) in [
        ("mode", "payment"),
        ("payment_method_types[0]", "card"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "2500"),
        (
            "line_items[0][price_data][product_data][name]",
            "Salsa on a Friday",
        ),
        ("metadata[payment_id]", id),
        ("payment_intent_data[metadata][payment_id]", id),
        ("customer_email", "ana@example.com"),
        ("success_url", &format!("{return_url}&payment=done")),
        ("cancel_url", &format!("{return_url}&payment=open")),
    ] {
        assert_eq!(form[field], value, "{field}");
    }
    assert!(requests[0].key.as_ref().unwrap().starts_with(id));
}

/// Rule: a booking with an open desk payment keeps its spot.
#[tokio::test]
async fn a_desk_payment_holds_the_spot() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let payment = start_payment(&ana, &booking, "desk").await.expect(201);
    assert_eq!(
        (&payment["status"], &payment["method"]),
        (&json!("pending"), &json!("desk"))
    );
    assert_eq!(
        (&payment["checkoutUrl"], &payment["expiresAt"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        start_payment(&ana, &booking, "desk").await.expect(201),
        payment
    );
    app.app.clock().advance(chrono::TimeDelta::hours(24));
    assert_eq!(release_unpaid(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert!(stripe.sessions().is_empty());
}

#[tokio::test]
async fn bookings_that_cannot_be_paid_are_rejected() {
    let (app, stripe) = start_with_stripe().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ben, class).await.expect(201);
    let free_class = NewClass {
        price: "0.00",
        ..NewClass::default()
    };
    let free_booking = book(&ana, app.create_class_with(free_class).await)
        .await
        .expect(201);
    for method in ["card", "desk"] {
        let rejected = start_payment(&ben, &booking, method).await;
        rejected.expect_code(404, "not_found");
        let rejected = start_payment(&ben, &waitlisted_booking, method).await;
        rejected.expect_code(409, "not_payable");
        let rejected = start_payment(&ana, &free_booking, method).await;
        rejected.expect_code(409, "nothing_to_pay");
    }
    let payment = start_payment(&ana, &booking, "card").await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&payment["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    for method in ["card", "desk"] {
        let rejected = start_payment(&ana, &booking, method).await;
        rejected.expect_code(409, "already_paid");
    }
    cancel(&ben, &waitlisted_booking).await.expect(200);
    start_payment(&ben, &waitlisted_booking, "desk")
        .await
        .expect_code(409, "not_payable");
    let payload = json!({ "bookingId": booking["id"], "method": "cash" });
    let rejected = ana.post("/api/bookings/payment", payload).await;
    let details = rejected.expect_code(400, "validation_failed")["details"].clone();
    assert!(details["method"].is_array());
}

#[tokio::test]
async fn without_stripe_only_desk_payments_are_available() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    start_payment(&ana, &booking, "card")
        .await
        .expect_code(409, "card_not_available");
    start_payment(&ana, &booking, "desk").await.expect(201);
}

#[tokio::test]
async fn repeated_and_concurrent_requests_create_one_payment_and_one_checkout() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let with_key = (0..8).map(|_| start_payment_with_key(&ana, "once", &booking, "card"));
    let without_key = (0..8).map(|_| start_payment(&ana, &booking, "card"));
    let (with_key, without_key) = futures_util::join!(join_all(with_key), join_all(without_key));
    let responses: Vec<Value> = with_key
        .iter()
        .chain(&without_key)
        .map(|response| response.expect(201))
        .collect();
    assert!(
        responses.windows(2).all(|pair| pair[0] == pair[1]),
        "{responses:?}"
    );
    assert_eq!(
        start_payment_with_key(&ana, "another", &booking, "card")
            .await
            .expect(201),
        responses[0]
    );
    assert_one_payment_and_session(&app, &stripe).await;
    start_payment_with_key(&ana, "once", &booking, "desk")
        .await
        .expect_code(409, "idempotency_key_reused");
}

#[tokio::test]
async fn an_idempotency_key_returns_the_first_response() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let payment = start_payment_with_key(&ana, "once", &booking, "card")
        .await
        .expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&payment["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    start_payment_with_key(&ana, "late", &booking, "card")
        .await
        .expect_code(409, "already_paid");
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(
        start_payment_with_key(&ana, "once", &booking, "card")
            .await
            .expect(201),
        payment
    );
    start_payment_with_key(&ana, "late", &booking, "card")
        .await
        .expect_code(409, "already_paid");
}

#[tokio::test]
async fn a_request_interrupted_before_the_checkout_can_be_retried() {
    let stripe = StripeStandIn::start().await;
    let mut settings = stripe.settings();
    let app = TestApp::start_with(settings.clone()).await;
    settings.stripe_time_limit = Some(Duration::from_millis(300));
    let app_with_short_deadline = app.start_another_with(settings).await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    stripe.fail_next(&[StripeFault::Unresponsive]);
    let ana_with_short_deadline = ana.connected_to(&app_with_short_deadline);
    let interrupted_response =
        start_payment_with_key(&ana_with_short_deadline, "once", &booking, "card").await;
    interrupted_response.expect_code(503, "unavailable");
    let first_payment = payment_of(&ana, &booking).await;
    assert_eq!(
        (&first_payment["status"], &first_payment["checkoutUrl"]),
        (&json!("pending"), &Value::Null)
    );
    // Some minutes later, the stored expiry is too early for Stripe, which requires at least
    // 30 minutes.
    app.sql("update payments set expires_at = now() + interval '29 minutes'")
        .await;
    let payment = start_payment_with_key(&ana, "once", &booking, "card")
        .await
        .expect(201);
    assert_eq!(payment["id"], first_payment["id"]);
    assert!(payment["checkoutUrl"].is_string());
    assert_one_payment_and_session(&app, &stripe).await;
}

#[tokio::test]
async fn a_request_interrupted_after_the_checkout_returns_the_same_checkout() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let payment = start_payment_with_key(&ana, "once", &booking, "card")
        .await
        .expect(201);
    // This is the state after a process was killed between Stripe's response and its own
    // response to the member.
    app.sql("update payments set provider = null, provider_reference = null, checkout_url = null")
        .await;
    app.sql("update idempotency_keys set status = null, body = null")
        .await;
    assert_eq!(
        start_payment_with_key(&ana, "once", &booking, "card")
            .await
            .expect(201),
        payment
    );
    assert_one_payment_and_session(&app, &stripe).await;
    assert_eq!(stripe.requests("POST", "/v1/checkout/sessions").len(), 2);
}

#[tokio::test]
async fn a_lost_stripe_response_creates_no_second_checkout() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    stripe.fail_next(&[StripeFault::ResponseLost, StripeFault::Status(429)]);
    start_payment(&ana, &booking, "card").await.expect(201);
    assert_one_payment_and_session(&app, &stripe).await;
    let requests = stripe.requests("POST", "/v1/checkout/sessions");
    assert_eq!(requests.len(), 3);
    assert!(requests.windows(2).all(|pair| pair[0].key == pair[1].key));
}

#[tokio::test]
async fn an_error_that_stripe_repeats_for_a_key_is_retried_with_another_key() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    stripe.fail_next(&[StripeFault::StoredError]);
    start_payment(&ana, &booking, "card").await.expect(201);
    assert_one_payment_and_session(&app, &stripe).await;
}

#[tokio::test]
async fn a_stripe_outage_cancels_no_booking() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    stripe.fail_next(&[StripeFault::Status(500); 3]);
    let response = start_payment(&ana, &booking, "card").await;
    response.expect_code(503, "unavailable");
    assert!(response.header("retry-after").is_some());
    assert!(!response.text.contains("sk_test") && !response.text.contains("tripe"));
    // The payment expires, but the booking stays: the member never saw a checkout.
    expire_card_payments(&app).await;
    assert_eq!(release_unpaid(&app).await, 1);
    assert_eq!(payment_of(&ana, &booking).await["status"], "cancelled");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // A request that Stripe rejects as unauthorized cancels no booking either.
    stripe.fail_next(&[StripeFault::Status(401)]);
    start_payment(&ana, &booking, "card")
        .await
        .expect_code(500, "internal");
    assert_eq!(payment_of(&ana, &booking).await["status"], "cancelled");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    start_payment(&ana, &booking, "card").await.expect(201);
}

#[tokio::test]
async fn an_amount_too_small_for_cards_can_be_paid_at_the_desk() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let cheap_class = NewClass {
        price: "0.10",
        ..NewClass::default()
    };
    let booking = book(&ana, app.create_class_with(cheap_class).await)
        .await
        .expect(201);
    start_payment(&ana, &booking, "card")
        .await
        .expect_code(409, "card_not_possible");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    start_payment(&ana, &booking, "desk").await.expect(201);
    assert!(stripe.sessions().is_empty());
}

#[tokio::test]
async fn amounts_in_currencies_without_decimals_are_not_multiplied_by_100() {
    let stripe = StripeStandIn::start().await;
    let app = TestApp::start_with(stripe.settings().with("STUDIO_CURRENCY", "JPY")).await;
    let ana = app.member("ana").await;
    let class_at = |price| NewClass {
        price,
        ..NewClass::default()
    };
    let booking = book(&ana, app.create_class_with(class_at("2500.00")).await)
        .await
        .expect(201);
    let payment = start_payment(&ana, &booking, "card").await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&payment["checkoutUrl"]));
    assert_eq!(
        (&session["amount_total"], &session["currency"]),
        (&json!(2500), &json!("jpy"))
    );
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    // Half a yen cannot be charged, and amounts are not rounded.
    let half_yen_booking = book(&ana, app.create_class_with(class_at("2500.50")).await)
        .await
        .expect(201);
    start_payment(&ana, &half_yen_booking, "card")
        .await
        .expect_code(409, "card_not_possible");
    start_payment(&ana, &half_yen_booking, "desk")
        .await
        .expect(201);
}

#[tokio::test]
async fn a_card_payment_and_a_desk_payment_replace_each_other() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let card_payment = payment_of(&ana, &booking).await;
    let desk_payment = start_payment(&ana, &booking, "desk").await.expect(201);
    assert_ne!(desk_payment["id"], card_payment["id"]);
    // The abandoned checkout is expired.
    wait_until(async || {
        let sessions = stripe.sessions();
        sessions
            .iter()
            .all(|checkout| checkout["id"] != session["id"] || checkout["status"] == "expired")
    })
    .await;
    let expired_event =
        crate::payments::event_about("checkout.session.expired", &stripe.sessions()[0]);
    app.deliver_event(&expired_event).await.expect(200);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    let new_card_payment = start_payment(&ana, &booking, "card").await.expect(201);
    assert_ne!(new_card_payment["id"], card_payment["id"]);
    assert_eq!(stripe.sessions().len(), 2);
    let open_payments = "select count(*) from payments where status = 'pending'";
    assert_eq!(app.count(open_payments).await, 1);
    assert_eq!(payment_of(&ana, &booking).await, new_card_payment);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn one_of_several_concurrent_card_and_desk_payments_remains_open() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let requests = (0..12).map(|number| {
        start_payment(
            &ana,
            &booking,
            if number % 2 == 0 { "card" } else { "desk" },
        )
    });
    for response in join_all(requests).await {
        assert!(matches!(response.status, 201 | 409), "{}", response.text);
    }
    let open_payments = "select count(*) from payments where status = 'pending'";
    assert_eq!(app.count(open_payments).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // Every checkout is expired, except that of the open payment.
    let payment_url = payment_of(&ana, &booking).await["checkoutUrl"].clone();
    wait_until(async || {
        release_unpaid(&app).await;
        let open_urls: Vec<Value> = stripe
            .sessions()
            .into_iter()
            .filter(|session| session["status"] == "open")
            .map(|session| session["url"].clone())
            .collect();
        open_urls == Vec::from_iter(payment_url.is_string().then(|| payment_url.clone()))
    })
    .await;
}

/// Rule: a booking that is unpaid when its Checkout Session ends is cancelled,
/// even if the member returns before the clean-up runs.
#[tokio::test]
async fn a_member_who_returns_after_the_checkout_expired_loses_the_spot() {
    let (app, stripe) = start_with_stripe().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ben, class).await.expect(201);
    start_payment(&ana, &booking, "card").await.expect(201);
    expire_card_payments(&app).await;
    assert_eq!(payment_of(&ana, &booking).await["checkoutUrl"], Value::Null);
    stripe.fail_next(&[StripeFault::Status(500); 3]);
    start_payment(&ana, &booking, "card")
        .await
        .expect_code(503, "unavailable");
    start_payment(&ana, &booking, "desk")
        .await
        .expect_code(409, "not_payable");
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(booking_status(&app, &waitlisted_booking).await, "booked");
    assert_bookings_consistent(&app).await;
}
