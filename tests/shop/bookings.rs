//! Bookings that a pass pays for.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{assert_passes_consistent, change_pass, create_product, credits_left, sell, sell_pass};
use crate::admin::bookings::perform_action;
use crate::bookings::{
    assert_bookings_consistent, book, cancel, join_waitlist, set_clock_before_start,
};
use crate::harness::{NewClass, TestApp, TestClient, TestResponse};
use crate::payments::start_payment;

async fn book_with(person: &TestClient, class: Uuid, pay_with: &Value) -> TestResponse {
    let payload = json!({ "scheduledClassId": class, "payWith": pay_with });
    person.post("/api/bookings/create", payload).await
}

async fn roster_entry(staff: &TestClient, class: Uuid) -> Value {
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    staff.get(&path).await.expect(200)["items"][0].clone()
}

#[tokio::test]
async fn a_pass_pays_and_a_cancellation_in_time_gives_the_credit_back() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    assert_eq!(booking["price"], "0.00");
    let paid = json!({
        "id": pass, "name": "Ten classes", "usesCredit": true, "creditsLeft": 9,
        "lastDay": super::pass(&ana, &pass).await["lastDay"],
    });
    assert_eq!(booking["pass"], paid);
    let entry = roster_entry(&staff, class).await;
    assert_eq!(entry["passName"], "Ten classes");
    assert_eq!(entry["isUnpaid"], false);
    start_payment(&ana, &booking, "desk")
        .await
        .expect_code(409, "nothing_to_pay");
    let cancelled = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled["pass"]["usesCredit"], false);
    assert_eq!(credits_left(&ana, &pass).await, 10);
    // The next booking is another one, and uses a credit again.
    let again = book(&ana, class).await.expect(201);
    assert_ne!(again["id"], booking["id"]);
    assert_eq!(credits_left(&ana, &pass).await, 9);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_late_cancellation_and_a_no_show_use_the_credit_up() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::hours(6));
    let cancelled = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled["lateCancellation"], true);
    assert_eq!(cancelled["pass"]["usesCredit"], true);
    assert_eq!(credits_left(&ana, &pass).await, 9);
    // A member who books again has already paid.
    let reopened = book(&ana, class).await.expect(201);
    assert_eq!(reopened["id"], booking["id"]);
    assert_eq!(credits_left(&ana, &pass).await, 9);
    app.set_clock(crate::bookings::time(&booking["class"]["startTime"]) + TimeDelta::minutes(30));
    perform_action(&staff, &reopened, "noShow")
        .await
        .expect(200);
    assert_eq!(credits_left(&ana, &pass).await, 9);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn staff_who_waive_the_rule_give_the_credit_back() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::hours(6));
    let lenient = json!({ "bookingId": booking["id"], "action": "cancel", "lenient": true });
    staff
        .patch("/api/admin/bookings", lenient)
        .await
        .expect(200);
    assert_eq!(credits_left(&ana, &pass).await, 10);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn credits_for_a_cancelled_class_can_be_used_for_two_weeks_at_least() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben, carla) = (
        app.member("ana").await,
        app.member("ben").await,
        app.member("carla").await,
    );
    // All passes end shortly after the class.
    let product = create_product(&staff, json!({ "credits": 10, "days": 5 })).await;
    let class = app.create_class(5).await;
    let mut passes = Vec::new();
    let mut bookings = Vec::new();
    for person in [&ana, &ben, &carla] {
        let order = sell(&staff, person, &[&product]).await.expect(201);
        passes.push(order["lines"][0]["passId"].clone());
        bookings.push(book(person, class).await.expect(201));
    }
    // Carla has her credit back already.
    cancel(&carla, &bookings[2]).await.expect(200);
    let before = super::pass(&carla, &passes[2]).await;
    set_clock_before_start(&app, &bookings[0], TimeDelta::hours(6));
    cancel(&ben, &bookings[1]).await.expect(200);
    assert_eq!(credits_left(&ben, &passes[1]).await, 9);
    let path = format!("/api/admin/schedule?occurrenceId={class}");
    staff.delete(&path).await.expect(200);
    let last_day = json!(super::days::today(&app) + TimeDelta::days(14));
    for (person, pass) in [(&ana, &passes[0]), (&ben, &passes[1])] {
        let shown = super::pass(person, pass).await;
        assert_eq!(shown["creditsLeft"], 10);
        assert_eq!(shown["lastDay"], last_day);
        // No member of staff has decided that the pass ends later.
        let [change] = &super::changes_of(&staff, pass).await[..] else {
            panic!("the pass was not changed once");
        };
        assert_eq!(change["action"], "addDays");
        assert_eq!(change["changedBy"], Value::Null);
    }
    assert!(super::changes_of(&staff, &passes[2]).await.is_empty());
    assert_eq!(
        super::pass(&carla, &passes[2]).await["lastDay"],
        before["lastDay"]
    );
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_member_chooses_what_pays() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let long = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let short = sell_pass(&staff, &ana, json!({ "credits": 1, "days": 60 })).await;
    let first = app.create_class(5).await;
    let path = format!("/api/shop/cover?scheduledClassId={first}");
    let cover = ana.get(&path).await.expect(200);
    assert_eq!(cover["price"], "25.00");
    assert_eq!(cover["passId"], short);
    let ids = |cover: &Value| json!([cover["passes"][0]["id"], cover["passes"][1]["id"]]);
    assert_eq!(ids(&cover), json!([short, long]));
    // The pass that ends first pays by default.
    let booking = book(&ana, first).await.expect(201);
    assert_eq!(booking["pass"]["id"], short);
    let second = app.create_class(5).await;
    let path = format!("/api/shop/cover?scheduledClassId={second}");
    let cover = ana.get(&path).await.expect(200);
    assert_eq!(cover["passId"], long);
    assert_eq!(ids(&cover), json!([long, short]));
    assert_eq!(cover["passes"][1]["refusal"], "used_up");
    let response = book_with(&ana, second, &short).await;
    response.expect_code(409, "pass_not_usable");
    let unpaid = book_with(&ana, second, &json!("money")).await.expect(201);
    assert_eq!(unpaid["price"], "25.00");
    assert_eq!(unpaid["pass"], Value::Null);
    let chosen = book_with(&ana, app.create_class(5).await, &long).await;
    assert_eq!(chosen.expect(201)["pass"]["id"], long);
    let response = book_with(&ana, app.create_class(5).await, &json!("cash")).await;
    assert_eq!(response.status, 400);
    // The pass of somebody else pays nothing.
    let ben = app.member("ben").await;
    let response = book_with(&ben, second, &long).await;
    response.expect_code(409, "pass_not_usable");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_free_class_uses_no_credit() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let free = NewClass {
        price: "0",
        ..NewClass::default()
    };
    let class = app.create_class_with(free).await;
    let path = format!("/api/shop/cover?scheduledClassId={class}");
    assert_eq!(ana.get(&path).await.expect(200)["passId"], Value::Null);
    let booking = book(&ana, class).await.expect(201);
    assert_eq!(booking["pass"], Value::Null);
    assert_eq!(credits_left(&ana, &pass).await, 10);
}

