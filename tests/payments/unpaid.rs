//! Card payments that were not made in time.

use futures_util::future::join_all;

use super::{
    booking_status, checkout, completed, events, half_an_hour_passes, pay, payment, release,
    studio, the_pause_is_over, told,
};
use crate::bookings::{assert_consistent, book, cancel, wait_for};
use crate::harness::{Fault, until};

/// Rule: a booking to be paid by card holds its place until its Checkout session
/// ends (30 min); unpaid then, it is cancelled and the waitlist moves up.
#[tokio::test]
async fn a_card_booking_holds_its_place_until_its_checkout_ends() {
    let (app, stripe) = studio().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = wait_for(&ben, class).await.expect(201);
    pay(&ana, &booking, "card").await.expect(201);
    app.app.clock().advance(chrono::TimeDelta::minutes(30));
    assert_eq!(release(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    app.app.clock().advance(chrono::TimeDelta::minutes(1));
    assert_eq!(release(&app).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(booking_status(&app, &waiting).await, "booked");
    assert_eq!(payment(&ana, &booking).await["status"], "cancelled");
    assert_eq!(stripe.sessions()[0]["status"], "expired");
    assert_eq!(events(&app, "booking_cancelled").await, 1);
    assert_eq!(events(&app, "booking_promoted").await, 1);
    let mailed =
        "select count(*) from mail_outbox where kind in ('booking_cancelled', 'booking_promoted')";
    assert_eq!(app.count(mailed).await, 2);
    assert_eq!(release(&app).await, 0);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn what_was_paid_at_the_last_moment_is_found_out_before_the_place_is_given_away() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    // Stripe's event did not arrive.
    let session = stripe.pay(&session);
    half_an_hour_passes(&app).await;
    assert_eq!(release(&app).await, 1);
    assert_eq!(payment(&ana, &booking).await["status"], "paid");
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // It arrives after all.
    app.hear(&completed(&session)).await.expect(200);
    assert_eq!(events(&app, "payment_paid").await, 1);
}

#[tokio::test]
async fn money_that_is_under_way_holds_the_place() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    stripe.begin_to_pay(&session);
    half_an_hour_passes(&app).await;
    assert_eq!(release(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert_eq!(payment(&ana, &booking).await["status"], "pending");
}

#[tokio::test]
async fn while_stripe_is_away_no_booking_is_lost_and_it_is_asked_again() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, _) = checkout(&app, &stripe, &ana).await;
    half_an_hour_passes(&app).await;
    stripe.fail(&[Fault::Refused(500); 3]);
    let cleaned = sabor::cleanup::run(&app.app).await.unwrap();
    assert_eq!((cleaned.payments_settled, cleaned.remaining), (0, true));
    assert_eq!(booking_status(&app, &booking).await, "booked");
    // Not before a pause.
    assert_eq!(release(&app).await, 0);
    the_pause_is_over(&app).await;
    assert_eq!(release(&app).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
}

#[tokio::test]
async fn a_session_that_stripe_does_not_know_costs_nobody_their_booking() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, _) = checkout(&app, &stripe, &ana).await;
    app.sql("update payments set provider_reference = 'cs_of_another_account'")
        .await;
    half_an_hour_passes(&app).await;
    assert_eq!(release(&app).await, 0);
    assert_eq!(booking_status(&app, &booking).await, "booked");
}

#[tokio::test]
async fn clean_ups_at_once_and_the_event_with_them_release_once() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    let session = stripe.expire(&session);
    half_an_hour_passes(&app).await;
    let expired = told("checkout.session.expired", &session);
    let heard = async {
        app.hear(&expired).await.expect(200);
    };
    futures_util::join!(join_all((0..8).map(|_| release(&app))), heard);
    assert_eq!(booking_status(&app, &booking).await, "cancelled");
    assert_eq!(events(&app, "booking_cancelled").await, 1);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_that_is_cancelled_takes_its_checkout_along() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, _) = checkout(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    until(async || stripe.sessions()[0]["status"] == "expired").await;
    until(async || {
        let noted = "select count(*) from payments where checkout_url is not null";
        app.count(noted).await == 0
    })
    .await;
    assert_eq!(payment(&ana, &booking).await["status"], "cancelled");
}

#[tokio::test]
async fn who_came_without_paying_is_not_cancelled_afterwards() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, _) = checkout(&app, &stripe, &ana).await;
    app.sql("update bookings set status = 'attended'").await;
    half_an_hour_passes(&app).await;
    assert_eq!(release(&app).await, 1);
    assert_eq!(booking_status(&app, &booking).await, "attended");
    assert_eq!(payment(&ana, &booking).await["status"], "cancelled");
}

#[tokio::test]
async fn once_the_class_has_begun_nobody_loses_their_place_for_not_paying() {
    let (app, stripe) = studio().await;
    let ana = app.member("ana").await;
    let (booking, session) = checkout(&app, &stripe, &ana).await;
    app.sql("update scheduled_classes set start_time = now() - interval '1 minute'")
        .await;
    let expired = told("checkout.session.expired", &stripe.expire(&session));
    app.hear(&expired).await.expect(200);
    assert_eq!(booking_status(&app, &booking).await, "booked");
    assert_eq!(payment(&ana, &booking).await["status"], "cancelled");
    assert_eq!(events(&app, "booking_cancelled").await, 0);
}
