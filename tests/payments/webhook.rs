//! `api/payments/webhook.rs`: late, repeated, reordered and concurrent events.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    book_and_pay, booking_status, charge_refunded, checkout_completed, event_about,
    expire_card_payments, make_payments_due, member_event_count, payment_of, process_refunds,
    release_unpaid, review_count, start_checkout, start_payment, start_with_stripe,
};
use crate::bookings::{assert_bookings_consistent, book, cancel, join_waitlist};
use crate::harness::{StripeFault, TestApp, stripe_event, wait_until};

#[tokio::test]
async fn a_completed_checkout_pays_the_booking() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let session = stripe.complete_checkout(&session);
    let response = app
        .deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(response, json!({ "success": true }));
    let payment = payment_of(&ana, &booking).await;
    assert_eq!(payment["status"], "paid");
    assert!(payment["paidAt"].is_string() && payment["checkoutUrl"].is_null());
    assert_eq!(member_event_count(&app, "payment_paid").await, 1);
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

#[tokio::test]
async fn without_stripe_the_webhook_is_not_found() {
    let app = TestApp::start().await;
    app.deliver_event(&stripe_event("evt_1", "charge.refunded", &json!({})))
        .await
        .expect_code(404, "not_found");
}

#[tokio::test]
async fn unrelated_events_are_accepted_and_ignored() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    app.deliver_event(&event_about("customer.created", &json!({ "id": "cus_1" })))
        .await
        .expect(200);
    let mut unrelated = stripe.complete_checkout(&session);
    stripe.update_session(&session, |session| {
        session["payment_status"] = json!("unpaid");
    });
    unrelated["id"] = json!("cs_unrelated");
    unrelated["payment_intent"] = json!("pi_unrelated");
    unrelated["payment_intent_metadata"] = json!({});
    // A payment link of the same account sets `client_reference_id` but no metadata.
    // Metadata with an unknown payment id comes from another program.
    let payment_id = payment_of(&ana, &booking).await["id"].clone();
    for (reference, metadata) in [
        (payment_id, json!({})),
        (Value::Null, json!({})),
        (Value::Null, json!({ "payment_id": uuid::Uuid::now_v7() })),
        (Value::Null, json!({ "payment_id": "1" })),
    ] {
        unrelated["client_reference_id"] = reference;
        unrelated["metadata"] = metadata;
        stripe.add_session(&unrelated);
        let id = format!("evt_{}", uuid::Uuid::now_v7());
        let completed = stripe_event(&id, "checkout.session.completed", &unrelated);
        app.deliver_event(&completed).await.expect(200);
    }
    stripe.refund_in_dashboard(&unrelated, 100);
    app.deliver_event(&charge_refunded(&unrelated))
        .await
        .expect(200);
    let dispute = stripe.open_dispute(&unrelated, "needs_response");
    app.deliver_event(&event_about("charge.dispute.created", &dispute))
        .await
        .expect(200);
    // Events of the other mode (test or live) refer to objects that do not exist here.
    for kind in [
        "checkout.session.completed",
        "charge.dispute.created",
        "refund.updated",
    ] {
        let missing = json!({ "id": "unknown", "payment_intent": "pi_unknown" });
        app.deliver_event(&event_about(kind, &missing))
            .await
            .expect(200);
    }
    assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
    assert_eq!(review_count(&app).await, 0);
}

/// Returns the text of a file in the repository, between two marks.
fn excerpt(file: &str, before: &str, after: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).unwrap();
    let (_, text) = text.split_once(before).unwrap();
    let (text, _) = text.split_once(after).unwrap();
    text.to_owned()
}

/// Returns the events that `docs/operations.md` lists for the endpoint in Stripe's dashboard.
/// `.expired` after `checkout.session.completed` stands for `checkout.session.expired`.
fn documented_events() -> BTreeSet<String> {
    let list = excerpt("docs/operations.md", "/api/payments/webhook` for ", ". The");
    let mut object = "";
    let mut events = BTreeSet::new();
    for name in list.split('`').skip(1).step_by(2) {
        let (named_object, verb) = name.rsplit_once('.').unwrap();
        if !named_object.is_empty() {
            object = named_object;
        }
        events.insert(format!("{object}.{verb}"));
    }
    events
}

