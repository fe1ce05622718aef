//! Paying for a booking. Checkout is that of `harness/stripe.rs`: recorded
//! shapes, for `localstripe` does not know Checkout Sessions.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_consistent, book, cancel, wait_for};
use crate::harness::{Answer, Class, Fault, Person, SITE, Stripe, TestApp, until};
use crate::payments::{
    booking_status, checkout, completed, half_an_hour_passes, pay, payment, release, studio,
};

async fn keyed(person: &Person, key: &str, booking: &Value, method: &str) -> Answer {
    let request = person
        .request(Method::POST, "/api/bookings/payment")
        .header("idempotency-key", key);
    let order = json!({ "bookingId": booking["id"], "method": method });
    person.send(request.json(&order)).await
}

async fn assert_one(app: &TestApp, stripe: &Stripe) {
    assert_eq!(app.count("select count(*) from payments").await, 1);
    assert_eq!(stripe.sessions().len(), 1);
}

#[tokio::test]
async fn a_booking_has_no_payment_until_one_is_begun() {
    let (app, _stripe) = studio().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, app.class(1).await).await.expect(201);
    assert_eq!(payment(&ana, &booking).await, Value::Null);
    let path = format!(
        "/api/bookings/payment?bookingId={}",
        booking["id"].as_str().unwrap()
    );
    ben.get(&path).await.expect_code(404, "not_found");
    for query in ["", "?bookingId=", "?bookingId=x", "?bookingid=7"] {
        let answer = ana.get(&format!("/api/bookings/payment{query}")).await;
        let details = answer.expect_code(400, "validation_failed")["details"].clone();
        assert_eq!(details["bookingId"][0], "must be a UUID");
    }
}

#[tokio::test]
async fn a_card_payment_leads_to_a_checkout() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    let begun = pay(&ana, &booking, "card").await.expect(201);
    assert_eq!(begun["status"], "pending");
    assert_eq!(
        (&begun["amount"], &begun["currency"]),
        (&json!("25.00"), &json!("USD"))
    );
    assert_eq!(payment(&ana, &booking).await, begun);

    let calls = stripe.calls("POST", "/v1/checkout/sessions");
    let form = &calls[0].form;
    let id = begun["id"].as_str().unwrap();
    let back = format!("{SITE}/?booking={}", booking["id"].as_str().unwrap());
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
        ("client_reference_id", id),
        ("metadata[payment_id]", id),
        ("payment_intent_data[metadata][payment_id]", id),
        ("customer_email", "ana@example.com"),
        ("success_url", &format!("{back}&payment=done")),
        ("cancel_url", &format!("{back}&payment=open")),
    ] {
        assert_eq!(form[field], value, "{field}");
    }
    assert!(calls[0].key.as_ref().unwrap().starts_with(id));
}

