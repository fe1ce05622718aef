//! `api/shop/order.rs`: products that members buy by card.

use chrono::TimeDelta;
use futures_util::future::{join, join_all, join3};
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_passes_consistent, change_pass, create_product, sell};
use crate::bookings::book;
use crate::harness::{
    MailServer, StripeFault, StripeStandIn, TestApp, TestClient, TestResponse, wait_until,
};
use crate::payments::{
    charge_refunded, checkout_completed, deliver_dispute, event_about, expire_card_payments,
    make_payments_due, member_event_count, process_refunds, release_unpaid, review_count,
    start_with_stripe,
};

async fn buy(person: &TestClient, product: &Value) -> TestResponse {
    let payload = json!({ "productId": product["id"] });
    person.post("/api/shop/order", payload).await
}

async fn order(person: &TestClient, order: &Value) -> Value {
    let path = format!("/api/shop/order?orderId={}", order["id"].as_str().unwrap());
    person.get(&path).await.expect(200)
}

/// Starts the purchase of a product; returns the order and the session at Stripe.
async fn start_purchase(
    stripe: &StripeStandIn,
    person: &TestClient,
    product: &Value,
) -> (Value, Value) {
    let order = buy(person, product).await.expect(201);
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    (order, session)
}

/// Pays a session at Stripe, and delivers the event.
async fn pay(app: &TestApp, stripe: &StripeStandIn, session: &Value) -> Value {
    let session = stripe.complete_checkout(session);
    let event = checkout_completed(&session);
    app.deliver_event(&event).await.expect(200);
    session
}

/// Buys a product; returns the paid order and the session at Stripe.
async fn purchase(
    app: &TestApp,
    stripe: &StripeStandIn,
    person: &TestClient,
    product: &Value,
) -> (Value, Value) {
    let (started, session) = start_purchase(stripe, person, product).await;
    let session = pay(app, stripe, &session).await;
    (order(person, &started).await, session)
}

async fn passes(person: &TestClient) -> Vec<Value> {
    person.get_all("/api/shop/passes").await
}

async fn live_passes(app: &TestApp) -> i64 {
    app.count("select count(*) from passes where status = 'live'")
        .await
}

async fn refund(staff: &TestClient, order: &Value, amount: &str) -> TestResponse {
    let refund = json!({ "orderId": order["id"], "amount": amount });
    staff.patch("/api/admin/orders", refund).await
}

#[tokio::test]
async fn a_member_buys_a_pass_by_card() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let (started, session) = start_purchase(&stripe, &ana, &ten).await;
    assert_eq!(started["state"], "open");
    assert_eq!(started["paymentStatus"], "pending");
    assert_eq!(started["total"], "150.00");
    assert_eq!(started["lines"][0]["description"], "Ten classes");
    assert_eq!(started["lines"][0]["passId"], Value::Null);
    assert_eq!(passes(&ana).await, Vec::<Value>::new());
    let request = &stripe.requests("POST", "/v1/checkout/sessions")[0].form;
    let price = "line_items[0][price_data]";
    assert_eq!(request[&format!("{price}[unit_amount]")], "15000");
    assert_eq!(
        request[&format!("{price}[product_data][name]")],
        "Ten classes"
    );
    let id = started["id"].as_str().unwrap();
    assert!(request["success_url"].ends_with(&format!("/shop?order={id}&payment=done")));

    let session = pay(&app, &stripe, &session).await;
    let paid = order(&ana, &started).await;
    assert_eq!(paid["state"], "paid");
    assert_eq!(paid["paymentStatus"], "paid");
    assert_eq!(paid["checkoutUrl"], Value::Null);
    let pass = passes(&ana).await.remove(0);
    assert_eq!(paid["lines"][0]["passId"], pass["id"]);
    assert_eq!(pass["creditsLeft"], 10);
    assert_eq!(member_event_count(&app, "order_paid").await, 1);
    // The event comes again, and the clean-up looks too.
    app.deliver_event(&event_about(
        "checkout.session.async_payment_succeeded",
        &session,
    ))
    .await
    .expect(200);
    make_payments_due(&app).await;
    assert_eq!(release_unpaid(&app).await, 0);
    assert_eq!(passes(&ana).await.len(), 1);
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(booking["pass"]["id"], pass["id"]);
    // Staff see that the member bought it online, and the money is in the reports.
    let listed = &staff.get_all("/api/admin/orders").await[0];
    assert_eq!(listed["tender"], "card");
    assert_eq!(listed["isByMember"], true);
    assert_eq!(listed["soldBy"], Value::Null);
    let dashboard = staff.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(dashboard["revenue"][0]["paid"], "150.00");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_buyer_gets_e_mails_in_their_language() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let stripe = StripeStandIn::start().await;
    let mut settings = server.settings();
    settings.variables.extend(stripe.settings().variables);
    let app = TestApp::start_with(settings).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    ana.patch("/api/auth/me", json!({ "locale": "es" }))
        .await
        .expect(200);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let (bought, _) = purchase(&app, &stripe, &ana, &ten).await;
    let mails = server.wait_for_mails(1).await;
    assert_eq!(mails[0]["to"], json!(["ana@example.com"]));
    assert_eq!(mails[0]["headers"]["subject"], "Tu compra: Ten classes");
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("Hemos recibido tu pago"), "{text}");
    assert!(text.contains("150.00 USD"), "{text}");
    refund(&staff, &bought, "50").await.expect(200);
    let mails = server.wait_for_mails(2).await;
    assert_eq!(mails[1]["headers"]["subject"], "Reembolso: Ten classes");
    let text = mails[1]["text"].as_str().unwrap();
    assert!(text.contains("50.00 USD"), "{text}");
}

