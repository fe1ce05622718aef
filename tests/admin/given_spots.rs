//! `api/admin/bookings.rs`: spots that the studio gives for free.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bookings::perform_action;
use super::overbooking::overbook;
use crate::bookings::{book, cancel, insert_desk_payment, join_waitlist, set_clock_before_start};
use crate::harness::{NewClass, TestApp, TestClient, TestResponse, wait_until};
use crate::payments::{start_payment, start_with_stripe};
use crate::shop::{credits_left, sell_pass};

const REASON: &str = "Helped at the door";

/// Books a spot that the studio gives.
async fn give_to(staff: &TestClient, member: &Value, class: Uuid) -> TestResponse {
    let booking =
        json!({ "userId": member, "scheduledClassId": class, "give": true, "reason": REASON });
    staff.post("/api/admin/bookings", booking).await
}

/// Gives the spot of a booking.
async fn give(staff: &TestClient, booking: &Value) -> TestResponse {
    let change = json!({ "bookingId": booking["id"], "action": "give", "reason": REASON });
    staff.patch("/api/admin/bookings", change).await
}

async fn roster(staff: &TestClient, class: Uuid) -> Vec<Value> {
    staff
        .get_all(&format!("/api/admin/bookings?scheduledClassId={class}"))
        .await
}

async fn report(staff: &TestClient) -> Value {
    staff.get("/api/admin/reports").await.expect(200)
}

#[tokio::test]
async fn a_given_spot_costs_nothing_and_only_staff_see_why() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let class = app.create_class(5).await;
    let booking = give_to(&staff, &ana.user_id().await, class)
        .await
        .expect(201);
    let expected = json!({
        "isGiven": true, "price": "0.00", "amountDue": "0.00", "pass": null, "payment": null,
        "lateCancellationFee": "0.00",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(booking[field], *value, "{field}");
    }
    assert_eq!(credits_left(&ana, &pass).await, 10);
    let entry = &roster(&staff, class).await[0];
    assert_eq!(entry["givenReason"], REASON);
    assert_eq!(entry["isUnpaid"], false);
    let own = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(own["items"][0]["isGiven"], true);
    assert!(!own.to_string().contains(REASON));
    start_payment(&ana, &booking, "desk")
        .await
        .expect_code(409, "nothing_to_pay");
    let logged = app
        .sql("select detail from security_events where kind = 'booking_changed'")
        .await;
    let detail: Value = logged[0].get(0);
    assert_eq!(
        (&detail["given"], &detail["reason"]),
        (&json!(true), &json!(REASON))
    );
    // The report counts it, and nobody owes it.
    let before = report(&staff).await;
    assert_eq!(before["totals"]["givenSpots"], 1);
    assert_eq!(before["totals"]["givenValue"], "25.00");
    assert_eq!(before["owed"], "0.00");
    assert_eq!(before["open"], json!([]));
    cancel(&ana, &booking).await.expect(200);
    let after = report(&staff).await;
    assert_eq!(after["totals"]["givenSpots"], 0);
    assert_eq!(after["totals"]["givenValue"], "0.00");
}

#[tokio::test]
async fn staff_give_a_spot_that_is_booked_and_a_started_payment_ends() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    start_payment(&ana, &booking, "card").await.expect(201);
    assert_eq!(report(&staff).await["owed"], "25.00");
    let given = give(&staff, &booking).await.expect(200);
    assert_eq!(given["isGiven"], true);
    assert_eq!(given["amountDue"], "0.00");
    assert_eq!(given["payment"]["status"], "cancelled");
    wait_until(async || stripe.sessions()[0]["status"] == "expired").await;
    assert_eq!(report(&staff).await["owed"], "0.00");
    give(&staff, &booking)
        .await
        .expect_code(409, "nothing_to_pay");
    // A late cancellation costs nothing, and the spot is not given again.
    set_clock_before_start(&app, &booking, TimeDelta::hours(1));
    let cancelled = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled["lateCancellation"], true);
    assert_eq!(cancelled["amountDue"], "0.00");
    let again = book(&ana, class).await.expect(201);
    assert_eq!(again["isGiven"], false);
    assert_eq!(again["amountDue"], "25.00");
    let rows = app.sql("select detail from security_events where kind = 'booking_changed'");
    let detail: Value = rows.await[0].get(0);
    assert_eq!(
        (&detail["action"], &detail["reason"]),
        (&json!("give"), &json!(REASON))
    );
}

#[tokio::test]
async fn a_given_spot_of_a_member_who_does_not_come_costs_nothing() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let class = app.create_class(5).await;
    let booking = give_to(&staff, &ana.user_id().await, class)
        .await
        .expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::minutes(-10));
    let absent = perform_action(&staff, &booking, "noShow").await.expect(200);
    assert_eq!(absent["amountDue"], "0.00");
    assert_eq!(absent["isGiven"], true);
}

