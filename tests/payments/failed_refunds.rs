//! `api/admin/failed-refunds.rs`: refunds that banks have returned for good.

use sabor::store::migrations;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    book_and_pay, checkout_completed, deliver_dispute, event_about, make_payments_due, payment_of,
    process_refunds, start_with_stripe,
};
use crate::bookings::{book, cancel, join_waitlist};
use crate::harness::{StripeStandIn, TestApp, TestClient, connect, wait_until};
use crate::shop::courses::{buy, cancel_class, pay, three_classes};
use crate::shop::create_product;

const PATH: &str = "/api/admin/failed-refunds";

/// Makes a refund of the payment due that is not sent yet.
const REFUND_BY_RULE: &str = "insert into refunds (id, payment_id, amount, source)
    select gen_random_uuid(), id, amount, 'rule' from payments";

/// Sends what is due, and lets the bank return it, until no more is sent.
pub async fn fail_for_good(app: &TestApp, stripe: &StripeStandIn) {
    for _ in 0..3 {
        make_payments_due(app).await;
        process_refunds(app).await;
        let refunds = stripe.refunds();
        let id = refunds.last().unwrap()["id"].as_str().unwrap().to_owned();
        let refund = stripe.update_refund(&id, "failed");
        app.deliver_event(&event_about("refund.failed", &refund))
            .await
            .expect(200);
    }
    make_payments_due(app).await;
    assert_eq!(process_refunds(app).await, 0);
}

async fn listed(staff: &TestClient) -> Vec<Value> {
    staff.get_all(PATH).await
}

async fn open_sum(staff: &TestClient) -> Option<Value> {
    let report = staff.get("/api/admin/reports").await.expect(200);
    let mut open = report["open"].as_array().unwrap().iter();
    open.find(|row| row["kind"] == "failed_refund").cloned()
}

async fn give_back(staff: &TestClient, refund: &Value, resolution: &str) -> Value {
    let body = json!({ "refundId": refund["id"], "resolution": resolution });
    staff.patch(PATH, body).await.expect(200)
}

#[tokio::test]
async fn a_refund_of_a_class_is_listed_until_the_money_is_given_back() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    let id = stripe.refunds()[0]["id"].as_str().unwrap().to_owned();
    let failed = stripe.update_refund(&id, "failed");
    app.deliver_event(&event_about("refund.failed", &failed))
        .await
        .expect(200);
    // It is tried again, so nobody has to do anything.
    assert!(listed(&staff).await.is_empty());
    assert_eq!(open_sum(&staff).await, None);
    for _ in 0..2 {
        make_payments_due(&app).await;
        process_refunds(&app).await;
        let newest = stripe.refunds().last().unwrap()["id"].clone();
        let newest = newest.as_str().unwrap();
        stripe.set_failure_reason(newest, "expired_or_canceled_card");
        let failed = stripe.update_refund(newest, "failed");
        app.deliver_event(&event_about("refund.failed", &failed))
            .await
            .expect(200);
    }
    let refunds = listed(&staff).await;
    assert_eq!(refunds.len(), 1);
    let refund = &refunds[0];
    assert_eq!(refund["amount"], "25.00");
    assert_eq!(refund["reason"], "expired_or_canceled_card");
    assert_eq!(refund["memberId"], ana.user_id().await);
    assert_eq!(refund["bookingId"], booking["id"]);
    assert_eq!(refund["title"], booking["class"]["title"]);
    assert_eq!(refund["orderId"], Value::Null);
    let open = json!({ "kind": "failed_refund", "count": 1, "amount": "25.00" });
    assert_eq!(open_sum(&staff).await, Some(open));

    give_back(&staff, refund, "cash").await;
    assert!(listed(&staff).await.is_empty());
    assert_eq!(open_sum(&staff).await, None);
    assert_eq!(payment_of(&ana, &booking).await["status"], "refunded");
    let report = staff.get("/api/admin/reports").await.expect(200);
    let tenders = report["tenders"].as_array().unwrap();
    let cash = tenders.iter().find(|row| row["tender"] == "cash").unwrap();
    assert_eq!(cash["refunded"], "25.00");
    // It cannot be given back twice.
    let again = json!({ "refundId": refund["id"], "resolution": "transfer" });
    staff
        .patch(PATH, again)
        .await
        .expect_code(409, "nothing_to_refund");
    let unknown = json!({ "refundId": booking["id"], "resolution": "cash" });
    staff
        .patch(PATH, unknown)
        .await
        .expect_code(404, "not_found");
}