#[tokio::test]
async fn repeated_and_concurrent_requests_return_the_same_order() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let trial = create_product(&staff, json!({ "perMember": 1 })).await;
    let responses = join_all((0..16).map(|_| buy(&ana, &trial))).await;
    let ids: Vec<Value> = responses
        .iter()
        .map(|order| order.expect(201)["id"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let again = buy(&ana, &trial).await.expect(201);
    assert_eq!(again["id"], ids[0]);
    assert_eq!(app.count("select count(*) from orders").await, 1);
    assert_eq!(stripe.sessions().len(), 1);
    // Staff cannot sell what the member is paying for.
    sell(&staff, &ana, &[&trial])
        .await
        .expect_code(409, "product_limit_reached");
    pay(&app, &stripe, &stripe.session_by_url(&again["checkoutUrl"])).await;
    buy(&ana, &trial)
        .await
        .expect_code(409, "product_limit_reached");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_repeated_request_with_its_key_gets_the_same_response() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let mut orders = Vec::new();
    for fault in [Some(StripeFault::ResponseLost), None, None] {
        // The client repeats a request to Stripe twice.
        stripe.fail_next(&fault.map_or(Vec::new(), |fault| vec![fault; 3]));
        let request = ana.request(Method::POST, "/api/shop/order");
        let request = request
            .header("idempotency-key", "my-pass")
            .json(&json!({ "productId": ten["id"] }));
        orders.push(ana.send(request).await);
    }
    orders[0].expect_code(503, "unavailable");
    assert_eq!(orders[1].expect(201), orders[2].expect(201));
    assert_eq!(stripe.sessions().len(), 1);
    assert_eq!(app.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn an_order_that_is_not_paid_in_time_is_cancelled_and_can_be_made_again() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let trial = create_product(&staff, json!({ "perMember": 1 })).await;
    let (first, session) = start_purchase(&stripe, &ana, &trial).await;
    app.app.clock().advance(TimeDelta::minutes(30));
    assert_eq!(release_unpaid(&app).await, 0);
    app.app.clock().advance(TimeDelta::minutes(1));
    assert_eq!(order(&ana, &first).await["checkoutUrl"], Value::Null);
    assert_eq!(release_unpaid(&app).await, 1);
    let cancelled = order(&ana, &first).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["expiresAt"], Value::Null);
    assert_eq!(stripe.sessions()[0]["status"], "expired");
    app.deliver_event(&event_about("checkout.session.expired", &session))
        .await
        .expect(200);
    let (second, session) = start_purchase(&stripe, &ana, &trial).await;
    assert_ne!(second["id"], first["id"]);
    // The next purchase finds the overdue order before the clean-up does.
    app.app.clock().advance(TimeDelta::minutes(32));
    let (third, _) = start_purchase(&stripe, &ana, &trial).await;
    assert_ne!(third["id"], second["id"]);
    assert_eq!(order(&ana, &second).await["state"], "cancelled");
    assert_ne!(session["url"], third["checkoutUrl"]);
    assert_eq!(passes(&ana).await, Vec::<Value>::new());
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_payment_of_a_cancelled_order_is_refunded() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (first, session) = start_purchase(&stripe, &ana, &ten).await;
    let paid_late = stripe.complete_checkout(&session);
    // The order was cancelled before Stripe's event arrived.
    app.sql("update orders set state = 'cancelled', cancelled_at = now()")
        .await;
    app.sql("update payments set status = 'cancelled'").await;
    app.deliver_event(&checkout_completed(&paid_late))
        .await
        .expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    assert_eq!(stripe.refunds()[0]["amount"], 15000);
    wait_until(async || order(&ana, &first).await["paymentStatus"] == "refunded").await;
    let cancelled = order(&ana, &first).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["refunded"], "150.00");
    assert_eq!(passes(&ana).await, Vec::<Value>::new());
    let mails = "select count(*) from mail_outbox where kind = 'order_refunded'";
    assert_eq!(app.count(mails).await, 1);
    assert_eq!(review_count(&app).await, 0);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_payment_whose_event_is_lost_is_found_by_the_clean_up() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "perMember": 2 })).await;
    let (first, session) = start_purchase(&stripe, &ana, &ten).await;
    stripe.complete_checkout(&session);
    expire_card_payments(&app).await;
    assert_eq!(release_unpaid(&app).await, 1);
    assert_eq!(order(&ana, &first).await["state"], "paid");
    // The member buys again before the clean-up has run. The earlier order turns out to be paid.
    let (second, session) = start_purchase(&stripe, &ana, &ten).await;
    stripe.complete_checkout(&session);
    expire_card_payments(&app).await;
    let found = buy(&ana, &ten).await.expect(201);
    assert_eq!(found["id"], second["id"]);
    assert_eq!(found["state"], "paid");
    assert_eq!(passes(&ana).await.len(), 2);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn concurrent_webhooks_and_clean_up_issue_one_pass() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    for number in 1..=10 {
        let (_, session) = start_purchase(&stripe, &ana, &ten).await;
        let session = stripe.complete_checkout(&session);
        expire_card_payments(&app).await;
        let completed = checkout_completed(&session);
        let other = event_about("checkout.session.async_payment_succeeded", &session);
        let events = join(app.deliver_event(&completed), app.deliver_event(&other));
        let ((one, two), _) = join(events, release_unpaid(&app)).await;
        one.expect(200);
        two.expect(200);
        assert_eq!(passes(&ana).await.len(), number);
    }
    assert_eq!(member_event_count(&app, "order_paid").await, 10);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_pass_is_issued_as_it_was_ordered() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let (first, session) = start_purchase(&stripe, &ana, &ten).await;
    let change = json!({ "id": ten["id"], "name": "Five classes", "credits": 5 });
    staff.patch("/api/admin/products", change).await.expect(200);
    pay(&app, &stripe, &session).await;
    let pass = &passes(&ana).await[0];
    assert_eq!(pass["name"], "Ten classes");
    assert_eq!(pass["creditsLeft"], 10);
    assert_eq!(order(&ana, &first).await["state"], "paid");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn an_open_order_of_a_changed_product_is_replaced() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let (first, session) = start_purchase(&stripe, &ana, &ten).await;
    let change = json!({ "id": ten["id"], "price": "90" });
    staff.patch("/api/admin/products", change).await.expect(200);
    let second = buy(&ana, &ten).await.expect(201);
    assert_eq!(second["total"], "90.00");
    assert_eq!(order(&ana, &first).await["state"], "cancelled");
    wait_until(async || stripe.sessions()[0]["status"] == "expired").await;
    assert_ne!(second["checkoutUrl"], session["url"]);
    let retirement = json!({ "id": ten["id"], "isActive": false });
    staff
        .patch("/api/admin/products", retirement)
        .await
        .expect(200);
    buy(&ana, &ten).await.expect_code(409, "product_not_sold");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_free_pass_is_issued_at_once_even_without_stripe() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let free = json!({ "name": "Free trial", "price": "0", "perMember": 1, "credits": 1 });
    let trial = create_product(&staff, free).await;
    let order = buy(&ana, &trial).await.expect(201);
    assert_eq!(order["state"], "paid");
    assert_eq!(order["paymentStatus"], Value::Null);
    assert_eq!(passes(&ana).await[0]["creditsLeft"], 1);
    buy(&ana, &trial)
        .await
        .expect_code(409, "product_limit_reached");
    // A free pass that anybody could take again and again is given by staff.
    let guest = json!({ "name": "Guest pass", "price": "0" });
    let guest = create_product(&staff, guest).await;
    buy(&ana, &guest).await.expect_code(409, "product_not_sold");
    // Without Stripe, what costs something is bought at the desk.
    let ten = create_product(&staff, json!({})).await;
    buy(&ana, &ten).await.expect_code(409, "card_not_available");
    assert_eq!(app.count("select count(*) from orders").await, 1);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn an_order_that_stripe_refuses_is_cancelled() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let tiny = create_product(&staff, json!({ "price": "0.10" })).await;
    buy(&ana, &tiny).await.expect_code(409, "card_not_possible");
    let ten = create_product(&staff, json!({})).await;
    stripe.fail_next(&[StripeFault::Status(403)]);
    buy(&ana, &ten).await.expect_code(500, "internal");
    assert_eq!(
        app.count("select count(*) from orders where state = 'cancelled'")
            .await,
        2
    );
    let (_, session) = start_purchase(&stripe, &ana, &ten).await;
    pay(&app, &stripe, &session).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_wrong_amount_pays_nothing_and_is_reported() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (started, session) = start_purchase(&stripe, &ana, &ten).await;
    let month = create_product(&staff, json!({ "name": "A month" })).await;
    start_purchase(&stripe, &ana, &month).await;
    stripe.update_session(&session, |session| session["amount_total"] = json!(1));
    let session = pay(&app, &stripe, &session).await;
    assert_eq!(order(&ana, &started).await["state"], "open");
    assert_eq!(review_count(&app).await, 1);
    assert_eq!(passes(&ana).await, Vec::<Value>::new());
    // Staff see it, and that the other order needs nothing.
    let listed = staff.get_all("/api/admin/orders").await;
    let needs_review: Vec<&Value> = listed.iter().map(|order| &order["needsReview"]).collect();
    assert_eq!(needs_review, [&json!(false), &json!(true)]);
    let cancellation = json!({ "orderId": started["id"], "action": "cancel" });
    let cancelled = staff.patch("/api/admin/orders", cancellation).await;
    assert_eq!(cancelled.expect(200)["state"], "cancelled");
    // The money is still at Stripe, so staff still see it.
    let listed = staff.get_all("/api/admin/orders").await;
    assert_eq!(listed[1]["needsReview"], true);
    // The closing of the checkout reports the payment once more. The clean-up then leaves it alone.
    wait_until(async || review_count(&app).await == 2).await;
    for _ in 0..2 {
        make_payments_due(&app).await;
        assert_eq!(release_unpaid(&app).await, 0);
    }
    assert_eq!(review_count(&app).await, 2);
    // What staff refund at Stripe never counted as money, so its refund does not count either.
    stripe.refund_in_dashboard(&session, 1);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    let listed = staff.get_all("/api/admin/orders").await;
    assert_eq!(listed[1]["refunded"], "0.00");
    let counted = "select count(*) from payments where paid_at is not null or status = 'paid'";
    assert_eq!(app.count(counted).await, 0);
}

