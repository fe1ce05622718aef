//! Fees for late cancellations, and for members who did not come.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::rebooking::class_of;
use super::{assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist, time};
use crate::admin::bookings::perform_action;
use crate::harness::{NewClass, Settings, StripeStandIn, TestApp, TestClient};
use crate::payments::{
    charge_refunded, checkout_completed, make_payments_due, payment_of, process_refunds,
    start_payment, start_with_stripe,
};
use crate::shop::{assert_passes_consistent, credits_left, sell_pass};

/// Starts an application with these fees.
async fn start_with_fees(late_cancellation: &str, no_show: &str) -> TestApp {
    let settings = Settings::default()
        .with("LATE_CANCEL_FEE", late_cancellation)
        .with("NO_SHOW_FEE", no_show);
    TestApp::start_with(settings).await
}

/// Books a class that starts in `hours` and costs 25.00.
async fn book_soon(app: &TestApp, member: &TestClient, hours: f64) -> Value {
    let now = app.sql("select now()").await[0].get(0);
    app.set_clock(now);
    let class = NewClass {
        starts_in: Some(hours),
        spots: 1,
        ..NewClass::default()
    };
    book(member, app.create_class_with(class).await)
        .await
        .expect(201)
}

/// Lets the hour pass in which a booking can always be cancelled free of charge.
fn pass_grace(app: &TestApp, booking: &Value) {
    app.set_clock(time(&booking["bookedAt"]) + TimeDelta::minutes(61));
}

/// Books a class that costs 25.00, and cancels it five hours before the start.
async fn cancel_late(app: &TestApp, member: &TestClient, is_paid: bool) -> Value {
    let booking = book_soon(app, member, 6.0).await;
    if is_paid {
        insert_desk_payment(app, &booking).await;
    }
    pass_grace(app, &booking);
    cancel(member, &booking).await.expect(200)
}

/// Books a class that costs 25.00. Staff record after the start that the member did not come.
async fn miss(app: &TestApp, staff: &TestClient, member: &TestClient, is_paid: bool) -> Value {
    let booking = book_soon(app, member, 8.0).await;
    if is_paid {
        insert_desk_payment(app, &booking).await;
    }
    app.set_clock(time(&booking["class"]["startTime"]) + TimeDelta::minutes(30));
    perform_action(staff, &booking, "noShow").await.expect(200)
}