/// Rule: a desk booking holds its place.
#[tokio::test]
async fn a_desk_booking_holds_its_place() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    let begun = pay(&ana, &booking, "desk").await.expect(201);
    assert_eq!(
        (&begun["status"], &begun["method"]),
        (&json!("pending"), &json!("desk"))
    );
    assert_eq!(
        (&begun["checkoutUrl"], &begun["expiresAt"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(pay(&ana, &booking, "desk").await.expect(201), begun);
    app.app.clock().advance(chrono::TimeDelta::hours(24));
    assert_eq!(release(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert!(stripe.sessions().is_empty());
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused() {
    let (app, stripe) = studio().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = wait_for(&ben, class).await.expect(201);
    let free = Class {
        price: "0.00",
        ..Class::default()
    };
    let free = book(&ana, app.class_like(free).await).await.expect(201);
    for method in ["card", "desk"] {
        let refused = pay(&ben, &booking, method).await;
        refused.expect_code(404, "not_found");
        let refused = pay(&ben, &waiting, method).await;
        refused.expect_code(409, "not_payable");
        let refused = pay(&ana, &free, method).await;
        refused.expect_code(409, "nothing_to_pay");
    }
    let begun = pay(&ana, &booking, "card").await.expect(201);
    let session = stripe.pay(&stripe.session_at(&begun["checkoutUrl"]));
    app.hear(&completed(&session)).await.expect(200);
    for method in ["card", "desk"] {
        let refused = pay(&ana, &booking, method).await;
        refused.expect_code(409, "already_paid");
    }
    cancel(&ben, &waiting).await.expect(200);
    pay(&ben, &waiting, "desk")
        .await
        .expect_code(409, "not_payable");
    let order = json!({ "bookingId": booking["id"], "method": "cash" });
    let refused = ana.post("/api/bookings/payment", order).await;
    let details = refused.expect_code(400, "validation_failed")["details"].clone();
    assert!(details["method"].is_array());
}

#[tokio::test]
async fn without_stripe_there_is_the_desk_alone() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    pay(&ana, &booking, "card")
        .await
        .expect_code(409, "card_not_available");
    pay(&ana, &booking, "desk").await.expect(201);
}

#[tokio::test]
async fn asked_again_or_at_once_there_is_one_payment_and_one_checkout() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    let same = (0..8).map(|_| keyed(&ana, "once", &booking, "card"));
    let others = (0..8).map(|_| pay(&ana, &booking, "card"));
    let (same, others) = futures_util::join!(join_all(same), join_all(others));
    let answers: Vec<Value> = same.iter().chain(&others).map(|a| a.expect(201)).collect();
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
    assert_eq!(
        keyed(&ana, "another", &booking, "card").await.expect(201),
        answers[0]
    );
    assert_one(&app, &stripe).await;
    keyed(&ana, "once", &booking, "desk")
        .await
        .expect_code(409, "idempotency_key_reused");
}

#[tokio::test]
async fn under_a_key_the_first_answer_stays() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    let begun = keyed(&ana, "once", &booking, "card").await.expect(201);
    let session = stripe.pay(&stripe.session_at(&begun["checkoutUrl"]));
    app.hear(&completed(&session)).await.expect(200);
    keyed(&ana, "late", &booking, "card")
        .await
        .expect_code(409, "already_paid");
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(
        keyed(&ana, "once", &booking, "card").await.expect(201),
        begun
    );
    keyed(&ana, "late", &booking, "card")
        .await
        .expect_code(409, "already_paid");
}

#[tokio::test]
async fn whoever_was_stopped_before_the_checkout_was_made_goes_on() {
    let stripe = Stripe::start().await;
    let mut settings = stripe.settings();
    settings.stripe_deadline = Some(Duration::from_millis(300));
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    stripe.fail(&[Fault::Silent]);
    let stopped = keyed(&ana, "once", &booking, "card").await;
    stopped.expect_code(503, "unavailable");
    let first = payment(&ana, &booking).await;
    assert_eq!(
        (&first["status"], &first["checkoutUrl"]),
        (&json!("pending"), &Value::Null)
    );
    // Some minutes later: that end is too near for Stripe by now.
    app.sql("update payments set expires_at = now() + interval '29 minutes'")
        .await;
    let begun = keyed(&ana, "once", &booking, "card").await.expect(201);
    assert_eq!(begun["id"], first["id"]);
    assert!(begun["checkoutUrl"].is_string());
    assert_one(&app, &stripe).await;
}

#[tokio::test]
async fn whoever_was_stopped_before_the_checkout_was_noted_gets_the_same_one() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    let begun = keyed(&ana, "once", &booking, "card").await.expect(201);
    // What a process leaves behind that is killed between Stripe's answer and
    // its own.
    app.sql("update payments set provider = null, provider_reference = null, checkout_url = null")
        .await;
    app.sql("update idempotency_keys set status = null, body = null")
        .await;
    assert_eq!(
        keyed(&ana, "once", &booking, "card").await.expect(201),
        begun
    );
    assert_one(&app, &stripe).await;
    assert_eq!(stripe.calls("POST", "/v1/checkout/sessions").len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_lost_or_late_makes_no_second_checkout() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    stripe.fail(&[Fault::Lost, Fault::Refused(429)]);
    pay(&ana, &booking, "card").await.expect(201);
    assert_one(&app, &stripe).await;
    let calls = stripe.calls("POST", "/v1/checkout/sessions");
    assert_eq!(calls.len(), 3);
    assert!(calls.windows(2).all(|pair| pair[0].key == pair[1].key));
}

#[tokio::test]
async fn a_failure_that_stripe_keeps_is_got_round() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    stripe.fail(&[Fault::Kept]);
    pay(&ana, &booking, "card").await.expect(201);
    assert_one(&app, &stripe).await;
}

#[tokio::test]
async fn stripe_away_costs_nobody_their_booking() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    stripe.fail(&[Fault::Refused(500); 3]);
    let answer = pay(&ana, &booking, "card").await;
    answer.expect_code(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.text.contains("sk_test") && !answer.text.contains("tripe"));
    // They never saw where to pay, and did not come back.
    half_an_hour_passes(&app).await;
    assert_eq!(release(&app).await, 1);
    assert_eq!(payment(&ana, &booking).await["status"], "cancelled");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // Neither does one that Stripe refuses for a fault of ours.
    stripe.fail(&[Fault::Refused(401)]);
    pay(&ana, &booking, "card")
        .await
        .expect_code(500, "internal");
    assert_eq!(payment(&ana, &booking).await["status"], "cancelled");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    pay(&ana, &booking, "card").await.expect(201);
}

