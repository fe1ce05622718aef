//! What Stripe tells: forged, late, again, out of order, at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    booking_status, checkout, completed, events, half_an_hour_passes, paid, pay, payment, release,
    studio, told,
};
use crate::bookings::{assert_consistent, book, cancel, wait_for};
use crate::harness::{Stripe, TestApp, event, signature, until};

/// Of the money behind a session, in the shape of
/// <https://docs.stripe.com/api/charges/object>.
fn charge_refunded(session: &Value) -> Value {
    let intent = session["payment_intent"].as_str().unwrap();
    let charge = json!({
        "id": intent.replace("pi_", "ch_"),
        "object": "charge",
        "amount": session["amount_total"],
        "amount_captured": session["amount_total"],
        "amount_refunded": session["amount_total"],
        "captured": true,
        "currency": session["currency"],
        "metadata": session["metadata"],
        "paid": true,
        "payment_intent": intent,
        "refunded": true,
        "status": "succeeded",
    });
    told("charge.refunded", &charge)
}

#[tokio::test]
async fn a_paid_checkout_pays_the_booking() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let session = stripe.pay(&session);
    let heard = app.hear(&completed(&session)).await.expect(200);
    assert_eq!(heard, json!({ "success": true }));
    let payment = payment(&ana, &booking).await;
    assert_eq!(payment["status"], "paid");
    assert!(payment["paidAt"].is_string() && payment["checkoutUrl"].is_null());
    assert_eq!(events(&app, "payment_paid").await, 1);
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

#[tokio::test]
async fn what_stripe_did_not_sign_is_not_believed() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let body = completed(&stripe.pay(&session)).to_string();
    let now = app.app.clock().now().timestamp();
    let good = signature(now, &body);
    let other = signature(now, "{}");
    let stranger = app.visitor();
    for forged in [
        String::new(),
        "x".to_owned(),
        other,
        good.replace("v1=", "v0="),
        good.replace("v1=", "v1=00"),
        good.to_uppercase(),
        signature(now - 301, &body),
        // Far enough that the story may take its time; the unit test has the edge.
        signature(now + 600, &body),
        signature(now - 400, &body).replace(&(now - 400).to_string(), &now.to_string()),
    ] {
        let answer = app.hear_signed(&stranger, &forged, body.clone()).await;
        answer.expect_code(400, "bad_signature");
    }
    // Changed on the way, if only by a space.
    let answer = app.hear_signed(&stranger, &good, format!("{body} ")).await;
    answer.expect_code(400, "bad_signature");
    // Before anything of it is read.
    let answer = app.hear_signed(&stranger, &good, "{".to_owned()).await;
    answer.expect_code(400, "bad_signature");
    assert_eq!(payment(&ana, &booking).await["status"], "pending");
    assert_eq!(app.count("select count(*) from webhook_events").await, 0);
    app.hear_signed(&stranger, &good, body).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
}

#[tokio::test]
async fn what_was_signed_long_ago_is_not_believed_any_more() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let body = completed(&stripe.pay(&session)).to_string();
    let signed = signature(app.app.clock().now().timestamp(), &body);
    app.app.clock().advance(chrono::TimeDelta::seconds(302));
    let answer = app.hear_signed(&app.visitor(), &signed, body).await;
    answer.expect_code(400, "bad_signature");
    assert_eq!(payment(&ana, &booking).await["status"], "pending");
}

#[tokio::test]
async fn what_is_signed_and_cannot_be_read_is_refused() {
    let (app, _stripe) = studio().await;
    let now = app.app.clock().now().timestamp();
    for body in [
        "{",
        "[]",
        "{}",
        r#"{"id":"evt_1","type":"checkout.session.completed","data":{"object":{}}}"#,
    ] {
        let signed = signature(now, body);
        let answer = app
            .hear_signed(&app.visitor(), &signed, body.to_owned())
            .await;
        answer.expect_code(400, "malformed_request");
    }
    let visitor = app.visitor();
    let request = visitor.request(reqwest::Method::POST, "/api/payments/webhook");
    let request = request.header("content-type", "text/plain").body("{}");
    visitor.send(request).await.expect_code(415, "not_json");
}

