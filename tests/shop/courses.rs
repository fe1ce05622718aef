//! Courses: `api/shop/courses.rs`, `api/admin/course-classes.rs`, and the purchases, sales and refunds of
//! courses.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::gift_cards::{assert_wallets_consistent, create_gift_card};
use super::{assert_passes_consistent, sell};
use crate::bookings::{assert_bookings_consistent, book, cancel, join_waitlist};
use crate::harness::{
    MailServer, NewClass, StripeStandIn, TestApp, TestClient, TestResponse, wait_until,
};
use crate::payments::{
    checkout_completed, deliver_dispute, event_about, expire_card_payments, make_payments_due,
    process_refunds, release_unpaid, start_with_stripe,
};

/// Creates a course that costs 100.00 without classes.
pub async fn create_course(staff: &TestClient, fields: Value) -> Value {
    let mut course = json!({ "kind": "course", "name": "Salsa for beginners", "price": "100.00" });
    for (name, value) in fields.as_object().unwrap() {
        course[name] = value.clone();
    }
    staff.post("/api/admin/products", course).await.expect(201)
}

pub async fn set_classes(staff: &TestClient, course: &Value, classes: &[Uuid]) -> TestResponse {
    let form = json!({ "courseId": course["id"], "classIds": classes });
    let request = staff.request(Method::PUT, "/api/admin/course-classes");
    staff.send(request.json(&form)).await
}

/// Creates a course of three classes with this many spots each; returns it and the classes.
pub async fn three_classes(
    app: &TestApp,
    staff: &TestClient,
    spots: i32,
    fields: Value,
) -> (Value, Vec<Uuid>) {
    let course = create_course(staff, fields).await;
    let mut classes = Vec::new();
    for _ in 0..3 {
        classes.push(app.create_class(spots).await);
    }
    set_classes(staff, &course, &classes).await.expect(200);
    (course, classes)
}

pub async fn buy(person: &TestClient, course: &Value) -> TestResponse {
    let payload = json!({ "productId": course["id"] });
    person.post("/api/shop/order", payload).await
}

/// Pays an order at Stripe, and delivers the event.
pub async fn pay(app: &TestApp, stripe: &StripeStandIn, order: &Value) -> Value {
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    let session = stripe.complete_checkout(&session);
    let event = checkout_completed(&session);
    app.deliver_event(&event).await.expect(200);
    session
}

pub async fn order(person: &TestClient, order: &Value) -> Value {
    let path = format!("/api/shop/order?orderId={}", order["id"].as_str().unwrap());
    person.get(&path).await.expect(200)
}

pub async fn order_for_staff(staff: &TestClient, order: &Value) -> Value {
    let orders = staff.get_all("/api/admin/orders?").await;
    let mut orders = orders.into_iter();
    orders.find(|other| other["id"] == order["id"]).unwrap()
}

/// Returns the bookings with a spot, earliest class first.
pub async fn booked(person: &TestClient) -> Vec<Value> {
    person
        .get_all("/api/bookings/list?status=booked,attended")
        .await
}

pub fn shares(bookings: &[Value]) -> Vec<&str> {
    bookings
        .iter()
        .map(|booking| booking["course"]["share"].as_str().unwrap())
        .collect()
}

pub async fn cancel_class(staff: &TestClient, class: Uuid) {
    let path = format!("/api/admin/schedule?occurrenceId={class}");
    staff.delete(&path).await.expect(200);
}

/// Asserts what holds for every course at all times: an order that is not cancelled has a booking
/// for each share of what it costs, and nobody has half a course. A refund that replaces a failed one,
/// for example after a dispute, is not one of a share.
pub async fn assert_courses_consistent(app: &TestApp) {
    let wrong = "
        select count(*) from order_lines l join orders o on o.id = l.order_id
        where l.kind = 'course' and l.amount <> (
            select coalesce(sum(b.course_share), 0) from bookings b where b.course_line_id = l.id)";
    assert_eq!(
        app.count(wrong).await,
        0,
        "the shares differ from the price"
    );
    let wrong = "
        select count(*) from bookings b join order_lines l on l.id = b.course_line_id
        join orders o on o.id = l.order_id
        where o.state = 'cancelled' and b.status <> 'cancelled'";
    assert_eq!(app.count(wrong).await, 0, "a cancelled order holds a spot");
    let wrong = "
        select count(*) from orders o
        where coalesce((
                select sum(b.course_share_refunded) from order_lines l
                join bookings b on b.course_line_id = l.id where l.order_id = o.id), 0)
            <> (select coalesce(sum(r.amount), 0) from refunds r
                join payments p on p.id = r.payment_id
                where p.order_id = o.id and r.source = 'rule' and o.state = 'paid'
                  and r.failed_refund_id is null)";
    assert_eq!(
        app.count(wrong).await,
        0,
        "other shares were refunded than closed"
    );
    let wrong = "
        select count(*) from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.course_share_refunded > 0 and b.status in ('booked', 'attended')
          and not c.is_cancelled";
    assert_eq!(app.count(wrong).await, 0, "a spot is booked and refunded");
    assert_bookings_consistent(app).await;
    assert_wallets_consistent(app).await;
}

