//! Courses: holds, limits, what pays for a class, and the e-mails about refunds and lost spots.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::courses::{
    assert_courses_consistent, booked, buy, cancel_class, order, order_for_staff, pay,
    three_classes,
};
use super::gift_cards::create_gift_card;
use super::{create_product, sell, sell_pass};
use crate::bookings::{book, cancel};
use crate::harness::TestApp;
use crate::payments::{
    deliver_dispute, event_about, make_payments_due, process_refunds, start_with_stripe,
};

#[tokio::test]
async fn a_replaced_order_does_not_hold_the_spots_for_longer() {
    let (app, stripe) = start_with_stripe().await;
    stripe.follow(app.app.clock());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 1, json!({})).await;
    let code = json!({ "code": "FIVE", "percent": 5, "appliesTo": ["course"] });
    staff.post("/api/admin/promo-codes", code).await.expect(201);
    let first = buy(&ana, &course).await.expect(201);
    app.app.clock().advance(TimeDelta::minutes(20));
    let form = json!({ "productId": course["id"], "promoCode": "FIVE" });
    let second = ana.post("/api/shop/order", form).await.expect(201);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["expiresAt"], first["expiresAt"]);
    let session = stripe.session_by_url(&second["checkoutUrl"]);
    // The checkout lasts longer, because Stripe wants it, but it is closed by then.
    app.app.clock().advance(TimeDelta::minutes(12));
    app.run_clean_up().await.expect(200);
    assert_eq!(order(&ana, &second).await["state"], "cancelled");
    assert_eq!(booked(&ana).await.len(), 0);
    let sessions = stripe.sessions();
    let closed = sessions.iter().find(|other| other["id"] == session["id"]);
    assert_eq!(closed.unwrap()["status"], "expired");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn an_expired_order_is_not_replaced_before_it_is_known_whether_it_was_paid() {
    let (app, stripe) = start_with_stripe().await;
    stripe.follow(app.app.clock());
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, _) = three_classes(&app, &staff, 2, json!({})).await;
    for (code, percent) in [("FIVE", 5), ("ALL", 100)] {
        let code = json!({ "code": code, "percent": percent, "appliesTo": ["course"] });
        staff.post("/api/admin/promo-codes", code).await.expect(201);
    }
    let form = json!({ "productId": course["id"], "promoCode": "FIVE" });
    let paid = buy(&ana, &course).await.expect(201);
    let unpaid = buy(&ben, &course).await.expect(201);
    // The event of the payment has not arrived.
    stripe.complete_checkout(&stripe.session_by_url(&paid["checkoutUrl"]));
    app.app.clock().advance(TimeDelta::minutes(32));
    let found = ana.post("/api/shop/order", form.clone()).await.expect(201);
    assert_eq!(
        (&found["id"], &found["state"]),
        (&paid["id"], &json!("paid"))
    );
    let replaced = ben.post("/api/shop/order", form).await.expect(201);
    assert_ne!(replaced["id"], unpaid["id"]);
    assert_eq!(
        (&replaced["state"], &replaced["total"]),
        (&json!("open"), &json!("95.00"))
    );
    assert_eq!(order(&ben, &unpaid).await["state"], "cancelled");
    assert_eq!(booked(&ben).await.len(), 3);
    assert_eq!(app.count("select count(*) from orders").await, 3);
    // What the member would pay now does not pay for the order before.
    app.app.clock().advance(TimeDelta::minutes(32));
    let form = json!({ "productId": course["id"], "promoCode": "ALL" });
    let free = ben.post("/api/shop/order", form).await.expect(201);
    assert_eq!(
        (&free["state"], &free["total"]),
        (&json!("paid"), &json!("0.00"))
    );
    assert_eq!(order(&ben, &replaced).await["state"], "cancelled");
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_course_that_stripe_refuses_to_sell_is_not_mailed_about() {
    let (app, _stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    // Stripe accepts no less than 0.50.
    let (course, _) = three_classes(&app, &staff, 2, json!({ "price": "0.30" })).await;
    let refused = buy(&ana, &course).await.expect(409);
    assert_eq!(refused["code"], "card_not_possible");
    assert_eq!(booked(&ana).await.len(), 0);
    assert_eq!(app.mail_count("course_spots_lost").await, 0);
}

#[tokio::test]
async fn a_course_that_was_refunded_in_full_does_not_count() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, _) = three_classes(&app, &staff, 5, json!({ "perMember": 1 })).await;
    let sold = sell(&staff, &ana, &[&course]).await.expect(201);
    let refund = |amount: &str| json!({ "orderId": sold["id"], "amount": amount });
    let paid = staff.patch("/api/admin/orders", refund("99.99")).await;
    paid.expect(200);
    let again = sell(&staff, &ana, &[&course]).await.expect(409);
    assert_eq!(again["code"], "product_limit_reached");
    let paid = staff.patch("/api/admin/orders", refund("0.01")).await;
    paid.expect(200);
    // What stands in the way now is only that the member still has the spots.
    let again = sell(&staff, &ana, &[&course]).await.expect(409);
    assert_eq!(again["code"], "course_already_booked");
}