/// Pays what is due for a booking by card. Returns the session.
async fn pay_by_card(
    app: &TestApp,
    stripe: &StripeStandIn,
    member: &TestClient,
    booking: &Value,
) -> Value {
    let started = start_payment(member, booking, "card").await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&started["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(member, booking).await["status"], "paid");
    session
}

/// Returns the bookings for which a member owes a fee.
async fn owed_by(member: &TestClient) -> Vec<Value> {
    let path = "/api/bookings/list?when=all&owesFee=true";
    member.get_all(path).await
}

/// Returns the fees that all members owe.
async fn owed_fees(staff: &TestClient) -> Vec<Value> {
    staff.get_all("/api/admin/fees").await
}

/// Returns the amounts of the refunds in this state.
async fn refunds(app: &TestApp, state: &str) -> Vec<String> {
    let query = format!("select amount::text from refunds where state = '{state}' order by amount");
    app.sql(&query).await.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn by_default_a_late_cancellation_costs_the_price() {
    let app = TestApp::start().await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let booking = cancel_late(&app, &ana, false).await;
    assert_eq!(booking["fee"], "25.00");
    assert_eq!(booking["amountDue"], "25.00");
    assert_eq!(owed_by(&ana).await, std::slice::from_ref(&booking));
    let [fee] = &owed_fees(&staff).await[..] else {
        panic!("not one fee is owed");
    };
    assert_eq!(fee["bookingId"], booking["id"]);
    assert_eq!(fee["reason"], "late_cancellation");
    assert_eq!(fee["amount"], "25.00");
    assert_eq!(fee["memberId"], ana.user_id().await);
    assert_eq!(fee["title"], booking["class"]["title"]);
    let paid = perform_action(&staff, &booking, "markPaid")
        .await
        .expect(200);
    assert_eq!(paid["amountDue"], "0.00");
    assert_eq!(payment_of(&ana, &booking).await["amount"], "25.00");
    assert!(owed_fees(&staff).await.is_empty());
    assert!(owed_by(&ana).await.is_empty());
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect_code(409, "already_paid");
    // Who has paid gets nothing back, and owes nothing.
    let booking = cancel_late(&app, &ben, true).await;
    assert_eq!(booking["fee"], "25.00");
    assert_eq!(booking["amountDue"], "0.00");
    assert_eq!(booking["paymentStatus"], "paid");
    assert!(refunds(&app, "due").await.is_empty());
    assert!(owed_fees(&staff).await.is_empty());
}

#[tokio::test]
async fn a_smaller_fee_is_owed_or_kept_from_the_payment() {
    let app = start_with_fees("10.00", "price").await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let booked = book(&ana, app.create_class(1).await).await.expect(201);
    assert_eq!(booked["lateCancellationFee"], "10.00");
    assert_eq!(booked["fee"], Value::Null);
    assert_eq!(booked["amountDue"], "25.00");
    let booking = cancel_late(&app, &ana, false).await;
    assert_eq!(booking["amountDue"], "10.00");
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["amount"], "10.00");
    // 15.00 of 25.00 are given back at the desk.
    let booking = cancel_late(&app, &ben, true).await;
    assert_eq!(booking["paymentStatus"], "refund_due");
    assert_eq!(booking["amountDue"], "0.00");
    assert_eq!(refunds(&app, "due").await, ["15.00"]);
    perform_action(&staff, &booking, "refund").await.expect(200);
    assert_eq!(refunds(&app, "done").await, ["15.00"]);
    let payment = payment_of(&ben, &booking).await;
    assert_eq!(payment["status"], "partly_refunded");
    assert_eq!(payment["refunded"], "15.00");
    assert!(owed_fees(&staff).await.is_empty());
}

#[tokio::test]
async fn a_fee_is_paid_by_card_and_the_card_gets_the_rest_back() {
    let stripe = StripeStandIn::start().await;
    let settings = stripe.settings().with("LATE_CANCEL_FEE", "10.00");
    let app = TestApp::start_with(settings).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = cancel_late(&app, &ana, false).await;
    let session = pay_by_card(&app, &stripe, &ana, &booking).await;
    assert_eq!(session["amount_total"], 1_000);
    assert_eq!(payment_of(&ana, &booking).await["amount"], "10.00");
    assert!(owed_by(&ana).await.is_empty());
    let booking = book_soon(&app, &ben, 6.0).await;
    pay_by_card(&app, &stripe, &ben, &booking).await;
    pass_grace(&app, &booking);
    cancel(&ben, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    assert_eq!(
        stripe.requests("POST", "/v1/refunds")[0].form["amount"],
        "1500"
    );
}

/// The checkout of the whole price was open when the member cancelled.
#[tokio::test]
async fn a_payment_of_the_price_after_a_late_cancellation_is_refunded_and_the_fee_is_owed() {
    let stripe = StripeStandIn::start().await;
    let settings = stripe.settings().with("LATE_CANCEL_FEE", "10.00");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    let booking = book_soon(&app, &ana, 6.0).await;
    let started = start_payment(&ana, &booking, "card").await.expect(201);
    let session = stripe.session_by_url(&started["checkoutUrl"]);
    pass_grace(&app, &booking);
    cancel(&ana, &booking).await.expect(200);
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["refunded"], "25.00");
    assert_eq!(owed_by(&ana).await[0]["amountDue"], "10.00");
}

#[tokio::test]
async fn booking_again_forgets_the_fee_but_keeps_the_deadline() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let late = cancel_late(&app, &ana, false).await;
    let class = class_of(&late);
    let booking = book(&ana, class).await.expect(201);
    assert_eq!(booking["id"], late["id"]);
    assert_eq!(booking["fee"], Value::Null);
    assert_eq!(booking["amountDue"], "25.00");
    assert!(owed_by(&ana).await.is_empty());
    // Otherwise, booking and cancelling again would be a way around the fee.
    assert_eq!(
        booking["freeCancellationUntil"],
        late["freeCancellationUntil"]
    );
    let late = cancel(&ana, &booking).await.expect(200);
    assert_eq!(late["amountDue"], "25.00");
    // The waitlist is no way around it either.
    let ben = app.member("ben").await;
    book(&ben, class).await.expect(201);
    let waiting = join_waitlist(&ana, class).await.expect(201);
    assert_eq!(waiting["id"], late["id"]);
    assert_eq!(waiting["amountDue"], "25.00");
    assert_eq!(owed_by(&ana).await.len(), 1);
    let late = cancel(&ana, &waiting).await.expect(200);
    assert_eq!(late["amountDue"], "25.00");
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_member_who_waits_after_a_late_cancellation_owes_the_fee_until_there_is_a_spot() {
    let app = start_with_fees("10.00", "price").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let late = cancel_late(&app, &ana, true).await;
    assert_eq!(refunds(&app, "due").await, ["15.00"]);
    let class = class_of(&late);
    let other = book(&ben, class).await.expect(201);
    join_waitlist(&ana, class).await.expect(201);
    // The refund stays, because there may never be a spot.
    assert_eq!(refunds(&app, "due").await, ["15.00"]);
    cancel(&ben, &other).await.expect(200);
    let path = "/api/bookings/list?when=all";
    let promoted = &ana.get_all(path).await[0];
    assert_eq!(promoted["status"], "booked");
    assert_eq!(promoted["fee"], Value::Null);
    assert_eq!(promoted["amountDue"], "0.00");
    assert!(refunds(&app, "due").await.is_empty());
    assert_eq!(payment_of(&ana, promoted).await["refunded"], "0.00");
}

#[tokio::test]
async fn a_fee_that_staff_give_back_is_not_owed_again() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let late = cancel_late(&app, &ana, true).await;
    let refunded = perform_action(&staff, &late, "refund").await.expect(200);
    assert_eq!(refunded["fee"], "0.00");
    assert_eq!(refunded["amountDue"], "0.00");
    assert!(owed_fees(&staff).await.is_empty());
}