#[tokio::test]
async fn members_see_only_their_own_orders() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (started, _) = start_purchase(&stripe, &ana, &ten).await;
    let path = format!(
        "/api/shop/order?orderId={}",
        started["id"].as_str().unwrap()
    );
    for stranger in [&app.member("ben").await, &staff] {
        stranger.get(&path).await.expect_code(404, "not_found");
    }
    for path in ["/api/shop/order", "/api/shop/order?orderId=1"] {
        ana.get(path).await.expect_code(400, "validation_failed");
    }
}

#[tokio::test]
async fn staff_refund_a_part_of_an_order_to_the_card() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "100" })).await;
    let (bought, session) = purchase(&app, &stripe, &ana, &ten).await;
    let refunds = join_all((0..8).map(|_| refund(&staff, &bought, "30"))).await;
    let accepted = refunds.iter().filter(|refund| refund.status == 200);
    assert_eq!(accepted.count(), 3);
    for refused in refunds.iter().filter(|refund| refund.status != 200) {
        refused.expect_code(409, "nothing_to_refund");
    }
    wait_until(async || member_event_count(&app, "order_refunded").await == 3).await;
    assert_eq!(
        order(&ana, &bought).await["paymentStatus"],
        "partly_refunded"
    );
    assert_eq!(order(&ana, &bought).await["refunded"], "90.00");
    // The rest is refunded in Stripe's dashboard.
    stripe.refund_in_dashboard(&session, 1000);
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    assert_eq!(order(&ana, &bought).await["paymentStatus"], "refunded");
    refund(&staff, &bought, "0.01")
        .await
        .expect_code(409, "nothing_to_refund");
    // The pass stays until staff revoke it.
    assert_eq!(passes(&ana).await[0]["isUsable"], true);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_refund_to_the_card_is_sent_again_if_stripe_fails() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (bought, _) = purchase(&app, &stripe, &ana, &ten).await;
    stripe.fail_next(&[StripeFault::Status(500); 3]);
    refund(&staff, &bought, "150").await.expect(200);
    wait_until(async || stripe.requests("POST", "/v1/refunds").len() == 3).await;
    assert_eq!(order(&ana, &bought).await["paymentStatus"], "refund_due");
    wait_until(async || {
        make_payments_due(&app).await;
        process_refunds(&app).await;
        order(&ana, &bought).await["paymentStatus"] == "refunded"
    })
    .await;
    assert_eq!(stripe.refunds().len(), 1);
}