#[tokio::test]
async fn a_spot_is_not_given_when_there_is_nothing_to_give() {
    let app = TestApp::start().await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let ana_id = ana.user_id().await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    give(&staff, &booking)
        .await
        .expect_code(409, "already_paid");
    let waiting = join_waitlist(&ben, class).await.expect(201);
    give(&staff, &waiting).await.expect_code(409, "not_payable");
    give_to(&staff, &ben.user_id().await, class)
        .await
        .expect_code(409, "already_booked");
    let carla = app.member("carla").await.user_id().await;
    give_to(&staff, &carla, class)
        .await
        .expect_code(409, "class_full");
    let free = NewClass {
        price: "0.00",
        ..NewClass::default()
    };
    let free = app.create_class_with(free).await;
    give_to(&staff, &ana_id, free)
        .await
        .expect_code(409, "nothing_to_pay");
    // Nothing is left of the refused booking.
    assert_eq!(roster(&staff, free).await.len(), 0);
    sell_pass(&staff, &ben, json!({ "credits": 1 })).await;
    let covered = book(&ben, app.create_class(1).await).await.expect(201);
    give(&staff, &covered)
        .await
        .expect_code(409, "nothing_to_pay");
    for (change, field) in [
        (json!({ "reason": " " }), "reason"),
        (json!({ "payWith": "money" }), "payWith"),
    ] {
        let mut booking = json!({
            "userId": ana_id, "scheduledClassId": free, "give": true, "reason": REASON,
        });
        booking
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let rejected = staff.post("/api/admin/bookings", booking).await;
        super::assert_rejects_only(&rejected, field);
    }
    let without_reason = perform_action(&staff, &covered, "give").await;
    super::assert_rejects_only(&without_reason, "reason");
    let blank = json!({ "bookingId": covered["id"], "action": "give", "reason": " " });
    let blank = staff.patch("/api/admin/bookings", blank).await;
    let rejected = blank.expect_code(400, "validation_failed");
    assert_eq!(rejected["details"], json!({ "reason": ["is required"] }));
}

#[tokio::test]
async fn nobody_gives_to_oneself_or_takes_money_from_oneself() {
    let app = TestApp::start().await;
    let (staff, olga) = (app.staff("sofia").await, app.staff("olga").await);
    let class = app.create_class(5).await;
    let booking = book(&staff, class).await.expect(201);
    let own_id = staff.user_id().await;
    give(&staff, &booking).await.expect_code(403, "own_booking");
    let other = app.create_class(5).await;
    give_to(&staff, &own_id, other)
        .await
        .expect_code(403, "own_booking");
    for action in ["markPaid", "usePass", "waiveFee", "refund"] {
        perform_action(&staff, &booking, action)
            .await
            .expect_code(403, "own_booking");
    }
    give(&olga, &booking).await.expect(200);
}

#[tokio::test]
async fn a_spot_beyond_the_capacity_can_be_given_too() {
    let app = TestApp::start().await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let class = app.create_class(1).await;
    book(&ana, class).await.expect(201);
    let booking = json!({
        "userId": ben.user_id().await, "scheduledClassId": class, "give": true,
        "beyondCapacity": true, "reason": REASON,
    });
    let booking = staff.post("/api/admin/bookings", booking).await.expect(201);
    assert_eq!(booking["isGiven"], true);
    let carla = app.member("carla").await.user_id().await;
    let paying = overbook(&staff, &carla, class).await.expect(201);
    assert_eq!(paying["isGiven"], false);
    assert_eq!(paying["amountDue"], "25.00");
}

#[tokio::test]
async fn the_reason_is_erased_with_the_account() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let class = app.create_class(5).await;
    let ana_id = ana.user_id().await;
    give_to(&staff, &ana_id, class).await.expect(201);
    let full = app.create_class(1).await;
    book(&app.member("ben").await, full).await.expect(201);
    overbook(&staff, &ana_id, full).await.expect(201);
    let logged = "select count(*) from security_events
        where kind = 'booking_changed' and detail ? 'reason'";
    assert_eq!(app.count(logged).await, 2);
    ana.close_account().await;
    let kept = "select count(*) from bookings where given_reason <> ''";
    assert_eq!(app.count(kept).await, 0);
    assert_eq!(app.count(logged).await, 0);
}

#[tokio::test]
async fn no_spot_of_a_closed_account_is_given() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::minutes(-10));
    perform_action(&staff, &booking, "checkIn")
        .await
        .expect(200);
    ana.close_account().await;
    give(&staff, &booking).await.expect_code(404, "not_found");
    let given = "select count(*) from bookings where given_at is not null";
    assert_eq!(app.count(given).await, 0);
}