#[tokio::test]
async fn a_fee_that_is_refunded_in_the_dashboard_is_not_owed_again() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let booking = book_soon(&app, &ana, 6.0).await;
    let session = pay_by_card(&app, &stripe, &ana, &booking).await;
    pass_grace(&app, &booking);
    cancel(&ana, &booking).await.expect(200);
    stripe.refund_in_dashboard(&session, 2_500);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "refunded");
    assert!(owed_by(&ana).await.is_empty());
}

/// Staff move another booking into the class that the member has cancelled late.
#[tokio::test]
async fn a_move_into_a_class_that_was_cancelled_late_clears_its_fee() {
    let app = start_with_fees("10.00", "price").await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    for (member, is_paid) in [(&ana, false), (&ben, true)] {
        let late = cancel_late(&app, member, is_paid).await;
        let other = book_soon(&app, member, 30.0).await;
        pass_grace(&app, &late);
        let change = json!({
            "bookingId": other["id"], "action": "move", "scheduledClassId": class_of(&late),
        });
        let moved = staff.patch("/api/admin/bookings", change).await.expect(200);
        assert_eq!(moved["amountDue"], "25.00");
        assert!(owed_by(member).await.is_empty());
    }
    // All of what Ben had paid goes back, in two parts.
    assert_eq!(refunds(&app, "due").await, ["10.00", "15.00"]);
}

#[tokio::test]
async fn a_pass_does_not_pay_for_a_waived_fee() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let missed = miss(&app, &staff, &ana, false).await;
    perform_action(&staff, &missed, "waiveFee")
        .await
        .expect(200);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 5 })).await;
    perform_action(&staff, &missed, "usePass")
        .await
        .expect_code(409, "nothing_to_pay");
    assert_eq!(credits_left(&ana, &pass).await, 5);
}

#[tokio::test]
async fn money_for_a_fee_goes_back_when_the_member_books_again() {
    let app = start_with_fees("10.00", "price").await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let late = cancel_late(&app, &ana, false).await;
    perform_action(&staff, &late, "markPaid").await.expect(200);
    let booking = book(&ana, class_of(&late)).await.expect(201);
    assert_eq!(booking["id"], late["id"]);
    assert_eq!(booking["amountDue"], "25.00");
    assert_eq!(refunds(&app, "due").await, ["10.00"]);
    // Ben had paid 25.00. The refund of 15.00 was not paid out yet, so his payment pays again.
    let late = cancel_late(&app, &ben, true).await;
    assert_eq!(refunds(&app, "due").await, ["10.00", "15.00"]);
    let booking = book(&ben, class_of(&late)).await.expect(201);
    assert_eq!(booking["id"], late["id"]);
    assert_eq!(booking["amountDue"], "0.00");
    assert_eq!(booking["paymentStatus"], "paid");
    assert_eq!(refunds(&app, "due").await, ["10.00"]);
    assert_eq!(payment_of(&ben, &booking).await["refunded"], "0.00");
}