#[tokio::test]
async fn a_member_buys_a_course_by_card_and_has_a_spot_in_each_class() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 2, json!({})).await;
    let listed = app.visitor().get("/api/shop/courses").await.expect(200);
    let listed = &listed["items"][0];
    assert_eq!(listed["id"], course["id"]);
    assert_eq!(
        (&listed["price"], &listed["priceNow"]),
        (&json!("100.00"), &json!("100.00"))
    );
    assert_eq!(
        (&listed["placesLeft"], &listed["classesLeft"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(listed["classes"].as_array().unwrap().len(), 3);
    assert_eq!(listed["classes"][0]["id"], json!(classes[0]));

    let started = buy(&ana, &course).await.expect(201);
    assert_eq!(
        (&started["state"], &started["total"]),
        (&json!("open"), &json!("100.00"))
    );
    // The spots are held while the checkout is open.
    let held = booked(&ana).await;
    assert_eq!(held.len(), 3);
    assert_eq!(held[0]["course"]["isPaid"], false);
    // A second window gets the same order.
    assert_eq!(buy(&ana, &course).await.expect(201)["id"], started["id"]);
    pay(&app, &stripe, &started).await;
    let bookings = booked(&ana).await;
    assert_eq!(shares(&bookings), ["33.34", "33.33", "33.33"]);
    for booking in &bookings {
        assert_eq!(booking["course"]["isPaid"], true);
        assert_eq!(booking["course"]["name"], "Salsa for beginners");
        assert_eq!(booking["course"]["orderId"], started["id"]);
        assert_eq!(
            (&booking["price"], &booking["amountDue"]),
            (&json!("0.00"), &json!("0.00"))
        );
    }
    // Buying it twice makes no sense.
    assert_eq!(
        buy(&ana, &course).await.expect(409)["code"],
        "course_already_booked"
    );
    let receipt = &ana.get("/api/shop/receipts").await.expect(200)["items"][0];
    assert_eq!(receipt["total"], "100.00");
    assert_eq!(receipt["lines"][0]["description"], "Salsa for beginners");
    // Staff see who is in it.
    let id = course["id"].as_str().unwrap();
    let members = staff
        .get_all(&format!("/api/admin/course-members?courseId={id}"))
        .await;
    assert_eq!(members.len(), 1);
    assert_eq!(members[0]["userId"], ana.user_id().await);
    assert_eq!(
        (&members[0]["orderState"], &members[0]["classesLeft"]),
        (&json!("paid"), &json!(3))
    );
    assert_courses_consistent(&app).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn the_spots_are_lost_when_the_checkout_ends_unpaid() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    let started = buy(&ana, &course).await.expect(201);
    assert_eq!(buy(&ben, &course).await.expect(409)["code"], "course_full");
    let waiting = join_waitlist(&ben, classes[1]).await.expect(201);
    assert_eq!(waiting["status"], "waitlisted");
    let session = stripe.session_by_url(&started["checkoutUrl"]);
    let expired = stripe.expire_checkout(&session);
    app.deliver_event(&event_about("checkout.session.expired", &expired))
        .await
        .expect(200);
    assert_eq!(order(&ana, &started).await["state"], "cancelled");
    assert_eq!(booked(&ana).await.len(), 0);
    // The waitlist gets the spot.
    assert_eq!(booked(&ben).await.len(), 1);
    assert_courses_consistent(&app).await;

    // The clean-up does the same when no event arrives.
    let (other, _) = three_classes(&app, &staff, 1, json!({})).await;
    buy(&ana, &other).await.expect(201);
    expire_card_payments(&app).await;
    release_unpaid(&app).await;
    assert_eq!(booked(&ana).await.len(), 0);
    buy(&ben, &other).await.expect(201);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn entering_late_costs_the_shares_of_the_classes_that_are_left() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    app.sql(&format!(
        "update scheduled_classes set start_time = now() - interval '30 minutes',
            end_time = now() + interval '30 minutes' where id = '{}'",
        classes[0]
    ))
    .await;
    let listed = app.visitor().get("/api/shop/courses").await.expect(200);
    assert_eq!(listed["items"][0]["priceNow"], "66.66");
    assert_eq!(listed["items"][0]["classesLeft"], 2);
    let price = json!({ "productId": course["id"] });
    let price = ana.post("/api/shop/price", price).await.expect(200);
    assert_eq!(price["total"], "66.66");
    let started = buy(&ana, &course).await.expect(201);
    assert_eq!(started["total"], "66.66");
    pay(&app, &stripe, &started).await;
    assert_eq!(shares(&booked(&ana).await), ["33.33", "33.33"]);
    assert_courses_consistent(&app).await;
    // Without upcoming classes, nothing is left to buy.
    for class in &classes {
        app.sql(&format!(
            "update scheduled_classes set is_cancelled = true where id = '{class}'"
        ))
        .await;
    }
    let ben = app.member("ben").await;
    assert_eq!(buy(&ben, &course).await.expect(409)["code"], "course_over");
    let listed = app.visitor().get("/api/shop/courses").await.expect(200);
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn a_member_who_drops_one_class_gets_nothing_back() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    sell(&staff, &ana, &[&course]).await.expect(201);
    let bookings = booked(&ana).await;
    let dropped = cancel(&ana, &bookings[1]).await.expect(200);
    assert_eq!(dropped["status"], "cancelled");
    assert_eq!(app.count("select count(*) from refunds").await, 0);
    assert_eq!(booked(&ana).await.len(), 2);
    // The spot is free.
    book(&ben, classes[1]).await.expect(201);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_class_of_a_course_is_booked_by_itself_only_with_drop_in() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let path = format!("/api/classes/occurrence?id={}", classes[0]);
    let shown = &app.visitor().get(&path).await.expect(200)["course"];
    assert_eq!(
        (&shown["id"], &shown["dropIn"]),
        (&course["id"], &json!(false))
    );
    assert_eq!(
        book(&ana, classes[0]).await.expect(409)["code"],
        "course_only"
    );
    assert_eq!(
        join_waitlist(&ana, classes[0]).await.expect(409)["code"],
        "course_only"
    );
    assert_eq!(app.count("select count(*) from bookings").await, 0);
    // Staff decide for themselves.
    let payload = json!({ "userId": ana.user_id().await, "scheduledClassId": classes[1] });
    staff.post("/api/admin/bookings", payload).await.expect(201);
    let change = json!({ "id": course["id"], "dropIn": true });
    staff.patch("/api/admin/products", change).await.expect(200);
    let booking = book(&ana, classes[0]).await.expect(201);
    assert_eq!(
        (&booking["price"], &booking["course"]),
        (&json!("25.00"), &Value::Null)
    );
    // A member who has one of the classes does not get half of the course.
    let sale = sell(&staff, &ana, &[&course]).await;
    assert_eq!(sale.expect(409)["code"], "course_already_booked");
    assert_eq!(app.count("select count(*) from orders").await, 0);
}

#[tokio::test]
async fn a_class_that_the_studio_cancels_pays_its_share_back() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &started).await;
    let sold = sell(&staff, &ben, &[&course]).await.expect(201);
    // Ben had given up his spot, but the class does not take place at all.
    cancel(&ben, &booked(&ben).await[0]).await.expect(200);
    cancel_class(&staff, classes[0]).await;
    assert_eq!(order(&ana, &started).await["refunded"], "33.34");
    make_payments_due(&app).await;
    process_refunds(&app).await;
    assert_eq!(stripe.refunds().len(), 1);
    assert_eq!(stripe.refunds()[0]["amount"], 3_334);
    // What was paid in cash is due until staff have given it back.
    let due = order_for_staff(&staff, &sold).await;
    assert_eq!(
        (&due["refunded"], &due["paymentStatus"]),
        (&json!("33.34"), &json!("refund_due"))
    );
    assert_eq!(due["dueAtDesk"], "33.34");
    let pay_out = json!({ "orderId": sold["id"], "action": "payOut" });
    let paid_out = staff
        .patch("/api/admin/orders", pay_out.clone())
        .await
        .expect(200);
    assert_eq!(paid_out["paymentStatus"], "partly_refunded");
    assert_eq!(paid_out["dueAtDesk"], "0.00");
    let again = staff.patch("/api/admin/orders", pay_out).await.expect(409);
    assert_eq!(again["code"], "nothing_to_refund");
    let report = staff.get("/api/admin/reports").await.expect(200);
    let sold = &report["products"][0];
    assert_eq!(
        (&sold["kind"], &sold["name"], &sold["count"]),
        (&json!("course"), &course["name"], &json!(2))
    );
    assert_eq!(
        (&sold["amount"], &sold["refunded"]),
        (&json!("200.00"), &json!("66.68"))
    );
    // A share is refunded once.
    let bookings = ana.get_all("/api/bookings/list?when=all").await;
    let refunded = |booking: &&Value| booking["course"]["refund"] == "33.34";
    assert_eq!(bookings.iter().filter(refunded).count(), 1);
    cancel_class(&staff, classes[1]).await;
    assert_eq!(order(&ana, &started).await["refunded"], "66.67");
    let path = format!("/api/admin/schedule?occurrenceId={}", classes[1]);
    staff.delete(&path).await.expect(409);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_class_cancelled_during_the_checkout_pays_its_share_back_when_it_is_paid() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    cancel_class(&staff, classes[2]).await;
    assert_eq!(app.count("select count(*) from refunds").await, 0);
    let session = pay(&app, &stripe, &started).await;
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    // The event comes again.
    let event = event_about("checkout.session.async_payment_succeeded", &session);
    app.deliver_event(&event).await.expect(200);
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_member_who_does_not_pay_by_card_buys_the_course_at_the_desk() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 1, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = stripe.session_by_url(&started["checkoutUrl"]);
    sell(&staff, &ana, &[&course]).await.expect(201);
    assert_eq!(order(&ana, &started).await["state"], "cancelled");
    assert_eq!(booked(&ana).await.len(), 3);
    // The member can no longer pay by card.
    let id = session["id"].as_str().unwrap();
    let path = format!("/v1/checkout/sessions/{id}/expire");
    wait_until(async || !stripe.requests("POST", &path).is_empty()).await;
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_share_goes_back_to_the_gift_card_that_paid() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let card = create_gift_card(&staff, "90").await;
    let card = sell(&staff, &ana, &[&card]).await.expect(201);
    let code = card["giftCardCode"].clone();
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let sale = json!({
        "userId": ana.user_id().await, "productIds": [course["id"]], "tender": "cash",
        "giftCard": { "code": code, "amount": "90.00" },
    });
    staff.post("/api/admin/orders", sale).await.expect(201);
    cancel_class(&staff, classes[0]).await;
    // The newest payment, 10.00 in cash, is refunded first.
    let card = app
        .visitor()
        .post("/api/shop/gift-card", json!({ "code": code }))
        .await;
    assert_eq!(card.expect(200)["balance"], "23.34");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_promo_code_lowers_the_shares() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let code = json!({ "code": "SPRING", "percent": 10 });
    let code = staff.post("/api/admin/promo-codes", code).await.expect(201);
    let sale = json!({
        "userId": ana.user_id().await, "productIds": [course["id"]], "tender": "cash",
        "promoCode": "SPRING",
    });
    let refused = staff
        .post("/api/admin/orders", sale.clone())
        .await
        .expect(409);
    assert_eq!(refused["code"], "promo_code_not_applicable");
    assert_eq!(app.count("select count(*) from bookings").await, 0);
    let change = json!({ "id": code["id"], "appliesTo": ["course"] });
    let changed = staff
        .patch("/api/admin/promo-codes", change)
        .await
        .expect(200);
    assert_eq!(changed["appliesTo"], json!(["course"]));
    staff.post("/api/admin/orders", sale).await.expect(201);
    assert_eq!(shares(&booked(&ana).await), ["30.00", "30.00", "30.00"]);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn staff_refund_a_course_and_release_its_spots() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 1, json!({ "dropIn": true })).await;
    let sold = sell(&staff, &ana, &[&course]).await.expect(201);
    let line = &sold["lines"][0];
    assert_eq!(
        (&line["course"]["classesLeft"], &line["course"]["valueLeft"]),
        (&json!(3), &json!("100.00"))
    );
    cancel(&ana, &booked(&ana).await[0]).await.expect(200);
    let line = &order_for_staff(&staff, &sold).await["lines"][0];
    assert_eq!(
        (&line["course"]["classesLeft"], &line["course"]["valueLeft"]),
        (&json!(2), &json!("66.66"))
    );
    join_waitlist(&ben, classes[2]).await.expect(201);
    let refund = json!({
        "orderId": sold["id"], "amount": "66.66", "releaseLineIds": [line["id"]],
    });
    let refunded = staff.patch("/api/admin/orders", refund).await.expect(200);
    assert_eq!(refunded["refunded"], "66.66");
    assert_eq!(refunded["lines"][0]["course"]["classesLeft"], 0);
    assert_eq!(booked(&ana).await.len(), 0);
    assert_eq!(booked(&ben).await.len(), 1);
    // The shares are settled, so a class that is cancelled later pays nothing more.
    cancel_class(&staff, classes[1]).await;
    assert_eq!(order_for_staff(&staff, &sold).await["refunded"], "66.66");
    // A line of another order is not touched.
    let other = json!({ "orderId": sold["id"], "releaseLineIds": [Uuid::now_v7()] });
    staff.patch("/api/admin/orders", other).await.expect(404);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_disputed_course_is_unpaid_until_the_dispute_is_won() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    let due = |bookings: &[Value]| -> Vec<Value> {
        bookings
            .iter()
            .map(|booking| booking["amountDue"].clone())
            .collect()
    };
    assert_eq!(due(&booked(&ana).await), ["33.34", "33.33", "33.33"]);
    assert_eq!(app.mail_count("order_disputed").await, 1);
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(due(&booked(&ana).await), ["0.00", "0.00", "0.00"]);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn closing_an_account_frees_the_spots_of_its_courses() {
    let (app, _stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (paid, _) = three_classes(&app, &staff, 1, json!({})).await;
    let (open, _) = three_classes(&app, &staff, 1, json!({})).await;
    sell(&staff, &ana, &[&paid]).await.expect(201);
    buy(&ana, &open).await.expect(201);
    ana.close_account().await;
    sell(&staff, &ben, &[&paid, &open]).await.expect(201);
    assert_eq!(booked(&ben).await.len(), 6);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn the_classes_of_a_course_are_chosen_before_it_is_sold() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let other = create_course(&staff, json!({})).await;
    let invalid = set_classes(&staff, &other, &classes[..1]).await.expect(400);
    assert!(invalid["details"]["classIds"].is_array(), "{invalid}");
    set_classes(&staff, &other, &[Uuid::now_v7()])
        .await
        .expect(400);
    let over = NewClass {
        starts_in: Some(-3.0),
        ..NewClass::default()
    };
    let over = app.create_class_with(over).await;
    set_classes(&staff, &other, &[over]).await.expect(400);
    let parallel = [(); 2].map(|()| NewClass {
        starts_in: Some(400.0),
        ..NewClass::default()
    });
    let [one, two] = parallel;
    let ids = [
        app.create_class_with(one).await,
        app.create_class_with(two).await,
    ];
    set_classes(&staff, &other, &ids).await.expect(400);
    // A class can leave the course, and join another one.
    let fewer = set_classes(&staff, &course, &classes[..2])
        .await
        .expect(200);
    assert_eq!(fewer["classes"].as_array().unwrap().len(), 2);
    set_classes(&staff, &other, &classes[2..]).await.expect(200);
    sell(&staff, &ana, &[&course]).await.expect(201);
    let sold = set_classes(&staff, &course, &classes[..1])
        .await
        .expect(409);
    assert_eq!(sold["code"], "course_sold");
    // A pass has no classes.
    let pass = super::create_product(&staff, json!({})).await;
    set_classes(&staff, &pass, &classes).await.expect(404);
    let not_a_course = json!({ "name": "Ten", "price": "1", "days": 3, "dropIn": true });
    staff
        .post("/api/admin/products", not_a_course)
        .await
        .expect(400);
}

#[tokio::test]
async fn a_course_that_overlaps_another_booking_is_not_sold() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let other = app.create_class(5).await;
    book(&ana, other).await.expect(201);
    app.sql(&format!(
        "update scheduled_classes c set start_time = k.start_time, end_time = k.end_time
        from scheduled_classes k where c.id = '{other}' and k.id = '{}'",
        classes[2]
    ))
    .await;
    let sale = sell(&staff, &ana, &[&course]).await;
    assert_eq!(sale.expect(409)["code"], "overlapping_booking");
    assert_eq!(app.count("select count(*) from orders").await, 0);
    assert_eq!(app.count("select count(*) from bookings").await, 1);
}

#[tokio::test]
async fn one_mail_says_when_the_classes_of_a_course_are() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    ana.patch("/api/auth/me", json!({ "locale": "es" }))
        .await
        .expect(200);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    sell(&staff, &ana, &[&course]).await.expect(201);
    let mails = server.wait_for_mails(1).await;
    assert_eq!(
        mails[0]["headers"]["subject"],
        "Tu curso: Salsa for beginners"
    );
    let text = mails[0]["text"].as_str().unwrap();
    let lines = text.lines().filter(|line| line.starts_with("Clase:"));
    assert_eq!(lines.count(), 3, "{text}");
    cancel_class(&staff, classes[0]).await;
    let mails = server.wait_for_mails(2).await;
    let text = mails[1]["text"].as_str().unwrap();
    assert!(text.contains("Te devolvemos 33.34 USD"), "{text}");
}
