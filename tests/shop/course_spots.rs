//! Courses: spots that members give up and take again, and what is refunded for them.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::courses::{
    assert_courses_consistent, booked, buy, cancel_class, order, order_for_staff, pay,
    three_classes,
};
use super::{assert_passes_consistent, credits_left, sell, sell_pass};
use crate::admin::overbooking::overbook;
use crate::bookings::{book, cancel, join_waitlist, set_clock_before_start};
use crate::harness::{StripeFault, TestApp, TestClient};
use crate::payments::{charge_refunded, deliver_dispute, event_about, start_with_stripe};

async fn change_booking(staff: &TestClient, booking: &Value, change: Value) {
    let mut form = json!({ "bookingId": booking["id"] });
    for (name, value) in change.as_object().unwrap() {
        form[name] = value.clone();
    }
    staff.patch("/api/admin/bookings", form).await.expect(200);
}

async fn book_as_staff(staff: &TestClient, member: &TestClient, class: Uuid) -> Value {
    let form = json!({ "userId": member.user_id().await, "scheduledClassId": class });
    staff.post("/api/admin/bookings", form).await.expect(201)
}

async fn refunds(app: &TestApp) -> i64 {
    app.count("select count(*) from refunds").await
}

#[tokio::test]
async fn a_disputed_course_gives_no_class_for_free() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    for booking in booked(&ana).await {
        cancel(&ana, &booking).await.expect(200);
    }
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    let again = book(&ana, classes[0]).await.expect(201);
    assert_eq!(
        (&again["price"], &again["amountDue"]),
        (&json!("33.34"), &json!("33.34"))
    );
    assert_courses_consistent(&app).await;
    // The course has paid for it after all.
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(booked(&ana).await[0]["amountDue"], "0.00");
    let again = book(&ana, classes[1]).await.expect(201);
    assert_eq!(again["amountDue"], "0.00");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_pass_pays_each_time_for_a_class_of_a_disputed_course() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 5 })).await;
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    let first = booked(&ana).await.remove(0);
    change_booking(&staff, &first, json!({ "action": "usePass" })).await;
    assert_eq!(credits_left(&ana, &pass).await, 4);
    cancel(&ana, &first).await.expect(200);
    assert_eq!(credits_left(&ana, &pass).await, 5);
    // Without the pass, the class is unpaid.
    let form = json!({ "scheduledClassId": classes[0], "payWith": "money" });
    let unpaid = ana.post("/api/bookings/create", form).await.expect(201);
    assert_eq!(
        (&unpaid["id"], &unpaid["amountDue"], &unpaid["pass"]),
        (&first["id"], &json!("33.34"), &Value::Null)
    );
    cancel(&ana, &unpaid).await.expect(200);
    let again = book(&ana, classes[0]).await.expect(201);
    assert_eq!(
        (&again["id"], &again["pass"]["id"], &again["amountDue"]),
        (&first["id"], &pass, &json!("0.00"))
    );
    assert_eq!(credits_left(&ana, &pass).await, 4);
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(credits_left(&ana, &pass).await, 5);
    assert_courses_consistent(&app).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_second_dispute_leaves_a_given_spot_alone() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    let give = json!({ "action": "give", "reason": "She helps at the festival" });
    change_booking(&staff, &booked(&ana).await[0], give).await;
    let second = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &second).await;
    let due = |booking: &Value| booking["amountDue"].clone();
    let amounts: Vec<Value> = booked(&ana).await.iter().map(due).collect();
    assert_eq!(amounts, ["0.00", "33.33", "33.33"]);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_spot_of_a_course_that_was_refunded_is_not_taken_again() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({ "dropIn": true })).await;
    let sold = sell(&staff, &ana, &[&course]).await.expect(201);
    cancel(&ana, &booked(&ana).await[0]).await.expect(200);
    let refund = json!({
        "orderId": sold["id"], "amount": "100.00", "releaseLineIds": [sold["lines"][0]["id"]],
    });
    staff.patch("/api/admin/orders", refund).await.expect(200);
    let single = book(&ana, classes[0]).await.expect(201);
    assert_eq!(
        (&single["price"], &single["course"]),
        (&json!("25.00"), &Value::Null)
    );
    // Nothing more is refunded for the class.
    cancel_class(&staff, classes[0]).await;
    assert_eq!(
        order_for_staff(&staff, &sold).await["refunded"],
        json!("100.00")
    );
    // The course can be bought again.
    sell(&staff, &ana, &[&course]).await.expect(201);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn spots_that_can_be_taken_again_are_not_sold_twice() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    for booking in booked(&ana).await {
        cancel(&ana, &booking).await.expect(200);
    }
    let refused = buy(&ana, &course).await.expect(409);
    assert_eq!(refused["code"], "course_already_booked");
    for class in classes {
        let again = book(&ana, class).await.expect(201);
        assert_eq!(again["amountDue"], "0.00");
    }
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_class_that_the_studio_has_changed_is_booked_again_after_a_mistake() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    let change = json!({ "occurrence": { "id": classes[1], "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    let moved = booked(&ana).await.remove(1);
    let cancelled = cancel(&ana, &moved).await.expect(200);
    assert_eq!(cancelled["course"]["refund"], "33.33");
    assert_eq!(refunds(&app).await, 0);
    let again = book(&ana, classes[1]).await.expect(201);
    assert_eq!(again["id"], moved["id"]);
    assert_eq!(
        (&again["course"]["isRefundable"], &again["course"]["refund"]),
        (&json!(true), &json!("0.00"))
    );
    app.app.clock().advance(TimeDelta::minutes(11));
    app.run_clean_up().await.expect(200);
    assert_eq!(refunds(&app).await, 0);
    // This time, the member means it.
    cancel(&ana, &again).await.expect(200);
    app.app.clock().advance(TimeDelta::minutes(9));
    app.run_clean_up().await.expect(200);
    assert_eq!(refunds(&app).await, 0);
    app.app.clock().advance(TimeDelta::minutes(2));
    app.run_clean_up().await.expect(200);
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    let refused = book(&ana, classes[1]).await.expect(409);
    assert_eq!(refused["code"], "course_only");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn staff_give_a_spot_of_a_course_back_after_the_start_and_beyond_the_capacity() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    sell(&staff, &ana, &[&course]).await.expect(201);
    let bookings = booked(&ana).await;
    // Somebody else has the spot.
    cancel(&ana, &bookings[1]).await.expect(200);
    book(&ben, classes[1]).await.expect(201);
    let again = overbook(&staff, &ana.user_id().await, classes[1]).await;
    let again = again.expect(201);
    assert_eq!(
        (&again["id"], &again["price"]),
        (&bookings[1]["id"], &json!("0.00"))
    );
    // The member has come after all.
    cancel(&ana, &bookings[0]).await.expect(200);
    set_clock_before_start(&app, &bookings[0], TimeDelta::minutes(-5));
    assert_eq!(
        book(&ana, classes[0]).await.expect(409)["code"],
        "class_started"
    );
    let again = book_as_staff(&staff, &ana, classes[0]).await;
    assert_eq!(
        (&again["id"], &again["price"]),
        (&bookings[0]["id"], &json!("0.00"))
    );
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_spot_of_a_course_waits_when_its_class_is_full() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({})).await;
    sell(&staff, &ana, &[&course]).await.expect(201);
    let own = booked(&ana).await.remove(1);
    cancel(&ana, &own).await.expect(200);
    let other = book_as_staff(&staff, &ben, classes[1]).await;
    let full = book(&ana, classes[1]).await.expect(409);
    assert_eq!(full["code"], "class_full");
    let waiting = join_waitlist(&ana, classes[1]).await.expect(201);
    assert_eq!(
        (&waiting["id"], &waiting["status"], &waiting["price"]),
        (&own["id"], &json!("waitlisted"), &json!("0.00"))
    );
    // The course is not sold again while the member waits for a spot of it.
    let again = sell(&staff, &ana, &[&course]).await.expect(409);
    assert_eq!(again["code"], "course_already_booked");
    cancel(&ben, &other).await.expect(200);
    let back = booked(&ana).await.remove(1);
    assert_eq!(
        (&back["id"], &back["price"], &back["course"]["share"]),
        (&own["id"], &json!("0.00"), &json!("33.33"))
    );
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_spot_that_waits_before_the_course_is_paid_costs_nothing_more() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    let wait = async || {
        let own = booked(&ana).await.remove(1);
        cancel(&ana, &own).await.expect(200);
        let other = book(&ben, classes[1]).await.expect(201);
        let waiting = join_waitlist(&ana, classes[1]).await.expect(201);
        assert_eq!(waiting["id"], own["id"]);
        other
    };
    let started = buy(&ana, &course).await.expect(201);
    let other = wait().await;
    // An order that nobody pays gives up the spots that wait too.
    let form = json!({ "orderId": started["id"], "action": "cancel" });
    staff.patch("/api/admin/orders", form).await.expect(200);
    assert_eq!(
        app.count("select count(*) from bookings where status = 'waitlisted'")
            .await,
        0
    );
    cancel(&ben, &other).await.expect(200);

    let started = buy(&ana, &course).await.expect(201);
    let other = wait().await;
    pay(&app, &stripe, &started).await;
    cancel(&ben, &other).await.expect(200);
    let back = booked(&ana).await.remove(1);
    assert_eq!(
        (&back["price"], &back["course"]["share"]),
        (&json!("0.00"), &json!("33.33"))
    );
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_member_who_waits_for_a_single_class_gets_it_although_it_is_sold_with_its_course_only() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    let other = book(&ben, classes[1]).await.expect(201);
    let waiting = join_waitlist(&ana, classes[1]).await.expect(201);
    let change = json!({ "id": course["id"], "dropIn": false });
    staff.patch("/api/admin/products", change).await.expect(200);
    // Nobody moves up shortly before the class.
    set_clock_before_start(&app, &other, TimeDelta::minutes(30));
    cancel(&ben, &other).await.expect(200);
    assert_eq!(
        book(&ben, classes[1]).await.expect(409)["code"],
        "course_only"
    );
    let booked = book(&ana, classes[1]).await.expect(201);
    assert_eq!(booked["id"], waiting["id"]);
    let again = book(&ana, classes[1]).await.expect(409);
    assert_eq!(again["code"], "already_booked");
}

#[tokio::test]
async fn a_share_is_refunded_if_the_member_waits_for_the_spot_in_vain() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({})).await;
    let sold = sell(&staff, &ana, &[&course]).await.expect(201);
    let bookings = booked(&ana).await;
    // Nothing is refunded for the last class, because the member has given up the spot before the change.
    cancel(&ana, &bookings[2]).await.expect(200);
    book_as_staff(&staff, &ben, classes[2]).await;
    join_waitlist(&ana, classes[2]).await.expect(201);
    for class in &classes[1..] {
        let change = json!({ "occurrence": { "id": class, "room": "Another room" } });
        staff.patch("/api/admin/schedule", change).await.expect(200);
    }
    cancel(&ana, &bookings[1]).await.expect(200);
    book_as_staff(&staff, &ben, classes[1]).await;
    join_waitlist(&ana, classes[1]).await.expect(201);

    app.app.clock().advance(TimeDelta::minutes(11));
    app.run_clean_up().await.expect(200);
    assert_eq!(refunds(&app).await, 0);
    set_clock_before_start(&app, &bookings[2], TimeDelta::minutes(-1));
    app.run_clean_up().await.expect(200);
    let sold = order_for_staff(&staff, &sold).await;
    assert_eq!(sold["dueAtDesk"], "33.33");
    assert_eq!(app.mail_count("course_refund_at_desk").await, 1);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn what_the_studio_owes_is_refunded_when_staff_release_the_spots() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    let change = json!({ "occurrence": { "id": classes[1], "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    let cancelled = cancel(&ana, &booked(&ana).await[1]).await.expect(200);
    assert_eq!(cancelled["course"]["refund"], "33.33");
    let line = order_for_staff(&staff, &started).await["lines"][0]["id"].clone();
    let release = json!({ "orderId": started["id"], "releaseLineIds": [line] });
    staff.patch("/api/admin/orders", release).await.expect(200);
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    assert_eq!(booked(&ana).await.len(), 0);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn what_the_studio_owes_waits_for_the_end_of_a_dispute() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    let change = json!({ "occurrence": { "id": classes[1], "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    // Nobody says that it is refunded, because the bank may decide against the studio.
    let cancelled = cancel(&ana, &booked(&ana).await[1]).await.expect(200);
    assert_eq!(cancelled["course"]["refund"], "0.00");
    cancel_class(&staff, classes[0]).await;
    let line = order_for_staff(&staff, &started).await["lines"][0]["id"].clone();
    let release = json!({ "orderId": started["id"], "releaseLineIds": [line] });
    staff.patch("/api/admin/orders", release).await.expect(200);
    app.app.clock().advance(TimeDelta::minutes(11));
    app.run_clean_up().await.expect(200);
    assert_eq!(refunds(&app).await, 0);
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(order(&ana, &started).await["refunded"], "66.67");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn asking_for_the_checkout_again_does_not_hold_the_spots_for_longer() {
    let (app, stripe) = start_with_stripe().await;
    stripe.follow(app.app.clock());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 1, json!({})).await;
    let first_expiry = "select expires_at::text from payments";
    stripe.fail_next(&[StripeFault::Status(500); 3]);
    buy(&ana, &course).await.expect(503);
    let before: String = app.sql(first_expiry).await[0].get(0);
    // Stripe rejects a checkout that would expire in less than thirty minutes.
    app.app.clock().advance(TimeDelta::minutes(20));
    stripe.fail_next(&[StripeFault::StoredError]);
    let started = buy(&ana, &course).await.expect(201);
    let after: String = app.sql(first_expiry).await[0].get(0);
    assert_eq!(before, after);
    app.app.clock().advance(TimeDelta::minutes(12));
    app.run_clean_up().await.expect(200);
    assert_eq!(order(&ana, &started).await["state"], "cancelled");
    assert_eq!(booked(&ana).await.len(), 0);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_share_is_due_again_when_the_refund_that_has_replaced_it_fails() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    // The refund of a class that the studio has cancelled was not sent yet.
    app.sql(
        "insert into refunds (id, payment_id, amount, source)
        select gen_random_uuid(), id, 33.33, 'rule' from payments",
    )
    .await;
    // The whole price is refunded in the dashboard, so that nothing of the share is left.
    let refund = stripe.refund_in_dashboard(&session, 10_000);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    let failed = stripe.update_refund(refund["id"].as_str().unwrap(), "failed");
    app.deliver_event(&event_about("refund.failed", &failed))
        .await
        .expect(200);
    let rows = app
        .sql("select state || ' ' || amount from refunds order by created_at")
        .await;
    let states: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(states, ["withdrawn 33.33", "failed 100.00", "due 33.33"]);
    assert_eq!(order(&ana, &started).await["state"], "paid");
}

#[tokio::test]
async fn a_member_in_an_overbooked_class_can_replace_the_order() {
    let (app, _stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    let code = json!({ "code": "FIVE", "percent": 5, "appliesTo": ["course"] });
    staff.post("/api/admin/promo-codes", code).await.expect(201);
    let first = buy(&ana, &course).await.expect(201);
    let beyond = overbook(&staff, &ben.user_id().await, classes[1]).await;
    beyond.expect(201);
    let form = json!({ "productId": course["id"], "promoCode": "FIVE" });
    let second = ana.post("/api/shop/order", form).await.expect(201);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(booked(&ana).await.len(), 3);
    assert_eq!(booked(&ben).await.len(), 1);
    // The class is still full for others.
    let carla = app.member("carla").await;
    assert_eq!(
        buy(&carla, &course).await.expect(409)["code"],
        "course_full"
    );
    assert_courses_consistent(&app).await;
}