#[tokio::test]
async fn without_stripe_there_is_nothing_here() {
    let app = TestApp::start().await;
    app.hear(&event("evt_1", "charge.refunded", &json!({})))
        .await
        .expect_code(404, "not_found");
}

#[tokio::test]
async fn what_is_of_no_concern_is_heard_and_does_nothing() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    app.hear(&told("customer.created", &json!({ "id": "cus_1" })))
        .await
        .expect(200);
    let mut foreign = stripe.pay(&session);
    for name in ["id", "payment_intent", "client_reference_id"] {
        foreign[name] = json!("somebody_elses");
    }
    foreign["metadata"] = json!({});
    app.hear(&completed(&foreign)).await.expect(200);
    foreign["client_reference_id"] = json!(uuid::Uuid::now_v7());
    app.hear(&event("evt_2", "checkout.session.completed", &foreign))
        .await
        .expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "pending");
}

#[tokio::test]
async fn the_same_event_sixty_four_times_at_once_has_one_effect() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let told = completed(&stripe.pay(&session));
    for answer in join_all((0..64).map(|_| app.hear(&told))).await {
        answer.expect(200);
    }
    app.hear(&told).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
    assert_eq!(events(&app, "payment_paid").await, 1);
    assert_eq!(app.count("select count(*) from webhook_events").await, 1);
}

#[tokio::test]
async fn an_event_is_heard_once_even_where_its_effect_could_come_twice() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (_, session) = checkout(&app, &stripe, &ana).await;
    let mut session = stripe.pay(&session);
    session["amount_total"] = json!(1);
    for _ in 0..3 {
        app.hear(&completed(&session)).await.expect(200);
    }
    let noted = "select count(*) from security_events where kind = 'payment_mismatch'";
    assert_eq!(app.count(noted).await, 1);
}

#[tokio::test]
async fn the_same_news_under_sixty_four_names_at_once_has_one_effect() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let session = stripe.pay(&session);
    let named = |n| event(&format!("evt_{n}"), "checkout.session.completed", &session);
    let tellings: Vec<Value> = (0..64).map(named).collect();
    for answer in join_all(tellings.iter().map(|told| app.hear(told))).await {
        answer.expect(200);
    }
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
    assert_eq!(events(&app, "payment_paid").await, 1);
}

#[tokio::test]
async fn news_that_came_before_the_checkout_was_noted_counts() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    app.sql("update payments set provider = null, provider_reference = null, checkout_url = null")
        .await;
    app.hear(&completed(&stripe.pay(&session)))
        .await
        .expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
}

#[tokio::test]
async fn a_checkout_is_found_by_its_own_name_too() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let mut session = stripe.pay(&session);
    session["client_reference_id"] = Value::Null;
    session["metadata"] = json!({});
    app.hear(&completed(&session)).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
}

fn permutations<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = things.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, first.clone());
            all.push(longer);
        }
    }
    all
}

/// A payment that went back, told in every order: it ends refunded, and no
/// later news changes that.
#[tokio::test]
async fn in_whatever_order_the_money_ends_where_it_is() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    for (n, order) in permutations(&[0, 1, 2, 3]).into_iter().enumerate() {
        let (booking, session) = checkout(&app, &stripe, &ana).await;
        let session = stripe.pay(&session);
        // Whoever was first to say that it expired was wrong, or early.
        let news = [
            completed(&session),
            charge_refunded(&session),
            told("checkout.session.expired", &session),
            told("checkout.session.async_payment_succeeded", &session),
        ];
        for which in &order {
            app.hear(&news[*which]).await.expect(200);
        }
        // Where it had to go back, Stripe is asked to, and says that it did.
        until(async || payment(&ana, &booking).await["status"] == "refunded").await;
        assert_eq!(
            events(&app, "payment_refunded").await,
            n as i64 + 1,
            "{order:?}"
        );
        let place = |which| order.iter().position(|w| *w == which).unwrap();
        let expired_first = (0..4).all(|which| place(2) <= place(which));
        let status = if expired_first { "cancelled" } else { "booked" };
        assert_eq!(booking_status(&app, &booking).await, status, "{order:?}");
    }
    assert_consistent(&app).await;
}