#[tokio::test]
async fn only_the_part_that_failed_is_given_back_and_it_can_go_to_the_card_again() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "name": "Ten classes" })).await;
    let payload = json!({ "productId": product["id"] });
    let order = ana.post("/api/shop/order", payload).await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&order["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    let refund = json!({ "orderId": order["id"], "amount": "40.00" });
    staff.patch("/api/admin/orders", refund).await.expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    fail_for_good(&app, &stripe).await;
    let refunds = listed(&staff).await;
    assert_eq!(refunds.len(), 1);
    assert_eq!(refunds[0]["amount"], "40.00");
    assert_eq!(refunds[0]["orderId"], order["id"]);
    assert_eq!(refunds[0]["title"], "Ten classes");

    let sent = stripe.refunds().len();
    give_back(&staff, &refunds[0], "original").await;
    wait_until(async || stripe.refunds().len() == sent + 1).await;
    assert_eq!(stripe.refunds().last().unwrap()["amount"], 4_000);
    assert!(listed(&staff).await.is_empty());
    let orders = staff.get_all("/api/admin/orders").await;
    assert_eq!(orders[0]["refunded"], "40.00");
}

#[tokio::test]
async fn a_refund_that_failed_because_of_a_dispute_is_not_listed() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    fail_for_good(&app, &stripe).await;
    assert_eq!(listed(&staff).await.len(), 1);
    // The dispute leaves 15.00, but it is open.
    let dispute = stripe.open_dispute_of(&session, 1_000, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    assert!(listed(&staff).await.is_empty());
    let won = stripe.decide_dispute(&dispute, "won");
    deliver_dispute(&app, "closed", &won).await;
    assert_eq!(listed(&staff).await[0]["amount"], "25.00");
}

#[tokio::test]
async fn a_refund_in_another_list_resolves_the_failed_ones_that_it_covers() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "price": "150.00" })).await;
    let payload = json!({ "productId": product["id"] });
    let order = ana.post("/api/shop/order", payload).await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&order["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    for amount in ["40.00", "20.00"] {
        let refund = json!({ "orderId": order["id"], "amount": amount });
        staff.patch("/api/admin/orders", refund).await.expect(200);
        fail_for_good(&app, &stripe).await;
    }
    assert_eq!(listed(&staff).await.len(), 2);
    // One of 30.00 does not cover the one of 40.00.
    for (amount, left) in [("30.00", vec!["40.00"]), ("40.00", vec![])] {
        let refund = json!({ "orderId": order["id"], "amount": amount, "method": "cash" });
        staff.patch("/api/admin/orders", refund).await.expect(200);
        let listed = listed(&staff).await;
        let amounts: Vec<&str> = listed
            .iter()
            .map(|refund| refund["amount"].as_str().unwrap())
            .collect();
        assert_eq!(amounts, left);
    }
    assert_eq!(open_sum(&staff).await, None);
}

#[tokio::test]
async fn a_booking_that_waits_for_a_spot_keeps_the_failed_refund_in_the_list() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    let class: Uuid = booking["scheduledClassId"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    app.sql("update scheduled_classes set max_participants = 1")
        .await;
    cancel(&ana, &booking).await.expect(200);
    fail_for_good(&app, &stripe).await;
    // Another attempt, by staff, fails as well.
    give_back(&staff, &listed(&staff).await[0], "original").await;
    fail_for_good(&app, &stripe).await;
    let other = book(&ben, class).await.expect(201);
    join_waitlist(&ana, class).await.expect(201);
    assert_eq!(listed(&staff).await.len(), 1);
    cancel(&ben, &other).await.expect(200);
    assert!(listed(&staff).await.is_empty());
}

#[tokio::test]
async fn two_desks_give_a_failed_refund_back_once() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    fail_for_good(&app, &stripe).await;
    let body = json!({ "refundId": listed(&staff).await[0]["id"], "resolution": "cash" });
    let desks = (0..8).map(|_| staff.patch(PATH, body.clone()));
    let answers = futures_util::future::join_all(desks).await;
    let given = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(given.count(), 1);
    let cash = "select count(*) from refunds where method = 'cash'";
    assert_eq!(app.count(cash).await, 1);
}