#[tokio::test]
async fn a_dispute_revokes_the_pass_until_it_is_won() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let (bought, session) = purchase(&app, &stripe, &ana, &ten).await;
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(booking["price"], "0.00");
    let dispute = stripe.open_dispute(&session, "needs_response");
    for kind in ["created", "funds_withdrawn", "updated"] {
        deliver_dispute(&app, kind, &dispute).await;
    }
    let listed = &ana.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(listed["price"], "25.00");
    assert_eq!(listed["pass"], Value::Null);
    assert_eq!(passes(&ana).await[0]["isRevoked"], true);
    assert_eq!(order(&ana, &bought).await["paymentStatus"], "disputed");
    refund(&staff, &bought, "10")
        .await
        .expect_code(409, "payment_disputed");
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    let pass = passes(&ana).await.remove(0);
    assert_eq!(pass["isRevoked"], false);
    assert_eq!(pass["creditsLeft"], 10);
    let changes = "select string_agg(change || ' ' || (by is null), ', ' order by created_at) from pass_changes";
    assert_eq!(
        app.sql(changes).await[0].get::<_, String>(0),
        "revoke true, restore true"
    );
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_member_is_told_once_that_a_dispute_has_revoked_the_pass() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let stripe = StripeStandIn::start().await;
    let mut settings = server.settings();
    settings.variables.extend(stripe.settings().variables);
    let app = TestApp::start_with(settings).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let (_, session) = purchase(&app, &stripe, &ana, &ten).await;
    server.wait_for_mails(1).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    for kind in ["created", "funds_withdrawn", "updated"] {
        deliver_dispute(&app, kind, &dispute).await;
    }
    let mails = server.wait_for_mails(2).await;
    let subject = "Cannot be used: Ten classes";
    let is_about = |mail: &&Value| mail["headers"]["subject"] == subject;
    let mail = mails.iter().find(is_about).unwrap();
    assert_eq!(mail["to"], json!(["ana@example.com"]));
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("because it is disputed"), "{text}");
    assert_eq!(app.mail_count("order_disputed").await, 1);
}