#[tokio::test]
async fn the_documented_events_are_those_that_are_handled() {
    let (app, _stripe) = start_with_stripe().await;
    let source = "lib/src/payments/stripe/webhook.rs";
    let source = excerpt(source, "match name.as_str() {", "EventKind::Ignored");
    let names = source.split('"').skip(1).step_by(2);
    let names = names.filter(|name| name.contains('.')).map(str::to_owned);
    let handled: BTreeSet<String> = names.collect();
    let documented = documented_events();
    assert!(documented.len() > 10, "{documented:?}");
    // Only endpoints with an older API version receive this event.
    let older = BTreeSet::from(["charge.refund.updated".to_owned()]);
    assert_eq!(handled, &documented | &older);
    // A handled event needs the id of an object. Another one is ignored without it.
    for name in &handled {
        let event = stripe_event(&format!("evt_{name}"), name, &json!({}));
        let response = app.deliver_event(&event).await;
        response.expect_code(400, "malformed_request");
    }
    for name in ["customer.created", "charge.refunded.", "charge.succeeded"] {
        let event = stripe_event(&format!("evt_{name}"), name, &json!({}));
        app.deliver_event(&event).await.expect(200);
    }
}

/// The content of an event may be outdated, or in the format of another API version.
#[tokio::test]
async fn the_state_is_read_from_stripe_and_not_from_the_event() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let mut claimed = session.clone();
    claimed["payment_status"] = json!("paid");
    claimed["status"] = json!("complete");
    app.deliver_event(&stripe_event(
        "evt_1",
        "checkout.session.completed",
        &claimed,
    ))
    .await
    .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
    stripe.complete_checkout(&session);
    let only_the_id = json!({ "id": session["id"] });
    app.deliver_event(&stripe_event(
        "evt_2",
        "checkout.session.expired",
        &only_the_id,
    ))
    .await
    .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
}

#[tokio::test]
async fn a_paid_checkout_other_than_the_stored_one_pays_nothing_and_is_recorded_for_staff() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    // The metadata of the other checkout contains the id of the same payment.
    let mut other = session.clone();
    other["id"] = json!("cs_other");
    stripe.add_session(&other);
    let other = stripe.complete_checkout(&other);
    app.deliver_event(&checkout_completed(&other))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
    assert_eq!(review_count(&app).await, 1);
    // The stored checkout can still be paid.
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
}

#[tokio::test]
async fn an_event_can_be_delivered_again_after_a_stripe_outage() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let completed = checkout_completed(&stripe.complete_checkout(&session));
    stripe.fail_next(&[StripeFault::Status(500); 3]);
    app.deliver_event(&completed)
        .await
        .expect_code(503, "unavailable");
    assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
    app.deliver_event(&completed).await.expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
}

#[tokio::test]
async fn sixty_four_concurrent_deliveries_of_one_event_have_one_effect() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let event = checkout_completed(&stripe.complete_checkout(&session));
    for response in join_all((0..64).map(|_| app.deliver_event(&event))).await {
        response.expect(200);
    }
    app.deliver_event(&event).await.expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    assert_eq!(member_event_count(&app, "payment_paid").await, 1);
    assert_eq!(app.count("select count(*) from webhook_events").await, 1);
    // The payment has its final status now. A second checkout is recorded for staff, once for
    // each event.
    let mut other = session.clone();
    other["id"] = json!("cs_other");
    stripe.add_session(&other);
    let event = checkout_completed(&stripe.complete_checkout(&other));
    for response in join_all((0..64).map(|_| app.deliver_event(&event))).await {
        response.expect(200);
    }
    assert_eq!(review_count(&app).await, 1);
    assert_eq!(app.count("select count(*) from webhook_events").await, 2);
}

#[tokio::test]
async fn an_event_that_needs_a_review_is_logged_once() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (_, session) = start_checkout(&app, &stripe, &ana).await;
    stripe.complete_checkout(&session);
    let session = stripe.update_session(&session, |session| session["amount_total"] = json!(1));
    for _ in 0..3 {
        app.deliver_event(&checkout_completed(&session))
            .await
            .expect(200);
    }
    let logged = "select count(*) from security_events where kind = 'payment_mismatch'";
    assert_eq!(app.count(logged).await, 1);
}