/// Rule: a payment moves only forward.
#[tokio::test]
async fn a_payment_moves_only_forward() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = paid(&app, &stripe, &ana).await;
    for kind in [
        "checkout.session.expired",
        "checkout.session.async_payment_failed",
    ] {
        app.hear(&told(kind, &session)).await.expect(200);
        assert_eq!(payment(&ana, &booking).await["status"], "paid");
        assert_eq!(booking_status(&app, &booking).await, "booked");
    }
    app.hear(&charge_refunded(&session)).await.expect(200);
    let again = event("evt_again", "checkout.session.completed", &session);
    app.hear(&again).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "refunded");
    let client = app.app.db().client().await.unwrap();
    for status in ["pending", "paid", "failed", "cancelled", "refund_due"] {
        let back = format!("update payments set status = '{status}'");
        assert!(client.batch_execute(&back).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn money_that_takes_days_is_waited_for() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    for (kind, status, booked) in [
        ("async_payment_succeeded", "paid", "booked"),
        ("async_payment_failed", "failed", "cancelled"),
    ] {
        let (booking, session) = checkout(&app, &stripe, &ana).await;
        let session = stripe.begin_to_pay(&session);
        app.hear(&completed(&session)).await.expect(200);
        assert_eq!(payment(&ana, &booking).await["status"], "pending");
        app.hear(&told(&format!("checkout.session.{kind}"), &session))
            .await
            .expect(200);
        assert_eq!(payment(&ana, &booking).await["status"], status);
        assert_eq!(booking_status(&app, &booking).await, booked);
    }
    assert_consistent(&app).await;
}

#[tokio::test]
async fn an_expired_checkout_frees_the_place_for_whoever_waits() {
    let (app, stripe) = studio().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = wait_for(&ben, class).await.expect(201);
    let begun = pay(&ana, &booking, "card").await.expect(201);
    let session = stripe.expire(&stripe.session_at(&begun["checkoutUrl"]));
    let expired = told("checkout.session.expired", &session);
    for answer in join_all((0..64).map(|_| app.hear(&expired))).await {
        answer.expect(200);
    }
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(booking_status(&app, &waiting).await, "booked");
    assert_eq!(events(&app, "booking_cancelled").await, 1);
    assert_consistent(&app).await;
}

/// What people suffer from elsewhere: a cancelled payment that voids a good
/// booking.
#[tokio::test]
async fn a_checkout_that_was_given_up_voids_no_good_booking() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, first) = checkout(&app, &stripe, &ana).await;
    pay(&ana, &booking, "desk").await.expect(201);
    let begun = pay(&ana, &booking, "card").await.expect(201);
    let second = stripe.session_at(&begun["checkoutUrl"]);
    for kind in ["expired", "async_payment_failed"] {
        app.hear(&told(&format!("checkout.session.{kind}"), &first))
            .await
            .expect(200);
        assert_eq!(booking_status(&app, &booking).await, "booked", "{kind}");
        assert_eq!(payment(&ana, &booking).await["status"], "pending");
    }
    app.hear(&completed(&stripe.pay(&second))).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

/// Another checkout of the same payment, that nobody was shown.
#[tokio::test]
async fn the_end_of_a_checkout_that_is_not_the_payments_frees_nothing() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let mut other = session.clone();
    other["id"] = json!("cs_test_other");
    app.hear(&told("checkout.session.expired", &other))
        .await
        .expect(200);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert_eq!(payment(&ana, &booking).await["status"], "pending");
}