#[tokio::test]
async fn nothing_goes_back_for_a_class_while_the_payment_is_disputed() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let started = buy(&ana, &course).await.expect(201);
    let session = pay(&app, &stripe, &started).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    cancel_class(&staff, classes[1]).await;
    let cancelled = async || {
        let bookings = ana.get_all("/api/bookings/list?when=all").await;
        let mut bookings = bookings.into_iter();
        bookings
            .find(|booking| booking["scheduledClassId"] == json!(classes[1]))
            .unwrap()
    };
    assert_eq!(cancelled().await["course"]["refund"], "0.00");
    let report = app.run_clean_up().await.expect(200);
    assert_eq!(report["details"]["courseOrdersRefunded"], 0, "{report}");
    assert_eq!(app.count("select count(*) from refunds").await, 0);

    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(cancelled().await["course"]["refund"], "33.33");
    assert_eq!(order(&ana, &started).await["refunded"], "33.33");
    make_payments_due(&app).await;
    process_refunds(&app).await;
    assert_eq!(stripe.refunds().len(), 1);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn the_spots_that_staff_have_released_are_told_from_refunds_of_other_products() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = create_product(&staff, json!({ "credits": 5, "price": "50.00" })).await;
    let (course, _) = three_classes(&app, &staff, 5, json!({})).await;
    let sold = sell(&staff, &ana, &[&pass, &course]).await.expect(201);
    let course_of = |order: &Value| -> Value {
        let lines = order["lines"].as_array().unwrap();
        let line = lines.iter().find(|line| !line["course"].is_null());
        line.unwrap().clone()
    };
    assert_eq!(course_of(&sold)["course"]["releasedShares"], "0.00");
    let refund = json!({
        "orderId": sold["id"], "amount": "100.00",
        "releaseLineIds": [course_of(&sold)["id"]],
    });
    staff.patch("/api/admin/orders", refund).await.expect(200);
    let course = &course_of(&order_for_staff(&staff, &sold).await)["course"];
    assert_eq!(course["releasedShares"], "100.00");
    assert_eq!(course["refundedShares"], "0.00");
    assert_eq!(course["valueLeft"], "0.00");
}

#[tokio::test]
async fn nothing_but_the_course_pays_for_a_class_that_is_booked_with_it_only() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 5 })).await;
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let path = format!("/api/shop/cover?scheduledClassId={}", classes[0]);
    let cover = ana.get(&path).await.expect(200);
    assert_eq!(
        (&cover["courseId"], &cover["passId"]),
        (&course["id"], &Value::Null)
    );
    assert_eq!(cover["passes"][0]["refusal"], "course_only");
    let refused = book(&ana, classes[0]).await.expect(409);
    assert_eq!(refused["code"], "course_only");

    let change = json!({ "id": course["id"], "dropIn": true });
    staff.patch("/api/admin/products", change).await.expect(200);
    let cover = ana.get(&path).await.expect(200);
    assert_eq!(
        (&cover["courseId"], &cover["passId"]),
        (&Value::Null, &pass)
    );
    assert_eq!(cover["passes"][0]["refusal"], Value::Null);
    assert_eq!(book(&ana, classes[0]).await.expect(201)["pass"]["id"], pass);
}

#[tokio::test]
async fn each_refund_of_a_course_is_mailed_once_and_when_it_is_done() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let [ana, ben, carla] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("carla").await,
    ];
    let card = create_gift_card(&staff, "100").await;
    let card = sell(&staff, &carla, &[&card]).await.expect(201);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let by_card = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &by_card).await;
    let in_cash = sell(&staff, &ben, &[&course]).await.expect(201);
    let form = json!({ "productId": course["id"], "giftCard": card["giftCardCode"] });
    carla.post("/api/shop/order", form).await.expect(201);
    // The gift card has its money at once, and the card soon. The cash waits.
    cancel_class(&staff, classes[0]).await;
    let to_gift_card = "select count(*) from mail_outbox m
        join refunds r on r.id = (m.payload ->> 'refundId')::uuid
        join payments p on p.id = r.payment_id
        where m.kind = 'order_refunded' and p.tender = 'gift'";
    assert_eq!(app.count(to_gift_card).await, 1);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    assert_eq!(app.mail_count("order_refunded").await, 2);
    let pay_out = json!({ "orderId": in_cash["id"], "action": "payOut" });
    staff.patch("/api/admin/orders", pay_out).await.expect(200);
    assert_eq!(app.mail_count("order_refunded").await, 3);
    let once = "select count(distinct payload ->> 'refundId') from mail_outbox
        where kind = 'order_refunded'";
    assert_eq!(app.count(once).await, 3);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn one_mail_an_order_tells_about_lost_spots_and_refunds_at_the_desk() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    // Nobody pays.
    let started = buy(&ana, &course).await.expect(201);
    let session = stripe.session_by_url(&started["checkoutUrl"]);
    let expired = stripe.expire_checkout(&session);
    let event = event_about("checkout.session.expired", &expired);
    app.deliver_event(&event).await.expect(200);
    assert_eq!(app.mail_count("course_spots_lost").await, 1);
    // Staff cancel the order.
    let open = buy(&ana, &course).await.expect(201);
    let form = json!({ "orderId": open["id"], "action": "cancel" });
    staff.patch("/api/admin/orders", form).await.expect(200);
    assert_eq!(app.mail_count("course_spots_lost").await, 2);
    // The e-mail about the cancelled class tells those who had a spot in it.
    let kept = sell(&staff, &ana, &[&course]).await.expect(201);
    let sold = sell(&staff, &ben, &[&course]).await.expect(201);
    for booking in &booked(&ben).await[..2] {
        cancel(&ben, booking).await.expect(200);
    }
    assert_eq!(app.mail_count("course_refund_at_desk").await, 0);
    cancel_class(&staff, classes[0]).await;
    assert_eq!(app.mail_count("course_refund_at_desk").await, 1);
    for order in [&sold, &kept] {
        let due = &order_for_staff(&staff, order).await["dueAtDesk"];
        assert_eq!(*due, "33.34");
    }
    // Staff release the spots that are left.
    let line = &sold["lines"][0]["id"];
    let release = json!({ "orderId": sold["id"], "releaseLineIds": [line] });
    staff.patch("/api/admin/orders", release).await.expect(200);
    assert_eq!(app.mail_count("course_spots_lost").await, 3);
    assert_courses_consistent(&app).await;
}