/// The 15.00 are on their way to the card, so the member pays again, and gets the rest back.
#[tokio::test]
async fn a_payment_that_was_given_back_in_part_does_not_pay_again() {
    let stripe = StripeStandIn::start().await;
    let settings = stripe.settings().with("LATE_CANCEL_FEE", "10.00");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    let booking = book_soon(&app, &ana, 6.0).await;
    let session = pay_by_card(&app, &stripe, &ana, &booking).await;
    pass_grace(&app, &booking);
    let late = cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    app.deliver_event(&charge_refunded(&session)).await;
    assert_eq!(refunds(&app, "done").await, ["15.00"]);
    let booking = book(&ana, class_of(&late)).await.expect(201);
    assert_eq!(booking["id"], late["id"]);
    assert_eq!(booking["amountDue"], "25.00");
    assert_eq!(refunds(&app, "due").await, ["10.00"]);
}

#[tokio::test]
async fn a_member_who_does_not_come_owes_the_fee() {
    let app = start_with_fees("price", "12.00").await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let missed = miss(&app, &staff, &ana, false).await;
    assert_eq!(missed["fee"], "12.00");
    assert_eq!(missed["amountDue"], "12.00");
    assert_eq!(owed_fees(&staff).await[0]["reason"], "no_show");
    let class = missed["scheduledClassId"].as_str().unwrap();
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    let entry = &staff.get(&path).await.expect(200)["items"][0];
    assert_eq!(entry["fee"], "12.00");
    assert_eq!(entry["amountDue"], "12.00");
    assert_eq!(entry["isUnpaid"], true);
    // Staff correct the roster in the evening, so the e-mail waits.
    assert_eq!(app.mail_count("no_show").await, 1);
    let due =
        "select count(*) from mail_outbox where kind = 'no_show' and next_attempt_at <= now()";
    assert_eq!(app.count(due).await, 0);
    // Recording it twice changes nothing.
    perform_action(&staff, &missed, "noShow").await.expect(200);
    assert_eq!(app.mail_count("no_show").await, 1);
    let came = perform_action(&staff, &missed, "undoAttendance").await;
    assert_eq!(came.expect(200)["amountDue"], "25.00");
    assert!(owed_fees(&staff).await.is_empty());
    // Ben had paid. What exceeds the fee goes back a day later, unless the record is undone.
    let missed = miss(&app, &staff, &ben, true).await;
    assert_eq!(missed["amountDue"], "0.00");
    assert_eq!(refunds(&app, "due").await, ["13.00"]);
    perform_action(&staff, &missed, "noShow").await.expect(200);
    assert_eq!(refunds(&app, "due").await, ["13.00"]);
    let came = perform_action(&staff, &missed, "checkIn").await.expect(200);
    assert_eq!(came["fee"], Value::Null);
    assert_eq!(came["paymentStatus"], "paid");
    assert!(refunds(&app, "due").await.is_empty());
    assert_eq!(payment_of(&ben, &missed).await["refunded"], "0.00");
}

#[tokio::test]
async fn a_checkout_of_the_price_is_closed_when_only_the_fee_is_owed() {
    let stripe = StripeStandIn::start().await;
    let settings = stripe.settings().with("NO_SHOW_FEE", "10.00");
    let app = TestApp::start_with(settings).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let booking = book_soon(&app, &ana, 2.0).await;
    start_payment(&ana, &booking, "card").await.expect(201);
    app.set_clock(time(&booking["class"]["startTime"]) + TimeDelta::minutes(30));
    perform_action(&staff, &booking, "noShow").await.expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "cancelled");
    let started = start_payment(&ana, &booking, "card").await.expect(201);
    assert_eq!(started["amount"], "10.00");
}

#[tokio::test]
async fn staff_waive_a_fee_but_not_their_own() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let booking = cancel_late(&app, &ana, false).await;
    let started = start_payment(&ana, &booking, "card").await.expect(201);
    let session = stripe.session_by_url(&started["checkoutUrl"]);
    let waived = perform_action(&staff, &booking, "waiveFee")
        .await
        .expect(200);
    assert_eq!(waived["fee"], "0.00");
    assert_eq!(waived["amountDue"], "0.00");
    assert!(owed_by(&ana).await.is_empty());
    start_payment(&ana, &booking, "desk")
        .await
        .expect_code(409, "not_payable");
    perform_action(&staff, &booking, "waiveFee")
        .await
        .expect_code(409, "nothing_to_pay");
    // The checkout was open, and its money goes back.
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["refunded"], "25.00");
    let logged = "select count(*) from security_events where kind = 'booking_changed'
        and detail ->> 'action' = 'waive_fee'";
    assert_eq!(app.count(logged).await, 1);
    let own = cancel_late(&app, &staff, false).await;
    perform_action(&staff, &own, "waiveFee")
        .await
        .expect_code(403, "own_booking");
    assert_eq!(owed_by(&staff).await.len(), 1);
}