#[tokio::test]
async fn a_colleague_gives_money_back_to_staff_and_members_see_no_list() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, _) = book_and_pay(&app, &stripe, &staff).await;
    cancel(&staff, &booking).await.expect(200);
    fail_for_good(&app, &stripe).await;
    let refunds = listed(&staff).await;
    let body = json!({ "refundId": refunds[0]["id"], "resolution": "cash" });
    staff
        .patch(PATH, body.clone())
        .await
        .expect_code(403, "own_purchase");
    assert_eq!(listed(&staff).await.len(), 1);
    ana.get(PATH).await.expect_code(403, "forbidden");
    ana.patch(PATH, body).await.expect_code(403, "forbidden");
}

#[tokio::test]
async fn each_of_two_refunds_of_a_payment_stays_until_it_is_resolved() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({})).await;
    let payload = json!({ "productId": product["id"] });
    let order = ana.post("/api/shop/order", payload).await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&order["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    // Somebody cancels both in Stripe's dashboard, so none is tried again.
    for (count, amount) in [(1, "40.00"), (2, "30.00")] {
        let refund = json!({ "orderId": order["id"], "amount": amount });
        staff.patch("/api/admin/orders", refund).await.expect(200);
        wait_until(async || stripe.refunds().len() == count).await;
        make_payments_due(&app).await;
        process_refunds(&app).await;
    }
    for refund in stripe.refunds() {
        let cancelled = stripe.update_refund(refund["id"].as_str().unwrap(), "canceled");
        app.deliver_event(&event_about("refund.updated", &cancelled))
            .await
            .expect(200);
    }
    let refunds = listed(&staff).await;
    let amounts = refunds.iter().map(|refund| refund["amount"].as_str());
    let amounts: Vec<_> = amounts.map(Option::unwrap).collect();
    assert_eq!(amounts, ["30.00", "40.00"]);
    let open = json!({ "kind": "failed_refund", "count": 2, "amount": "70.00" });
    assert_eq!(open_sum(&staff).await, Some(open));
    give_back(&staff, &refunds[1], "transfer").await;
    let left = listed(&staff).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], refunds[0]["id"]);
    // The member does not want the rest, so only the list is changed.
    give_back(&staff, &left[0], "nothing").await;
    assert!(listed(&staff).await.is_empty());
    let orders = staff.get_all("/api/admin/orders").await;
    assert_eq!(orders[0]["refunded"], "40.00");
}

#[tokio::test]
async fn nothing_is_given_back_for_a_booking_that_stands_again() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    fail_for_good(&app, &stripe).await;
    assert_eq!(listed(&staff).await.len(), 1);
    let class = booking["scheduledClassId"].as_str().unwrap();
    let again = book(&ana, class.parse().unwrap()).await.expect(201);
    assert_eq!(again["id"], booking["id"]);
    assert_eq!(again["paymentStatus"], "paid");
    assert!(listed(&staff).await.is_empty());
    // A late cancellation keeps the money, and nothing is owed for the earlier one.
    app.sql(
        "update bookings set status = 'cancelled', cancelled_at = now(), late_cancellation = true",
    )
    .await;
    assert!(listed(&staff).await.is_empty());
}

#[tokio::test]
async fn what_a_lost_dispute_leaves_of_a_payment_is_listed() {
    // The refund becomes due before the dispute is opened, or afterwards.
    for is_due_before in [true, false] {
        let (app, stripe) = start_with_stripe().await;
        let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
        let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
        if is_due_before {
            app.sql(REFUND_BY_RULE).await;
        }
        let dispute = stripe.open_dispute_of(&session, 1_000, "needs_response");
        deliver_dispute(&app, "created", &dispute).await;
        if !is_due_before {
            cancel(&ana, &booking).await.expect(200);
        }
        assert!(listed(&staff).await.is_empty());
        let lost = stripe.decide_dispute(&dispute, "lost");
        deliver_dispute(&app, "closed", &lost).await;
        let refunds = listed(&staff).await;
        assert_eq!(refunds.len(), 1);
        assert_eq!(refunds[0]["amount"], "15.00");
        assert_eq!(refunds[0]["reason"], "disputed");
        let open = json!({ "kind": "failed_refund", "count": 1, "amount": "15.00" });
        assert_eq!(open_sum(&staff).await, Some(open));
        // Stripe refuses to refund a payment that was disputed.
        let body = json!({ "refundId": refunds[0]["id"], "resolution": "original" });
        staff
            .patch(PATH, body)
            .await
            .expect_code(409, "payment_disputed");
        assert_eq!(listed(&staff).await.len(), 1);
        give_back(&staff, &refunds[0], "cash").await;
        assert!(listed(&staff).await.is_empty());
    }
}