#[tokio::test]
async fn a_pass_that_staff_have_revoked_stays_revoked_after_a_dispute() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (bought, session) = purchase(&app, &stripe, &ana, &ten).await;
    let pass = &bought["lines"][0]["passId"];
    change_pass(&staff, pass, json!({ "action": "revoke" }))
        .await
        .expect(200);
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    // Nothing changes for the member.
    assert_eq!(app.mail_count("order_disputed").await, 0);
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(passes(&ana).await[0]["isRevoked"], true);
}

#[tokio::test]
async fn a_pass_stays_revoked_while_another_dispute_is_open() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (bought, session) = purchase(&app, &stripe, &ana, &ten).await;
    let one = stripe.open_dispute(&session, "needs_response");
    let other = stripe.open_dispute(&session, "needs_response");
    for dispute in [&one, &other] {
        deliver_dispute(&app, "created", dispute).await;
    }
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&one, "won")).await;
    assert_eq!(passes(&ana).await[0]["isRevoked"], true);
    // Staff trust the member. A later report about the dispute changes nothing.
    let pass = &bought["lines"][0]["passId"];
    change_pass(&staff, pass, json!({ "action": "restore" }))
        .await
        .expect(200);
    deliver_dispute(&app, "updated", &other).await;
    assert_eq!(passes(&ana).await[0]["isRevoked"], false);
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&other, "lost")).await;
    assert_eq!(passes(&ana).await[0]["isRevoked"], false);
}

