//! Card payments that are not completed in time.

use futures_util::future::join_all;

use super::{
    booking_status, checkout_completed, event_about, expire_card_payments, make_payments_due,
    member_event_count, payment_of, release_unpaid, start_checkout, start_payment,
    start_with_stripe,
};
use crate::bookings::{assert_bookings_consistent, book, cancel, join_waitlist};
use crate::harness::{StripeFault, wait_until};

/// Rule: a booking to be paid by card keeps its spot until its Checkout Session expires after
/// 31 minutes. An unpaid booking is then cancelled, and the waitlist moves up.
#[tokio::test]
async fn a_card_payment_holds_the_spot_until_its_checkout_expires() {
    let (app, stripe) = start_with_stripe().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = join_waitlist(&ben, class).await.expect(201);
    start_payment(&ana, &booking, "card").await.expect(201);
    app.app.clock().advance(chrono::TimeDelta::minutes(30));
    assert_eq!(release_unpaid(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    app.app.clock().advance(chrono::TimeDelta::minutes(1));
    assert_eq!(release_unpaid(&app).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(booking_status(&app, &waiting).await, "booked");
    assert_eq!(payment_of(&ana, &booking).await["status"], "cancelled");
    assert_eq!(stripe.sessions()[0]["status"], "expired");
    assert_eq!(member_event_count(&app, "booking_cancelled").await, 1);
    assert_eq!(member_event_count(&app, "booking_promoted").await, 1);
    let mail_count =
        "select count(*) from mail_outbox where kind in ('booking_cancelled', 'booking_promoted')";
    assert_eq!(app.count(mail_count).await, 2);
    assert_eq!(release_unpaid(&app).await, 0);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_last_minute_payment_is_found_before_the_spot_is_released() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    // Stripe's event has not arrived.
    let session = stripe.complete_checkout(&session);
    expire_card_payments(&app).await;
    assert_eq!(release_unpaid(&app).await, 1);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // The event arrives late.
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(member_event_count(&app, "payment_paid").await, 1);
}

#[tokio::test]
async fn a_payment_in_progress_holds_the_spot() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    stripe.complete_checkout_without_payment(&session);
    expire_card_payments(&app).await;
    assert_eq!(release_unpaid(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert_eq!(payment_of(&ana, &booking).await["status"], "pending");
}

#[tokio::test]
async fn during_a_stripe_outage_no_booking_is_cancelled_and_the_check_is_retried() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = start_checkout(&app, &stripe, &ana).await;
    expire_card_payments(&app).await;
    stripe.fail_next(&[StripeFault::Status(500); 3]);
    let cleaned = sabor::cleanup::run(&app.app).await.unwrap();
    assert_eq!(
        (cleaned.details.payments_settled, cleaned.remaining),
        (0, true)
    );
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // The check is not retried before it is due.
    assert_eq!(release_unpaid(&app).await, 0);
    make_payments_due(&app).await;
    assert_eq!(release_unpaid(&app).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
}

#[tokio::test]
async fn a_checkout_session_unknown_to_stripe_cancels_no_booking() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = start_checkout(&app, &stripe, &ana).await;
    app.sql("update payments set provider_reference = 'cs_of_another_account'")
        .await;
    expire_card_payments(&app).await;
    assert_eq!(release_unpaid(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

#[tokio::test]
async fn concurrent_clean_ups_and_events_release_a_booking_once() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    let session = stripe.expire_checkout(&session);
    expire_card_payments(&app).await;
    let expired = event_about("checkout.session.expired", &session);
    let delivery = async {
        app.deliver_event(&expired).await.expect(200);
    };
    futures_util::join!(join_all((0..8).map(|_| release_unpaid(&app))), delivery);
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(member_event_count(&app, "booking_cancelled").await, 1);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn cancelling_a_booking_expires_its_checkout() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = start_checkout(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    wait_until(async || stripe.sessions()[0]["status"] == "expired").await;
    wait_until(async || {
        let with_url = "select count(*) from payments where checkout_url is not null";
        app.count(with_url).await == 0
    })
    .await;
    assert_eq!(payment_of(&ana, &booking).await["status"], "cancelled");
}

#[tokio::test]
async fn an_attended_booking_is_not_cancelled_for_non_payment() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = start_checkout(&app, &stripe, &ana).await;
    app.sql("update bookings set status = 'attended'").await;
    expire_card_payments(&app).await;
    assert_eq!(release_unpaid(&app).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "attended");
    assert_eq!(payment_of(&ana, &booking).await["status"], "cancelled");
}

#[tokio::test]
async fn a_booking_is_not_cancelled_for_non_payment_after_the_class_started() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    app.sql("update scheduled_classes set start_time = now() - interval '1 minute'")
        .await;
    let expired = event_about(
        "checkout.session.expired",
        &stripe.expire_checkout(&session),
    );
    app.deliver_event(&expired).await.expect(200);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert_eq!(payment_of(&ana, &booking).await["status"], "cancelled");
    assert_eq!(member_event_count(&app, "booking_cancelled").await, 0);
}