#[tokio::test]
async fn a_pass_with_credits_pays_no_fee_and_an_unlimited_one_the_amount() {
    let app = start_with_fees("10.00", "10.00").await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    // Both passes begin today. The clock may be in another day later.
    let pass = sell_pass(&staff, &ana, json!({ "credits": 5 })).await;
    sell_pass(&staff, &ben, json!({})).await;
    let booked = book(&ana, app.create_class(1).await).await.expect(201);
    assert_eq!(booked["lateCancellationFee"], "0.00");
    let late = cancel_late(&app, &ana, false).await;
    assert_eq!(late["amountDue"], "0.00");
    miss(&app, &staff, &ana, false).await;
    assert_eq!(credits_left(&ana, &pass).await, 2);
    assert!(owed_fees(&staff).await.is_empty());
    let booked = book(&ben, app.create_class(1).await).await.expect(201);
    assert_eq!(booked["lateCancellationFee"], "10.00");
    let late = cancel_late(&app, &ben, false).await;
    assert_eq!(late["amountDue"], "10.00");
    perform_action(&staff, &late, "markPaid").await.expect(200);
    // The pass pays again, so the fee goes back.
    let again = book(&ben, class_of(&late)).await.expect(201);
    assert_eq!(again["id"], late["id"]);
    assert_eq!(again["amountDue"], "0.00");
    assert_eq!(refunds(&app, "due").await, ["10.00"]);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn an_unlimited_pass_never_costs_the_price() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    sell_pass(&staff, &ana, json!({})).await;
    let late = cancel_late(&app, &ana, false).await;
    assert_eq!(late["lateCancellation"], true);
    assert_eq!(late["amountDue"], "0.00");
    assert_eq!(late["lateCancellationFee"], "0.00");
}

#[tokio::test]
async fn a_fee_counts_as_an_unpaid_booking() {
    let app = TestApp::start_with(Settings::default().with("MAX_UNPAID_BOOKINGS", "1")).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let late = cancel_late(&app, &ana, false).await;
    let other = app.create_class(1).await;
    book(&ana, other)
        .await
        .expect_code(409, "too_many_unpaid_bookings");
    // The fee of the same class is forgotten, so it does not count.
    let class = class_of(&late);
    let again = book(&ana, class).await.expect(201);
    let late = cancel(&ana, &again).await.expect(200);
    perform_action(&staff, &late, "markPaid").await.expect(200);
    book(&ana, other).await.expect(201);
}

#[tokio::test]
async fn a_class_that_the_studio_cancels_costs_no_fee() {
    let app = start_with_fees("10.00", "price").await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let class = NewClass {
        starts_in: Some(6.0),
        spots: 2,
        ..NewClass::default()
    };
    let class = app.create_class_with(class).await;
    let owing = book(&ana, class).await.expect(201);
    let paid = book(&ben, class).await.expect(201);
    pass_grace(&app, &paid);
    cancel(&ana, &owing).await.expect(200);
    let late = cancel(&ben, &paid).await.expect(200);
    perform_action(&staff, &late, "markPaid").await.expect(200);
    let path = format!("/api/admin/schedule?occurrenceId={class}");
    staff.delete(&path).await.expect(200);
    assert!(owed_fees(&staff).await.is_empty());
    assert!(owed_by(&ana).await.is_empty());
    assert_eq!(refunds(&app, "due").await, ["10.00"]);
}

#[tokio::test]
async fn without_fees_nothing_is_owed() {
    let app = start_with_fees("0", "0").await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let late = cancel_late(&app, &ana, false).await;
    assert_eq!(late["lateCancellation"], true);
    assert_eq!(late["amountDue"], "0.00");
    let missed = miss(&app, &staff, &ben, true).await;
    assert_eq!(missed["amountDue"], "0.00");
    assert_eq!(refunds(&app, "due").await, ["25.00"]);
    assert!(owed_fees(&staff).await.is_empty());
    assert_eq!(app.mail_count("no_show").await, 0);
}

#[tokio::test]
async fn a_closed_account_owes_nothing() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    cancel_late(&app, &ana, false).await;
    ana.close_account().await;
    assert!(owed_fees(&staff).await.is_empty());
}
