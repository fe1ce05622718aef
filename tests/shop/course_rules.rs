//! Courses: disputes, refunds by rule, limits, and what the previous version of the program leaves.

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use sabor::store::migrations;
use serde_json::{Value, json};

use super::courses::{
    assert_courses_consistent, booked, buy, cancel_class, order, order_for_staff, pay, set_classes,
    shares, three_classes,
};
use super::migration::revert_to;
use super::{assert_passes_consistent, create_product, credits_left, sell, sell_pass};
use crate::bookings::{book, cancel, join_waitlist, set_clock_before_start};
use crate::harness::{StripeStandIn, TestApp, TestClient, connect};
use crate::payments::{deliver_dispute, start_with_stripe};

async fn change_booking(staff: &TestClient, booking: &Value, action: &str) -> Value {
    let change = json!({ "bookingId": booking["id"], "action": action });
    staff.patch("/api/admin/bookings", change).await.expect(200)
}

async fn cancel_as_staff(staff: &TestClient, booking: &Value, lenient: bool) {
    let change = json!({ "bookingId": booking["id"], "action": "cancel", "lenient": lenient });
    staff.patch("/api/admin/bookings", change).await.expect(200);
}

/// Returns all bookings of a member, earliest class first.
async fn all_bookings(person: &TestClient) -> Vec<Value> {
    person.get_all("/api/bookings/list?when=all").await
}

/// Refunds the shares of members who have cancelled ten minutes ago.
async fn refund_what_waits(app: &TestApp) {
    app.app.clock().advance(TimeDelta::minutes(11));
    app.run_clean_up().await.expect(200);
}

async fn due_refunds(app: &TestApp) -> i64 {
    app.count("select count(*) from refunds where state = 'due'")
        .await
}