#[tokio::test]
async fn a_refund_in_the_dashboard_is_listed_unless_the_one_that_it_replaced_is_due_again() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, session) = book_and_pay(&app, &stripe, &ana).await;
    let in_dashboard = async |amount| {
        let refund = stripe.refund_in_dashboard(&session, amount);
        app.deliver_event(&event_about("refund.created", &refund))
            .await
            .expect(200);
        let id = refund["id"].as_str().unwrap().to_owned();
        stripe.set_failure_reason(&id, "charge_for_pending_refund_disputed");
        let failed = stripe.update_refund(&id, "failed");
        app.deliver_event(&event_about("refund.failed", &failed))
            .await
            .expect(200);
    };
    in_dashboard(1_000).await;
    let refunds = listed(&staff).await;
    assert_eq!(refunds.len(), 1);
    assert_eq!(refunds[0]["amount"], "10.00");
    give_back(&staff, &refunds[0], "nothing").await;

    app.sql(REFUND_BY_RULE).await;
    app.sql(
        "update bookings set status = 'cancelled', cancelled_at = now(), late_cancellation = true",
    )
    .await;
    in_dashboard(2_500).await;
    assert!(listed(&staff).await.is_empty());
    fail_for_good(&app, &stripe).await;
    let refunds = listed(&staff).await;
    assert_eq!(refunds.len(), 1);
    assert_eq!(refunds[0]["amount"], "25.00");
}

#[tokio::test]
async fn a_gift_card_that_was_used_keeps_its_refund_from_being_given_back() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let card = json!({ "kind": "gift_card", "name": "Gift card", "price": "50" });
    let card = staff.post("/api/admin/products", card).await.expect(201);
    let payload = json!({ "productId": card["id"] });
    let bought = ana.post("/api/shop/order", payload).await.expect(201);
    let session = stripe.complete_checkout(&stripe.session_by_url(&bought["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    let refund = json!({ "orderId": bought["id"], "amount": "50.00" });
    staff.patch("/api/admin/orders", refund).await.expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    fail_for_good(&app, &stripe).await;
    // The gift card has its money again, and the member pays with it.
    app.sql("update wallets set balance = 10").await;
    let refunds = listed(&staff).await;
    let body = json!({ "refundId": refunds[0]["id"], "resolution": "cash" });
    staff
        .patch(PATH, body)
        .await
        .expect_code(409, "gift_card_not_enough");
    give_back(&staff, &refunds[0], "nothing").await;
    assert!(listed(&staff).await.is_empty());
}

#[tokio::test]
async fn the_migration_finds_the_refunds_that_nothing_has_followed() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    fail_for_good(&app, &stripe).await;
    let before = listed(&staff).await;
    let mut client = connect(&app.database).await;
    let query = "select count(*) from schema_migrations where name >= '0035_provider_entries'";
    let count: i64 = client.query_one(query, &[]).await.unwrap().get(0);
    let count = usize::try_from(count).unwrap();
    migrations::down(&mut client, count).await.unwrap();
    migrations::up(&mut client).await.unwrap();
    let after = listed(&staff).await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["id"], before[0]["id"]);
    assert_ne!(after[0]["failedAt"], Value::Null);
    // The payment pays for the booking again.
    let class: Uuid = booking["scheduledClassId"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    book(&ana, class).await.expect(201);
    migrations::down(&mut client, count).await.unwrap();
    migrations::up(&mut client).await.unwrap();
    assert!(listed(&staff).await.is_empty());
}

#[tokio::test]
async fn the_refund_of_another_class_of_a_course_leaves_the_failed_one_in_the_list() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let order = buy(&ana, &course).await.expect(201);
    pay(&app, &stripe, &order).await;
    for (class, count) in [(classes[1], 1), (classes[2], 2)] {
        cancel_class(&staff, class).await;
        fail_for_good(&app, &stripe).await;
        assert_eq!(listed(&staff).await.len(), count);
    }
    let open = json!({ "kind": "failed_refund", "count": 2, "amount": "66.66" });
    assert_eq!(open_sum(&staff).await, Some(open));
}