#[tokio::test]
async fn a_pass_is_good_for_its_class_types_only() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (class, other) = (app.create_class(5).await, app.create_class(5).await);
    let type_of = format!("select class_type_id from scheduled_classes where id = '{class}'");
    let class_type: Uuid = app.sql(&type_of).await[0].get(0);
    let pass = sell_pass(&staff, &ana, json!({ "classTypeIds": [class_type] })).await;
    let path = format!("/api/shop/cover?scheduledClassId={other}");
    let cover = ana.get(&path).await.expect(200);
    assert_eq!(cover["passes"][0]["refusal"], "other_class_type");
    assert_eq!(book(&ana, other).await.expect(201)["pass"], Value::Null);
    assert_eq!(book(&ana, class).await.expect(201)["pass"]["id"], pass);
}

#[tokio::test]
async fn a_pass_pays_when_a_member_is_promoted_from_the_waitlist() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let [ana, ben, carla] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("carla").await,
    ];
    let pass = sell_pass(&staff, &ben, json!({ "credits": 1 })).await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = join_waitlist(&ben, class).await.expect(201);
    assert_eq!(waiting["pass"], Value::Null);
    assert_eq!(waiting["price"], "25.00");
    join_waitlist(&carla, class).await.expect(201);
    assert_eq!(credits_left(&ben, &pass).await, 1);
    cancel(&ana, &booking).await.expect(200);
    let promoted = &ben.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(promoted["status"], "booked");
    assert_eq!(promoted["pass"]["id"], pass);
    assert_eq!(promoted["price"], "0.00");
    assert_eq!(credits_left(&ben, &pass).await, 0);
    // Without a pass, the price is to be paid.
    cancel(&ben, promoted).await.expect(200);
    let promoted = &carla.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(promoted["status"], "booked");
    assert_eq!(promoted["price"], "25.00");
    assert_bookings_consistent(&app).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_member_on_the_waitlist_who_books_again_pays_with_a_pass() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let pass = sell_pass(&staff, &ben, json!({ "credits": 1 })).await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waiting = join_waitlist(&ben, class).await.expect(201);
    // After the automatic promotion has ended.
    set_clock_before_start(&app, &booking, TimeDelta::hours(1));
    cancel(&ana, &booking).await.expect(200);
    let booked = book(&ben, class).await.expect(201);
    assert_eq!(booked["id"], waiting["id"]);
    assert_eq!(booked["pass"]["id"], pass);
    assert_eq!(booked["price"], "0.00");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_late_cancellation_keeps_its_credit_on_the_waitlist() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 2 })).await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::hours(6));
    cancel(&ana, &booking).await.expect(200);
    let other = book(&ben, class).await.expect(201);
    let waiting = join_waitlist(&ana, class).await.expect(201);
    assert_eq!(waiting["id"], booking["id"]);
    cancel(&ben, &other).await.expect(200);
    let promoted = &ana.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(promoted["status"], "booked");
    assert_eq!(credits_left(&ana, &pass).await, 1);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_revoked_pass_does_not_reopen_a_booking() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let revoked = sell_pass(&staff, &ana, json!({ "credits": 2, "days": 60 })).await;
    let other = sell_pass(&staff, &ana, json!({ "credits": 2 })).await;
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    assert_eq!(booking["pass"]["id"], revoked);
    set_clock_before_start(&app, &booking, TimeDelta::hours(6));
    cancel(&ana, &booking).await.expect(200);
    // A chosen pass is not replaced by the one that was used.
    let response = book_with(&ana, class, &other).await;
    response.expect_code(409, "pass_not_usable");
    change_pass(&staff, &revoked, json!({ "action": "revoke" }))
        .await
        .expect(200);
    let again = book(&ana, class).await.expect(201);
    assert_ne!(again["id"], booking["id"]);
    assert_eq!(again["pass"]["id"], other);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn what_pays_for_a_waitlist_entry_cannot_be_chosen() {
    let app =
        TestApp::start_with(crate::harness::Settings::default().with("MAX_UNPAID_BOOKINGS", "1"))
            .await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let pass = sell_pass(&staff, &ben, json!({ "credits": 5 })).await;
    for number in 0..3 {
        let class = app.create_class(1).await;
        let person = if number == 0 {
            &ana
        } else {
            &app.member(&format!("guest{number}")).await
        };
        book(person, class).await.expect(201);
        for pay_with in [&pass, &json!("money")] {
            let payload = json!({
                "scheduledClassId": class, "joinWaitlist": true, "payWith": pay_with,
            });
            let response = ben.post("/api/bookings/create", payload).await;
            response.expect_code(409, "pay_with_on_waitlist");
        }
        // A pass will pay for the entry, so it is not limited like an unpaid booking.
        join_waitlist(&ben, class).await.expect(201);
    }
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_that_moves_takes_over_the_credit_that_was_lost_there() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 1 })).await;
    let target = app.create_class(5).await;
    let lost = book(&ana, target).await.expect(201);
    set_clock_before_start(&app, &lost, TimeDelta::hours(6));
    cancel(&ana, &lost).await.expect(200);
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(booking["pass"], Value::Null);
    let change =
        json!({ "bookingId": booking["id"], "action": "move", "scheduledClassId": target });
    let moved = staff.patch("/api/admin/bookings", change).await.expect(200);
    assert_eq!(moved["pass"]["id"], pass);
    assert_eq!(moved["price"], "0.00");
    assert_eq!(credits_left(&ana, &pass).await, 0);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_pass_that_is_bought_at_the_door_pays_for_the_booking() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    perform_action(&staff, &booking, "usePass")
        .await
        .expect_code(409, "pass_not_usable");
    start_payment(&ana, &booking, "desk").await.expect(201);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let covered = perform_action(&staff, &booking, "usePass")
        .await
        .expect(200);
    assert_eq!(covered["pass"]["id"], pass);
    assert_eq!(covered["price"], "0.00");
    assert_eq!(covered["paymentStatus"], "cancelled");
    assert_eq!(roster_entry(&staff, class).await["isUnpaid"], false);
    perform_action(&staff, &booking, "usePass")
        .await
        .expect_code(409, "nothing_to_pay");
    let paid = book_with(&ana, app.create_class(5).await, &json!("money"))
        .await
        .expect(201);
    perform_action(&staff, &paid, "markPaid").await.expect(200);
    perform_action(&staff, &paid, "usePass")
        .await
        .expect_code(409, "already_paid");
    assert_eq!(credits_left(&ana, &pass).await, 9);
    let choice = json!({ "bookingId": paid["id"], "action": "markPaid", "passId": pass });
    staff
        .patch("/api/admin/bookings", choice)
        .await
        .expect_code(400, "validation_failed");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_that_moves_keeps_its_credit() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 1 })).await;
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    let target = app.create_class(5).await;
    let change =
        json!({ "bookingId": booking["id"], "action": "move", "scheduledClassId": target });
    let moved = staff.patch("/api/admin/bookings", change).await.expect(200);
    assert_eq!(moved["pass"]["id"], pass);
    assert_eq!(moved["price"], "0.00");
    cancel(&ana, &moved).await.expect(200);
    assert_eq!(credits_left(&ana, &pass).await, 1);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_with_a_pass_is_not_limited_like_an_unpaid_one() {
    let app =
        TestApp::start_with(crate::harness::Settings::default().with("MAX_UNPAID_BOOKINGS", "1"))
            .await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    book(&ana, app.create_class(5).await).await.expect(201);
    let response = book(&ana, app.create_class(5).await).await;
    response.expect_code(409, "too_many_unpaid_bookings");
    let pass = sell_pass(&staff, &ana, json!({ "credits": 1 })).await;
    book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(credits_left(&ana, &pass).await, 0);
    let response = book(&ana, app.create_class(5).await).await;
    response.expect_code(409, "too_many_unpaid_bookings");
}

#[tokio::test]
async fn closing_an_account_revokes_its_passes() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    book(&ana, app.create_class(5).await).await.expect(201);
    let id = ana.user_id().await;
    ana.close_account().await;
    let path = format!("/api/admin/passes?memberId={}", id.as_str().unwrap());
    let passes = staff.get_all(&path).await;
    assert_eq!(passes[0]["id"], pass);
    assert_eq!(passes[0]["isRevoked"], true);
    assert_eq!(passes[0]["creditsLeft"], 10);
    let orders = staff.get_all("/api/admin/orders").await;
    assert_eq!(orders[0]["memberName"], "Former member");
    change_pass(&staff, &pass, json!({ "action": "revoke" }))
        .await
        .expect_code(409, "pass_not_changeable");
}