#[tokio::test]
async fn a_won_dispute_gives_back_what_was_paid_for_single_classes_meanwhile() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 5 })).await;
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    let bookings = booked(&ana).await;
    change_booking(&staff, &bookings[0], "markPaid").await;
    change_booking(&staff, &bookings[1], "usePass").await;
    assert_eq!(credits_left(&ana, &pass).await, 4);
    set_clock_before_start(&app, &bookings[2], TimeDelta::hours(1));
    let late = cancel(&ana, &bookings[2]).await.expect(200);
    assert_eq!(late["amountDue"], "33.33");

    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    for booking in all_bookings(&ana).await {
        assert_eq!(booking["amountDue"], "0.00", "{booking}");
        assert_eq!(booking["price"], "0.00", "{booking}");
    }
    assert_eq!(credits_left(&ana, &pass).await, 5);
    let refund = "select concat_ws(' ', r.state, r.source, r.amount) from refunds r
        join payments p on p.id = r.payment_id where p.booking_id is not null";
    let rows = app.sql(refund).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), "due rule 33.34");
    assert_courses_consistent(&app).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn releasing_a_disputed_course_gives_back_what_was_paid_for_single_classes() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    change_booking(&staff, &booked(&ana).await[0], "markPaid").await;
    let line = &order_for_staff(&staff, &started).await["lines"][0];
    let release = json!({ "orderId": started["id"], "releaseLineIds": [line["id"]] });
    staff.patch("/api/admin/orders", release).await.expect(200);
    assert_eq!(booked(&ana).await.len(), 0);
    assert_eq!(due_refunds(&app).await, 1);
    // The decision changes nothing about that.
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(due_refunds(&app).await, 1);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_purchase_whose_class_was_cancelled_meanwhile_begins_again() {
    let (app, _stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 1, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    cancel(&ana, &booked(&ana).await[1]).await.expect(200);
    let again = buy(&ana, &course).await.expect(201);
    assert_ne!(again["id"], started["id"]);
    assert_eq!(order(&ana, &started).await["state"], "cancelled");
    assert_eq!(booked(&ana).await.len(), 3);
    // The member replaced the order, so nothing was too late.
    let reasons = "select count(*) from bookings where cancellation_reason is not null";
    assert_eq!(app.count(reasons).await, 0);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_member_does_not_hold_the_spots_of_many_courses() {
    let stripe = StripeStandIn::start().await;
    let app = TestApp::start_with(stripe.settings().with("MAX_UNPAID_BOOKINGS", "1")).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (one, _) = three_classes(&app, &staff, 5, json!({})).await;
    let (other, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &one).await.expect(201);
    let refused = buy(&ana, &other).await.expect(409);
    assert_eq!(refused["code"], "too_many_unpaid_bookings");
    assert_eq!(booked(&ana).await.len(), 3);
    pay(&app, &stripe, &started).await;
    buy(&ana, &other).await.expect(201);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn what_the_studio_changes_is_never_the_loss_of_the_member() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    let bookings = booked(&ana).await;
    // Staff cancel for the member.
    cancel_as_staff(&staff, &bookings[0], false).await;
    assert_eq!(order(&ana, &started).await["refunded"], "0.00");
    // Staff excuse the member.
    cancel_as_staff(&staff, &bookings[1], true).await;
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    // The member cannot come to the other room.
    let change = json!({ "occurrence": { "id": classes[2], "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    let cancelled = cancel(&ana, &bookings[2]).await.expect(200);
    assert_eq!(cancelled["course"]["refund"], "33.33");
    refund_what_waits(&app).await;
    assert_eq!(order(&ana, &started).await["refunded"], "66.66");
    // The shares are not refunded twice.
    for class in &classes[1..] {
        cancel_class(&staff, *class).await;
    }
    assert_eq!(order(&ana, &started).await["refunded"], "66.66");
    let line = &order_for_staff(&staff, &started).await["lines"][0];
    assert_eq!(line["course"]["refundedShares"], "66.66");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_share_that_is_due_before_the_order_is_paid_is_refunded_after_that() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    cancel_as_staff(&staff, &booked(&ana).await[1], true).await;
    assert_eq!(app.count("select count(*) from refunds").await, 0);
    refund_what_waits(&app).await;
    assert_eq!(app.count("select count(*) from refunds").await, 0);
    pay(&app, &stripe, &started).await;
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn no_more_than_what_is_left_of_the_money_goes_back_for_a_class() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let sold = sell(&staff, &ana, &[&course]).await.expect(201);
    let refund = json!({ "orderId": sold["id"], "amount": "90.00" });
    staff.patch("/api/admin/orders", refund).await.expect(200);
    cancel_class(&staff, classes[0]).await;
    cancel_class(&staff, classes[1]).await;
    let bookings = all_bookings(&ana).await;
    let refunds = bookings
        .iter()
        .map(|booking| booking["course"]["refund"].as_str().unwrap());
    assert_eq!(refunds.collect::<Vec<_>>(), ["10.00", "0.00", "0.00"]);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn only_a_paid_order_is_refunded() {
    let (app, _stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let line = &started["lines"][0];
    let release = json!({ "orderId": started["id"], "releaseLineIds": [line["id"]] });
    let refused = staff.patch("/api/admin/orders", release).await.expect(409);
    assert_eq!(refused["code"], "order_not_paid");
    assert_eq!(booked(&ana).await.len(), 3);
}

#[tokio::test]
async fn the_till_does_not_count_the_order_that_it_replaces() {
    let (app, _stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 1, json!({ "perMember": 1 })).await;
    let code = json!({ "code": "ONCE", "percent": 10, "appliesTo": ["course"], "maxUses": 1 });
    staff.post("/api/admin/promo-codes", code).await.expect(201);
    let form = json!({ "productId": course["id"], "promoCode": "ONCE" });
    ana.post("/api/shop/order", form).await.expect(201);
    let sale = json!({
        "userId": ana.user_id().await, "productIds": [course["id"]], "tender": "cash",
        "promoCode": "ONCE",
    });
    let sold = staff.post("/api/admin/orders", sale).await.expect(201);
    assert_eq!(sold["total"], "90.00");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_course_that_was_refunded_and_released_does_not_count() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({ "perMember": 1 })).await;
    let sold = sell(&staff, &ana, &[&course]).await.expect(201);
    let again = sell(&staff, &ana, &[&course]).await.expect(409);
    assert_eq!(again["code"], "product_limit_reached");
    let line = &sold["lines"][0];
    let refund = json!({
        "orderId": sold["id"], "amount": "100.00", "releaseLineIds": [line["id"]],
    });
    staff.patch("/api/admin/orders", refund).await.expect(200);
    set_classes(&staff, &course, &classes[..2])
        .await
        .expect(200);
    sell(&staff, &ana, &[&course]).await.expect(201);
    assert_eq!(shares(&booked(&ana).await), ["50.00", "50.00"]);
}

#[tokio::test]
async fn the_entry_on_a_waitlist_becomes_a_spot_of_the_course() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    let other = book(&ben, classes[1]).await.expect(201);
    let waiting = join_waitlist(&ana, classes[1]).await.expect(201);
    // The waitlist is closed when the spot becomes free.
    set_clock_before_start(&app, &waiting, TimeDelta::minutes(61));
    app.sql(&format!(
        "update scheduled_classes set start_time = start_time + interval '1 day',
            end_time = end_time + interval '1 day' where id = '{}'",
        classes[0]
    ))
    .await;
    cancel_as_staff(&staff, &other, true).await;
    sell(&staff, &ana, &[&course]).await.expect(201);
    let bookings = booked(&ana).await;
    assert_eq!(bookings.len(), 3);
    assert_eq!(bookings[0]["id"], waiting["id"]);
    assert_eq!(bookings[0]["course"]["name"], "Salsa for beginners");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_class_that_was_cancelled_by_mistake_is_booked_again() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    sell(&staff, &ana, &[&course]).await.expect(201);
    let bookings = booked(&ana).await;
    cancel(&ana, &bookings[1]).await.expect(200);
    let again = book(&ana, classes[1]).await.expect(201);
    assert_eq!(
        (&again["id"], &again["status"]),
        (&bookings[1]["id"], &json!("booked"))
    );
    assert_eq!(
        (&again["price"], &again["course"]["share"]),
        (&json!("0.00"), &json!("33.33"))
    );
    assert_eq!(
        book(&ana, classes[1]).await.expect(409)["code"],
        "already_booked"
    );
    // Somebody else has taken the spot.
    cancel(&ana, &again).await.expect(200);
    book(&ben, classes[1]).await.expect(201);
    assert_eq!(
        book(&ana, classes[1]).await.expect(409)["code"],
        "class_full"
    );
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn the_classes_of_a_course_that_is_no_longer_sold_are_like_others() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let schedule = async || {
        let listed = app.visitor().get_all("/api/classes/schedule").await;
        let mut listed = listed.into_iter();
        listed
            .find(|class| class["id"] == json!(classes[0]))
            .unwrap()
    };
    assert_eq!(schedule().await["course"]["name"], "Salsa for beginners");
    let change = json!({ "id": course["id"], "name": "Salsa one" });
    staff.patch("/api/admin/products", change).await.expect(200);
    assert_eq!(schedule().await["course"]["name"], "Salsa one");
    assert_eq!(
        book(&ana, classes[0]).await.expect(409)["code"],
        "course_only"
    );
    let change = json!({ "id": course["id"], "isActive": false });
    staff.patch("/api/admin/products", change).await.expect(200);
    assert_eq!(schedule().await["course"], Value::Null);
    book(&ana, classes[0]).await.expect(201);
}

#[tokio::test]
async fn a_closure_gives_the_shares_of_its_classes_back_together() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    let bookings = booked(&ana).await;
    let closure = json!({
        "from": bookings[0]["class"]["localDate"], "to": bookings[2]["class"]["localDate"],
        "cancelClasses": true,
    });
    staff.post("/api/admin/closures", closure).await.expect(201);
    assert_eq!(order(&ana, &started).await["refunded"], "100.00");
    assert_eq!(app.count("select count(*) from refunds").await, 1);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn what_the_previous_version_leaves_is_cleaned_up() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    let open = buy(&ben, &course).await.expect(201);
    // It cancels a class and an order, and knows nothing of the course.
    app.mark_cancelled(classes[1]).await;
    let id = open["id"].as_str().unwrap();
    app.sql(&format!(
        "update orders set state = 'cancelled', cancelled_at = now() where id = '{id}'"
    ))
    .await;
    assert_eq!(booked(&ben).await.len(), 0);
    let report = app.run_clean_up().await.expect(200);
    assert_eq!(report["details"]["courseOrdersRefunded"], 1, "{report}");
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    let report = app.run_clean_up().await.expect(200);
    assert_eq!(report["details"]["courseOrdersRefunded"], 0);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_course_without_upcoming_classes_is_not_among_the_products() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    create_product(&staff, json!({})).await;
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let sold = async || app.visitor().get_all("/api/shop/products").await;
    let ids = |products: &[Value]| -> Vec<Value> {
        products
            .iter()
            .map(|product| product["id"].clone())
            .collect()
    };
    assert!(ids(&sold().await).contains(&course["id"]));
    for class in classes {
        app.mark_cancelled(class).await;
    }
    assert_eq!(ids(&sold().await).len(), 1);
    // Staff still see it.
    let listed = staff.get_all("/api/admin/products").await;
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn a_mixed_refund_locks_the_classes_of_the_course_and_of_the_pass_at_once() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let pass = create_product(&staff, json!({ "credits": 5 })).await;
    let (course, classes) = three_classes(&app, &staff, 20, json!({})).await;
    let single = app.create_class(20).await;
    let members = app.members(6).await;
    let mut orders = Vec::new();
    for member in &members {
        let sold = sell(&staff, member, &[&pass, &course]).await.expect(201);
        book(member, single).await.expect(201);
        orders.push(sold);
    }
    let line = |order: &Value, kind: &str| -> Value {
        let lines = order["lines"].as_array().unwrap();
        let is_course = |line: &&Value| line["course"].is_null() != (kind == "course");
        lines.iter().find(is_course).unwrap().clone()
    };
    let refunds = orders.iter().map(async |order| {
        let refund = json!({
            "orderId": order["id"],
            "revokePassIds": [line(order, "pass")["passId"]],
            "releaseLineIds": [line(order, "course")["id"]],
        });
        staff.patch("/api/admin/orders", refund).await.expect(200);
    });
    let cancelled = async {
        for class in [single, classes[0], classes[1]] {
            cancel_class(&staff, class).await;
        }
    };
    join(join_all(refunds), cancelled).await;
    assert_courses_consistent(&app).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn the_bookings_of_paid_courses_stay_without_courses() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    buy(&ben, &course).await.expect(201);
    revert_to(&app, "0034_courses").await;
    let booked_now = "select count(*) from bookings where status = 'booked' and price = 0";
    assert_eq!(app.count(booked_now).await, 3);
    let open = "select count(*) from orders where state = 'open'";
    assert_eq!(app.count(open).await, 0);
    let mut client = connect(&app.database).await;
    migrations::up(&mut client).await.unwrap();
    assert_eq!(booked(&ana).await.len(), 3);
    assert_eq!(booked(&ben).await.len(), 0);
}

#[tokio::test]
async fn the_price_of_a_course_includes_its_tax() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({ "taxRate": "19" })).await;
    assert_eq!(course["taxRate"], "19");
    sell(&staff, &ana, &[&course]).await.expect(201);
    let receipt = &ana.get("/api/shop/receipts").await.expect(200)["items"][0];
    assert_eq!(receipt["tax"], "15.97");
}