/// Rule: what was paid for a booking that is cancelled meanwhile goes back.
#[tokio::test]
async fn money_for_a_booking_that_is_gone_goes_back() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let session = stripe.pay(&session);
    cancel(&ana, &booking).await.expect(200);
    app.hear(&completed(&session)).await.expect(200);
    until(async || payment(&ana, &booking).await["status"] == "refunded").await;
    let refunds = stripe.refunds();
    assert_eq!(refunds.len(), 1);
    assert_eq!(refunds[0]["payment_intent"], session["payment_intent"]);
    assert_eq!(events(&app, "payment_paid").await, 0);
}

#[tokio::test]
async fn paid_and_cancelled_at_once_the_money_goes_back_and_once() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    for _ in 0..8 {
        let (booking, session) = checkout(&app, &stripe, &ana).await;
        let told = completed(&stripe.pay(&session));
        let (heard, cancelled) = futures_util::join!(app.hear(&told), cancel(&ana, &booking));
        heard.expect(200);
        cancelled.expect(200);
        until(async || payment(&ana, &booking).await["status"] == "refunded").await;
    }
    assert_eq!(stripe.refunds().len(), 8);
    assert_eq!(events(&app, "payment_refunded").await, 8);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn paid_and_released_at_once_either_stands_and_is_consistent() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    for _ in 0..8 {
        let (booking, session) = checkout(&app, &stripe, &ana).await;
        half_an_hour_passes(&app).await;
        let told = completed(&stripe.pay(&session));
        let (heard, _) = futures_util::join!(app.hear(&told), release(&app));
        heard.expect(200);
        assert_eq!(payment(&ana, &booking).await["status"], "paid");
        assert_eq!(booking_status(&app, &booking).await, "booked");
    }
    assert_eq!(events(&app, "payment_paid").await, 8);
}

#[tokio::test]
async fn money_of_another_amount_is_left_for_somebody_to_look_at() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    for (field, value) in [
        ("amount_total", json!(2_499)),
        ("amount_total", json!(2_501)),
        ("amount_total", Value::Null),
        ("currency", json!("eur")),
        ("currency", Value::Null),
    ] {
        let (booking, session) = checkout(&app, &stripe, &ana).await;
        let mut session = stripe.pay(&session);
        session[field] = value;
        app.hear(&completed(&session)).await.expect(200);
        assert_eq!(
            payment(&ana, &booking).await["status"],
            "pending",
            "{field}"
        );
        assert_eq!(booking_status(&app, &booking).await, "booked");
    }
    let noted = "select count(*) from security_events where kind = 'payment_mismatch'";
    assert_eq!(app.count(noted).await, 5);
}

#[tokio::test]
async fn money_that_comes_a_second_time_is_left_for_somebody_to_look_at() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, mut session) = paid(&app, &stripe, &ana).await;
    session["id"] = json!("cs_test_other");
    session["payment_intent"] = json!("pi_test_other");
    app.hear(&completed(&session)).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
    let noted = "select count(*) from security_events where kind = 'payment_mismatch'";
    assert_eq!(app.count(noted).await, 1);
}

#[tokio::test]
async fn a_refund_of_other_money_leaves_the_payment_as_it_is() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = paid(&app, &stripe, &ana).await;
    let mut other = charge_refunded(&session);
    other["data"]["object"]["payment_intent"] = json!("pi_test_other");
    app.hear(&other).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
}

#[tokio::test]
async fn a_part_that_went_back_is_no_refund() {
    let (app, stripe): (TestApp, Stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = paid(&app, &stripe, &ana).await;
    let mut part = charge_refunded(&session);
    part["data"]["object"]["refunded"] = json!(false);
    part["data"]["object"]["amount_refunded"] = json!(100);
    app.hear(&part).await.expect(200);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
}