#[tokio::test]
async fn an_amount_that_no_card_takes_is_left_to_the_desk() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let cheap = Class {
        price: "0.10",
        ..Class::default()
    };
    let booking = book(&ana, app.class_like(cheap).await).await.expect(201);
    pay(&ana, &booking, "card")
        .await
        .expect_code(409, "card_not_possible");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    pay(&ana, &booking, "desk").await.expect(201);
    assert!(stripe.sessions().is_empty());
}

#[tokio::test]
async fn money_without_a_smaller_unit_is_not_multiplied() {
    let stripe = Stripe::start().await;
    let app = TestApp::start_with(stripe.settings().with("STUDIO_CURRENCY", "JPY")).await;
    let ana = app.member("ana").await;
    let yen = |price| Class {
        price,
        ..Class::default()
    };
    let booking = book(&ana, app.class_like(yen("2500.00")).await)
        .await
        .expect(201);
    let begun = pay(&ana, &booking, "card").await.expect(201);
    let session = stripe.pay(&stripe.session_at(&begun["checkoutUrl"]));
    assert_eq!(
        (&session["amount_total"], &session["currency"]),
        (&json!(2500), &json!("jpy"))
    );
    app.hear(&completed(&session)).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
    // Half a yen is nothing that could be charged, and nothing is rounded.
    let odd = book(&ana, app.class_like(yen("2500.50")).await)
        .await
        .expect(201);
    pay(&ana, &odd, "card")
        .await
        .expect_code(409, "card_not_possible");
    pay(&ana, &odd, "desk").await.expect(201);
}

#[tokio::test]
async fn card_and_desk_replace_one_another() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let card = payment(&ana, &booking).await;
    let desk = pay(&ana, &booking, "desk").await.expect(201);
    assert_ne!(desk["id"], card["id"]);
    // The checkout that was given up is closed.
    until(async || {
        let sessions = stripe.sessions();
        sessions
            .iter()
            .all(|s| s["id"] != session["id"] || s["status"] == "expired")
    })
    .await;
    let expired = crate::payments::told("checkout.session.expired", &stripe.sessions()[0]);
    app.hear(&expired).await.expect(200);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    let again = pay(&ana, &booking, "card").await.expect(201);
    assert_ne!(again["id"], card["id"]);
    assert_eq!(stripe.sessions().len(), 2);
    let open = "select count(*) from payments where status = 'pending'";
    assert_eq!(app.count(open).await, 1);
    assert_eq!(payment(&ana, &booking).await, again);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn at_once_by_card_and_at_the_desk_one_of_them_holds() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.class(1).await).await.expect(201);
    let tries = (0..12).map(|n| pay(&ana, &booking, if n % 2 == 0 { "card" } else { "desk" }));
    for answer in join_all(tries).await {
        assert!(matches!(answer.status, 201 | 409), "{}", answer.text);
    }
    let open = "select count(*) from payments where status = 'pending'";
    assert_eq!(app.count(open).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // Every checkout but that of the payment that holds is closed.
    let held = payment(&ana, &booking).await["checkoutUrl"].clone();
    until(async || {
        release(&app).await;
        let open: Vec<Value> = stripe
            .sessions()
            .into_iter()
            .filter(|session| session["status"] == "open")
            .map(|session| session["url"].clone())
            .collect();
        open == Vec::from_iter(held.is_string().then(|| held.clone()))
    })
    .await;
}

/// Rule: unpaid when its Checkout session ends, the booking is cancelled. Who
/// comes back before the clean-up is told so.
#[tokio::test]
async fn whoever_comes_back_too_late_has_lost_the_place() {
    let (app, stripe) = studio().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = wait_for(&ben, class).await.expect(201);
    pay(&ana, &booking, "card").await.expect(201);
    half_an_hour_passes(&app).await;
    assert_eq!(payment(&ana, &booking).await["checkoutUrl"], Value::Null);
    stripe.fail(&[Fault::Refused(500); 3]);
    pay(&ana, &booking, "card")
        .await
        .expect_code(503, "unavailable");
    pay(&ana, &booking, "desk")
        .await
        .expect_code(409, "not_payable");
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(booking_status(&app, &waiting).await, "booked");
    assert_consistent(&app).await;
}