#[tokio::test]
async fn a_won_dispute_restores_no_pass_of_a_closed_account() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (_, session) = purchase(&app, &stripe, &ana, &ten).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    ana.close_account().await;
    deliver_dispute(&app, "closed", &stripe.decide_dispute(&dispute, "won")).await;
    assert_eq!(live_passes(&app).await, 0);
}

#[tokio::test]
async fn a_payment_of_a_deactivated_account_is_refunded_and_its_order_is_over() {
    let (app, stripe) = start_with_stripe().await;
    let (admin, ana) = (app.admin("sofia").await, app.member("ana").await);
    let ten = create_product(&admin, json!({})).await;
    let (first, session) = start_purchase(&stripe, &ana, &ten).await;
    // A version that does not know orders has deactivated the account.
    app.sql("update users set is_active = false where email like 'ana%'")
        .await;
    pay(&app, &stripe, &session).await;
    wait_until(async || stripe.refunds().len() == 1).await;
    app.sql("update users set is_active = true").await;
    assert_eq!(order(&ana, &first).await["state"], "cancelled");
    let (second, _) = purchase(&app, &stripe, &ana, &ten).await;
    refund(&admin, &second, "150").await.expect(200);
    // An administrator who deactivates the account cancels its open order.
    let (_, session) = start_purchase(&stripe, &ana, &ten).await;
    let change = json!({ "id": ana.user_id().await, "isActive": false });
    admin.patch("/api/admin/users", change).await.expect(200);
    let open = "select count(*) from orders where state = 'open'";
    assert_eq!(app.count(open).await, 0);
    assert_eq!(stripe.sessions()[2]["id"], session["id"]);
    wait_until(async || stripe.sessions()[2]["status"] == "expired").await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn an_account_that_is_closed_while_the_payment_arrives_keeps_no_pass() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (_, session) = start_purchase(&stripe, &ana, &ten).await;
    let session = stripe.complete_checkout(&session);
    let event = checkout_completed(&session);
    // The settlement has locked the order, and waits for the payment.
    let lock = app.hold_locks("select from payments for update").await;
    let closing = async {
        wait_until(async || app.blocked_statements().await == 1).await;
        ana.close_account().await;
    };
    // The closing waits for the order.
    let release = async {
        wait_until(async || app.blocked_statements().await == 2).await;
        lock.release().await;
    };
    let (delivered, (), ()) = join3(app.deliver_event(&event), closing, release).await;
    delivered.expect(200);
    assert_eq!(app.count("select count(*) from passes").await, 1);
    assert_eq!(live_passes(&app).await, 0);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_refused_purchase_leaves_the_open_order_as_it_is() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "perMember": 2 })).await;
    purchase(&app, &stripe, &ana, &ten).await;
    let (second, session) = start_purchase(&stripe, &ana, &ten).await;
    let change = json!({ "id": ten["id"], "price": "90", "perMember": 1 });
    staff.patch("/api/admin/products", change).await.expect(200);
    buy(&ana, &ten)
        .await
        .expect_code(409, "product_limit_reached");
    assert_eq!(order(&ana, &second).await["state"], "open");
    pay(&app, &stripe, &session).await;
    assert_eq!(order(&ana, &second).await["state"], "paid");
}

#[tokio::test]
async fn a_payment_after_the_account_is_closed_is_refunded() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let (_, session) = start_purchase(&stripe, &ana, &ten).await;
    let paid = stripe.complete_checkout(&session);
    ana.close_account().await;
    let state = "select count(*) from orders where state = 'cancelled'";
    assert_eq!(app.count(state).await, 1);
    app.deliver_event(&checkout_completed(&paid))
        .await
        .expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    assert_eq!(app.count("select count(*) from passes").await, 0);
    let mails = "select count(*) from mail_outbox where kind like 'order%'";
    assert_eq!(app.count(mails).await, 0);
    assert_passes_consistent(&app).await;
}