#[tokio::test]
async fn sixty_four_concurrent_events_about_one_session_have_one_effect() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let session = stripe.complete_checkout(&session);
    let event_with_number = |number| {
        stripe_event(
            &format!("evt_{number}"),
            "checkout.session.completed",
            &session,
        )
    };
    let events: Vec<Value> = (0..64).map(event_with_number).collect();
    for response in join_all(events.iter().map(|event| app.deliver_event(event))).await {
        response.expect(200);
    }
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    assert_eq!(member_event_count(&app, "payment_paid").await, 1);
}

#[tokio::test]
async fn an_event_that_arrives_before_the_checkout_is_stored_is_processed() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    app.sql("update payments set provider = null, provider_reference = null, checkout_url = null")
        .await;
    app.deliver_event(&checkout_completed(&stripe.complete_checkout(&session)))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
}

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = items.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for index in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(index, first.clone());
            all.push(longer);
        }
    }
    all
}

#[tokio::test]
async fn events_of_a_refunded_payment_can_arrive_in_any_order() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for (number, order) in permutations(&[0, 1, 2, 3]).into_iter().enumerate() {
        let (booking, session) = start_checkout(&app, &stripe, &ana).await;
        let session = stripe.complete_checkout(&session);
        stripe.refund_in_dashboard(&session, 2_500);
        // The expiry event is wrong, since the session has been paid.
        let events = [
            checkout_completed(&session),
            charge_refunded(&session),
            event_about("checkout.session.expired", &session),
            event_about("checkout.session.async_payment_succeeded", &session),
        ];
        for index in &order {
            app.deliver_event(&events[*index]).await.expect(200);
        }
        assert_eq!(payment_of(&ana, &booking).await["status"], "refunded");
        assert_eq!(
            member_event_count(&app, "payment_refunded").await,
            number as i64 + 1,
            "{order:?}"
        );
        assert_eq!(booking_status(&app, &booking).await, "booked", "{order:?}");
    }
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn the_status_of_a_payment_never_moves_back() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    for kind in [
        "checkout.session.expired",
        "checkout.session.async_payment_failed",
    ] {
        app.deliver_event(&event_about(kind, &session))
            .await
            .expect(200);
        assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
        assert_eq!(booking_status(&app, &booking).await, "booked");
    }
    stripe.refund_in_dashboard(&session, 2_500);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    let second_event = stripe_event("evt_again", "checkout.session.completed", &session);
    app.deliver_event(&second_event).await.expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "refunded");
    let client = app.app.db().client().await.unwrap();
    for status in ["pending", "paid", "failed", "cancelled", "refund_due"] {
        let update = format!("update payments set status = '{status}'");
        assert!(client.batch_execute(&update).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn a_delayed_payment_stays_pending_until_it_succeeds_or_fails() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for (kind, status, expected_booking_status) in [
        ("async_payment_succeeded", "paid", "booked"),
        ("async_payment_failed", "failed", "cancelled"),
    ] {
        let (booking, session) = start_checkout(&app, &stripe, &ana).await;
        let session = stripe.complete_checkout_without_payment(&session);
        app.deliver_event(&checkout_completed(&session))
            .await
            .expect(200);
        assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
        if status == "paid" {
            stripe.complete_checkout(&session);
        }
        app.deliver_event(&event_about(&format!("checkout.session.{kind}"), &session))
            .await
            .expect(200);
        assert_eq!(payment_of(&ana, &booking).await["status"], status);
        assert_eq!(
            booking_status(&app, &booking).await,
            expected_booking_status
        );
    }
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn an_expired_checkout_gives_the_spot_to_the_waitlist() {
    let (app, stripe) = start_with_stripe().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = join_waitlist(&ben, class).await.expect(201);
    let started = start_payment(&ana, &booking, "card").await.expect(201);
    let session = stripe.expire_checkout(&stripe.session_by_url(&started["checkoutUrl"]));
    let expired = event_about("checkout.session.expired", &session);
    for response in join_all((0..64).map(|_| app.deliver_event(&expired))).await {
        response.expect(200);
    }
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(booking_status(&app, &waiting).await, "booked");
    assert_eq!(member_event_count(&app, "booking_cancelled").await, 1);
    assert_bookings_consistent(&app).await;
}

/// The member has replaced the first checkout with a second one.
#[tokio::test]
async fn an_abandoned_checkout_does_not_cancel_a_valid_booking() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, first) = start_checkout(&app, &stripe, &ana).await;
    start_payment(&ana, &booking, "desk").await.expect(201);
    stripe.expire_checkout(&first);
    let started = start_payment(&ana, &booking, "card").await.expect(201);
    let second = stripe.session_by_url(&started["checkoutUrl"]);
    for kind in ["expired", "async_payment_failed"] {
        app.deliver_event(&event_about(&format!("checkout.session.{kind}"), &first))
            .await
            .expect(200);
        assert_eq!(booking_status(&app, &booking).await, "booked", "{kind}");
        assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
    }
    app.deliver_event(&checkout_completed(&stripe.complete_checkout(&second)))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

/// A retry can create a second checkout that the member never saw.
#[tokio::test]
async fn the_expiry_of_an_unused_second_checkout_does_not_release_the_spot() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let mut second = session.clone();
    second["id"] = json!("cs_test_other");
    second["status"] = json!("expired");
    stripe.add_session(&second);
    app.deliver_event(&event_about("checkout.session.expired", &second))
        .await
        .expect(200);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
}

#[tokio::test]
async fn a_payment_for_a_cancelled_booking_is_refunded() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let session = stripe.complete_checkout(&session);
    cancel(&ana, &booking).await.expect(200);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
    let refunds = stripe.refunds();
    assert_eq!(refunds.len(), 1);
    assert_eq!(refunds[0]["payment_intent"], session["payment_intent"]);
    assert_eq!(member_event_count(&app, "payment_paid").await, 0);
}

#[tokio::test]
async fn concurrent_payment_and_cancellation_refund_once() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for _ in 0..8 {
        let (booking, session) = start_checkout(&app, &stripe, &ana).await;
        let event = checkout_completed(&stripe.complete_checkout(&session));
        let (delivered, cancelled) =
            futures_util::join!(app.deliver_event(&event), cancel(&ana, &booking));
        delivered.expect(200);
        cancelled.expect(200);
        wait_until(async || {
            make_payments_due(&app).await;
            process_refunds(&app).await;
            payment_of(&ana, &booking).await["status"] == "refunded"
        })
        .await;
    }
    assert_eq!(stripe.refunds().len(), 8);
    assert_eq!(member_event_count(&app, "payment_refunded").await, 8);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn concurrent_payment_and_release_keep_the_paid_booking() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for _ in 0..8 {
        let (booking, session) = start_checkout(&app, &stripe, &ana).await;
        expire_card_payments(&app).await;
        let event = checkout_completed(&stripe.complete_checkout(&session));
        let (delivered, _) = futures_util::join!(app.deliver_event(&event), release_unpaid(&app));
        delivered.expect(200);
        assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
        assert_eq!(booking_status(&app, &booking).await, "booked");
    }
    assert_eq!(member_event_count(&app, "payment_paid").await, 8);
}

#[tokio::test]
async fn a_payment_with_a_different_amount_or_currency_is_flagged_for_review() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    for (field, value) in [
        ("amount_total", json!(2_499)),
        ("amount_total", json!(2_501)),
        ("amount_total", Value::Null),
        ("currency", json!("eur")),
        ("currency", Value::Null),
    ] {
        let (booking, session) = start_checkout(&app, &stripe, &ana).await;
        stripe.complete_checkout(&session);
        let session = stripe.update_session(&session, |session| session[field] = value);
        app.deliver_event(&checkout_completed(&session))
            .await
            .expect(200);
        assert_eq!(
            payment_of(&ana, &booking).await["status"],
            "pending",
            "{field}"
        );
        assert_eq!(booking_status(&app, &booking).await, "booked");
    }
    let logged = "select count(*) from security_events where kind = 'payment_mismatch'";
    assert_eq!(app.count(logged).await, 5);
}

#[tokio::test]
async fn a_second_payment_for_one_booking_is_flagged_for_review() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, mut session) = book_and_pay(&app, &stripe, &ana).await;
    session["id"] = json!("cs_test_other");
    session["payment_intent"] = json!("pi_test_other");
    stripe.add_session(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    let logged = "select count(*) from security_events where kind = 'payment_mismatch'";
    assert_eq!(app.count(logged).await, 1);
}

#[tokio::test]
async fn a_refund_of_another_payment_is_ignored() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    stripe.refund_in_dashboard(&session, 2_500);
    let mut other = charge_refunded(&session);
    other["data"]["object"]["payment_intent"] = json!("pi_test_other");
    app.deliver_event(&other).await.expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
}
