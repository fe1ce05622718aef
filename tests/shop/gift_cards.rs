//! Gift cards: `api/shop/gift-card.rs`, and the purchases, sales and refunds with them.

use chrono::TimeDelta;
use futures_util::future::join_all;
use sabor::crypto::gift_card_code::GiftCardCode;
use sabor::store::migrations;
use serde_json::{Value, json};

use super::{assert_passes_consistent, create_product, sell};
use crate::harness::{
    MailServer, StripeStandIn, TestApp, TestClient, TestResponse, connect, wait_until,
};
use crate::payments::{
    checkout_completed, deliver_dispute, event_about, make_payments_due, process_refunds,
    release_unpaid, start_with_stripe,
};

pub async fn create_gift_card(staff: &TestClient, price: &str) -> Value {
    let product = json!({ "kind": "gift_card", "name": "Gift card", "price": price });
    staff.post("/api/admin/products", product).await.expect(201)
}

/// Sells a gift card for cash; returns its order and its code.
pub async fn sell_gift_card(
    staff: &TestClient,
    buyer: &TestClient,
    price: &str,
) -> (Value, String) {
    let product = create_gift_card(staff, price).await;
    let order = sell(staff, buyer, &[&product]).await.expect(201);
    let code = order["giftCardCode"].as_str().unwrap().to_owned();
    (order, code)
}

pub async fn balance(person: &TestClient, code: &str) -> Value {
    let payload = json!({ "code": code });
    let card = person.post("/api/shop/gift-card", payload).await;
    card.expect(200)["balance"].clone()
}

async fn buy_with(person: &TestClient, product: &Value, code: &str) -> TestResponse {
    let payload = json!({ "productId": product["id"], "giftCard": code });
    person.post("/api/shop/order", payload).await
}

async fn sell_for(
    staff: &TestClient,
    member: &Value,
    product: &Value,
    gift_card: Value,
) -> TestResponse {
    let sale = json!({
        "userId": member, "productIds": [product["id"]], "tender": "cash", "giftCard": gift_card,
    });
    staff.post("/api/admin/orders", sale).await
}

async fn pay(app: &TestApp, stripe: &StripeStandIn, order: &Value) -> Value {
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    session
}

async fn order(person: &TestClient, order: &Value) -> Value {
    let path = format!("/api/shop/order?orderId={}", order["id"].as_str().unwrap());
    person.get(&path).await.expect(200)
}

async fn refund(staff: &TestClient, order: &Value, amount: &str) -> TestResponse {
    let refund = json!({ "orderId": order["id"], "amount": amount });
    staff.patch("/api/admin/orders", refund).await
}

/// Asserts that each balance is the sum of its entries, and none is below zero.
pub async fn assert_wallets_consistent(app: &TestApp) {
    let wrong = "select count(*) from wallets w where w.balance < 0 or w.balance <> (
        select coalesce(sum(e.change), 0) from wallet_entries e where e.wallet_id = w.id)";
    assert_eq!(
        app.count(wrong).await,
        0,
        "a wallet differs from its entries"
    );
    let wrong = "select count(*) from payments p where p.wallet_id is not null and (
        select coalesce(sum(e.change), 0) from wallet_entries e where e.payment_id = p.id
      ) <> case when p.status in ('cancelled', 'failed') then 0 else -p.amount end";
    assert_eq!(
        app.count(wrong).await,
        0,
        "a wallet differs from what it has paid"
    );
}

#[tokio::test]
async fn the_buyer_of_a_gift_card_gets_its_code_by_mail() {
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
    let card = create_gift_card(&staff, "50").await;
    let payload = json!({ "productId": card["id"] });
    let bought = ana.post("/api/shop/order", payload).await.expect(201);
    assert_eq!(app.count("select count(*) from wallets").await, 0);
    pay(&app, &stripe, &bought).await;
    let mails = server.wait_for_mails(1).await;
    assert_eq!(mails[0]["to"], json!(["ana@example.com"]));
    assert_eq!(
        mails[0]["headers"]["subject"],
        "Tu tarjeta regalo: Gift card"
    );
    let text = mails[0]["text"].as_str().unwrap();
    let code = text
        .split_whitespace()
        .find(|word| GiftCardCode::parse(word).is_some())
        .unwrap();
    assert_eq!(balance(&app.visitor(), code).await, "50.00");
    // Codes are typed in many ways.
    let typed = code
        .to_lowercase()
        .replace('-', " ")
        .replace('0', "o")
        .replace('1', "l");
    assert_eq!(balance(&ana, &typed).await, "50.00");
    // Neither the code nor its encrypted form is stored.
    wait_until(async || {
        let kept = "select count(*) from mail_outbox where payload ? 'giftCard'";
        app.count(kept).await == 0
    })
    .await;
    assert_eq!(
        order(&ana, &bought).await["lines"][0]["passId"],
        Value::Null
    );
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_code_is_told_at_the_desk_once_and_stored_nowhere() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let card = create_gift_card(&staff, "50").await;
    let sale = json!({
        "userId": ana.user_id().await, "productIds": [card["id"]], "tender": "cash",
    });
    let mut codes = Vec::new();
    for _ in 0..2 {
        let request = staff.request(reqwest::Method::POST, "/api/admin/orders");
        let request = request.header("idempotency-key", "gift").json(&sale);
        codes.push(staff.send(request).await.expect(201)["giftCardCode"].clone());
    }
    assert_eq!(codes[1], Value::Null);
    let code = codes[0].as_str().unwrap();
    assert_eq!(balance(&ana, code).await, "50.00");
    for (table, column) in [
        ("idempotency_keys", "idempotency_keys"),
        ("mail_outbox", "mail_outbox"),
        ("wallets", "wallets"),
        ("security_events", "security_events"),
        ("member_events", "member_events"),
    ] {
        let stored = format!("select count(*) from {table} where {column}::text ilike '%{code}%'");
        assert_eq!(app.count(&stored).await, 0, "{table}");
    }
    let listed = &staff.get_all("/api/admin/orders").await[0];
    assert_eq!(listed["giftCardCode"], Value::Null);
    assert_eq!(listed["soldGiftCardBalance"], "50.00");
}

#[tokio::test]
async fn a_gift_card_at_sixteen_tills_pays_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let ten = create_product(&staff, json!({ "price": "40" })).await;
    let members = app.members(16).await;
    let mut ids = Vec::new();
    for member in &members {
        ids.push(member.user_id().await);
    }
    let card = json!({ "code": code, "amount": "40" });
    let sales = ids
        .iter()
        .map(|id| sell_for(&staff, id, &ten, card.clone()));
    let sales = join_all(sales).await;
    let (made, refused): (Vec<_>, Vec<_>) = sales.iter().partition(|sale| sale.status == 201);
    assert_eq!(made.len(), 1);
    let sale = made[0].expect(201);
    assert_eq!(sale["tender"], "gift");
    assert_eq!(sale["giftCardAmount"], "40.00");
    for sale in refused {
        sale.expect_code(409, "gift_card_not_enough");
    }
    assert_eq!(balance(&ana, &code).await, "10.00");
    // The rest is paid in cash.
    let card = json!({ "code": code, "amount": "10" });
    let sale = sell_for(&staff, &ids[0], &ten, card).await.expect(201);
    assert_eq!(sale["tender"], "cash");
    assert_eq!(sale["giftCardAmount"], "10.00");
    assert_eq!(balance(&ana, &code).await, "0.00");
    // The money was counted when the gift card was sold.
    let dashboard = staff.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(dashboard["revenue"][0]["paid"], "80.00");
    let analytics = staff.get("/api/admin/analytics").await.expect(200);
    assert_eq!(analytics["totals"]["revenue"][0]["paid"], "80.00");
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_gift_card_that_covers_the_price_pays_at_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let five = create_product(&staff, json!({ "price": "40", "credits": 5 })).await;
    let payload = json!({ "productId": five["id"], "giftCard": code });
    let quote = ana.post("/api/shop/price", payload).await.expect(200);
    assert_eq!([&quote["giftCardAmount"], &quote["due"]], ["40.00", "0.00"]);
    assert_eq!(balance(&ana, &code).await, "50.00");
    let paid = buy_with(&ana, &five, &code).await.expect(201);
    assert_eq!(paid["state"], "paid");
    assert_eq!(paid["paymentStatus"], "paid");
    assert_eq!(paid["giftCardAmount"], "40.00");
    assert_ne!(paid["lines"][0]["passId"], Value::Null);
    assert_eq!(balance(&ana, &code).await, "10.00");
    // Without card payments, the rest cannot be paid online.
    buy_with(&ana, &five, &code)
        .await
        .expect_code(409, "card_not_available");
    assert_eq!(balance(&ana, &code).await, "10.00");
    let back = refund(&staff, &paid, "15").await.expect(200);
    assert_eq!(back["refunded"], "15.00");
    assert_eq!(balance(&ana, &code).await, "25.00");
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn an_abandoned_order_gives_a_gift_card_its_money_back_once() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let open = buy_with(&ana, &ten, &code).await.expect(201);
    assert_eq!(open["state"], "open");
    assert_eq!(open["giftCardAmount"], "50.00");
    let session = stripe.session_by_url(&open["checkoutUrl"]);
    assert_eq!(session["amount_total"], 1000);
    assert_eq!(balance(&ana, &code).await, "0.00");
    // The same purchase again is the same order.
    let again = buy_with(&ana, &ten, &code).await.expect(201);
    assert_eq!(again["id"], open["id"]);
    app.app.clock().advance(TimeDelta::minutes(31));
    assert_eq!(release_unpaid(&app).await, 1);
    app.deliver_event(&event_about("checkout.session.expired", &session))
        .await
        .expect(200);
    assert_eq!(order(&ana, &open).await["state"], "cancelled");
    assert_eq!(order(&ana, &open).await["giftCardAmount"], "0.00");
    assert_eq!(balance(&ana, &code).await, "50.00");
    let released = "select count(*) from wallet_entries where reason = 'release'";
    assert_eq!(app.count(released).await, 1);
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_late_card_payment_is_refunded_and_the_gift_card_keeps_its_money() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let open = buy_with(&ana, &ten, &code).await.expect(201);
    let session = stripe.session_by_url(&open["checkoutUrl"]);
    let paid_late = stripe.complete_checkout(&session);
    // The order was cancelled before Stripe's event arrived.
    app.sql("update orders set state = 'cancelled', cancelled_at = now() where state = 'open'")
        .await;
    app.sql("update payments set status = 'cancelled' where status = 'pending'")
        .await;
    app.deliver_event(&checkout_completed(&paid_late))
        .await
        .expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    assert_eq!(stripe.refunds()[0]["amount"], 1000);
    assert_eq!(balance(&ana, &code).await, "50.00");
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn an_order_of_two_tenders_is_given_back_to_each() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "40").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let open = buy_with(&ana, &ten, &code).await.expect(201);
    pay(&app, &stripe, &open).await;
    let paid = order(&ana, &open).await;
    assert_eq!(paid["state"], "paid");
    let back = refund(&staff, &paid, "50").await.expect(200);
    assert_eq!(back["refunded"], "50.00");
    process_refunds(&app).await;
    wait_until(async || stripe.refunds().len() == 1).await;
    assert_eq!(stripe.refunds()[0]["amount"], 2000);
    assert_eq!(balance(&ana, &code).await, "30.00");
    refund(&staff, &paid, "10.01")
        .await
        .expect_code(409, "nothing_to_refund");
    refund(&staff, &paid, "10").await.expect(200);
    assert_eq!(balance(&ana, &code).await, "40.00");
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_rest_that_cannot_be_paid_by_card_is_refused() {
    let (app, _stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let ten = create_product(&staff, json!({ "price": "50.30" })).await;
    buy_with(&ana, &ten, &code)
        .await
        .expect_code(409, "card_not_possible");
    assert_eq!(balance(&ana, &code).await, "50.00");
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn another_gift_card_replaces_the_first_one() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, one) = sell_gift_card(&staff, &ana, "50").await;
    let (_, other) = sell_gift_card(&staff, &ana, "30").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let first = buy_with(&ana, &ten, &one).await.expect(201);
    let second = buy_with(&ana, &ten, &other).await.expect(201);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(balance(&ana, &one).await, "50.00");
    assert_eq!(balance(&ana, &other).await, "0.00");
    // The price counts the money that the open order gives back.
    let payload = json!({ "productId": ten["id"], "giftCard": other });
    let quote = ana.post("/api/shop/price", payload).await.expect(200);
    assert_eq!(quote["giftCardAmount"], "30.00");
    let payload = json!({ "productId": ten["id"] });
    let third = ana.post("/api/shop/order", payload).await.expect(201);
    assert_eq!(third["giftCardAmount"], "0.00");
    assert_eq!(balance(&ana, &other).await, "30.00");
    pay(&app, &stripe, &third).await;
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_refund_of_a_gift_card_gives_back_at_most_its_balance() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (sold, code) = sell_gift_card(&staff, &ana, "50").await;
    let five = create_product(&staff, json!({ "price": "20" })).await;
    buy_with(&ana, &five, &code).await.expect(201);
    refund(&staff, &sold, "30.01")
        .await
        .expect_code(409, "gift_card_not_enough");
    let back = refund(&staff, &sold, "25").await.expect(200);
    assert_eq!(back["soldGiftCardBalance"], "5.00");
    assert_eq!(balance(&ana, &code).await, "5.00");
    // A refund in Stripe's dashboard has been made, so it takes what is left.
    let card = create_gift_card(&staff, "80").await;
    let payload = json!({ "productId": card["id"] });
    let bought = ana.post("/api/shop/order", payload).await.expect(201);
    let session = pay(&app, &stripe, &bought).await;
    stripe.refund_in_dashboard(&session, 3000);
    let event = crate::payments::charge_refunded(&session);
    app.deliver_event(&event).await.expect(200);
    let listed = &staff.get_all("/api/admin/orders").await[0];
    assert_eq!(listed["soldGiftCardBalance"], "50.00");
    app.sql("update wallets set is_active = true").await;
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_refund_of_a_gift_card_that_fails_gives_it_its_money_back() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let card = create_gift_card(&staff, "50").await;
    let payload = json!({ "productId": card["id"] });
    let bought = ana.post("/api/shop/order", payload).await.expect(201);
    pay(&app, &stripe, &bought).await;
    let left = async || {
        let listed = &staff.get_all("/api/admin/orders").await[0];
        listed["soldGiftCardBalance"].clone()
    };
    stripe.set_refund_status("pending");
    refund(&staff, &bought, "20").await.expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    assert_eq!(left().await, "30.00");
    // Another refund takes the place of one that fails.
    let end = async |index: usize, status: &str| {
        let id = stripe.refunds()[index]["id"].as_str().unwrap().to_owned();
        let ended = stripe.update_refund(&id, status);
        let kind = match status {
            "failed" => "refund.failed",
            _ => "refund.updated",
        };
        app.deliver_event(&event_about(kind, &ended))
            .await
            .expect(200);
    };
    end(0, "failed").await;
    assert_eq!(left().await, "30.00");
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || stripe.refunds().len() == 2).await;
    // None takes the place of one that somebody has cancelled at Stripe.
    end(1, "canceled").await;
    assert_eq!(left().await, "50.00");
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_gift_card_is_inactive_while_its_purchase_is_disputed() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let card = create_gift_card(&staff, "50").await;
    let payload = json!({ "productId": card["id"] });
    let bought = ana.post("/api/shop/order", payload).await.expect(201);
    let session = pay(&app, &stripe, &bought).await;
    let active = "select count(*) from wallets where is_active";
    assert_eq!(app.count(active).await, 1);
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    assert_eq!(app.count(active).await, 0);
    let dispute = stripe.decide_dispute(&dispute, "won");
    deliver_dispute(&app, "closed", &dispute).await;
    assert_eq!(app.count(active).await, 1);
    // One whose code is known tells why it cannot pay.
    let (_, code) = sell_gift_card(&staff, &ana, "20").await;
    app.sql("update wallets set is_active = false").await;
    let ten = create_product(&staff, json!({ "price": "20" })).await;
    buy_with(&ana, &ten, &code)
        .await
        .expect_code(409, "gift_card_inactive");
    ana.post("/api/shop/gift-card", json!({ "code": code }))
        .await
        .expect_code(409, "gift_card_inactive");
}

#[tokio::test]
async fn gift_cards_are_bought_with_money_only_and_by_themselves() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let card = create_gift_card(&staff, "20").await;
    buy_with(&ana, &card, &code)
        .await
        .expect_code(409, "gift_card_not_applicable");
    let member = ana.user_id().await;
    let gift_card = json!({ "code": code, "amount": "20" });
    sell_for(&staff, &member, &card, gift_card)
        .await
        .expect_code(409, "gift_card_not_applicable");
    let promo = json!({ "code": "SUMMER", "percent": 10 });
    staff
        .post("/api/admin/promo-codes", promo)
        .await
        .expect(201);
    let payload = json!({ "productId": card["id"], "promoCode": "SUMMER" });
    ana.post("/api/shop/price", payload)
        .await
        .expect_code(409, "promo_code_not_applicable");
    let ten = create_product(&staff, json!({ "price": "10" })).await;
    let response = sell(&staff, &ana, &[&card, &ten]).await;
    response.expect_code(400, "validation_failed");
    let too_much = json!({ "code": code, "amount": "10.01" });
    sell_for(&staff, &member, &ten, too_much)
        .await
        .expect_code(400, "validation_failed");
    for fields in [
        json!({ "price": "0" }),
        json!({ "credits": 5 }),
        json!({ "days": 5 }),
        json!({ "starts": "purchase" }),
    ] {
        let mut product = json!({ "kind": "gift_card", "name": "Gift card", "price": "20" });
        for (name, value) in fields.as_object().unwrap() {
            product[name] = value.clone();
        }
        let response = staff.post("/api/admin/products", product).await;
        response.expect_code(400, "validation_failed");
    }
    let change = json!({ "id": card["id"], "credits": 5 });
    let response = staff.patch("/api/admin/products", change).await;
    response.expect_code(400, "validation_failed");
    assert_eq!(balance(&ana, &code).await, "50.00");
}

#[tokio::test]
async fn guessing_gift_cards_is_limited() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    for _ in 0..60 {
        let code = GiftCardCode::generate().expose();
        let payload = json!({ "code": code });
        let response = visitor.post("/api/shop/gift-card", payload).await;
        response.expect_code(409, "gift_card_unknown");
    }
    let response = visitor
        .post("/api/shop/gift-card", json!({ "code": "nonsense" }))
        .await;
    response.expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn reverting_the_migration_keeps_the_orders() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let five = create_product(&staff, json!({ "price": "20" })).await;
    buy_with(&ana, &five, &code).await.expect(201);
    let orders = "select concat_ws(' ', id, state, total) from orders order by id";
    let before: String = app.sql(orders).await[0].get(0);
    let mut client = connect(&app.database).await;
    let query = "select count(*) from schema_migrations
        where name >= '0028_promo_codes_and_gift_cards'";
    let count: i64 = client.query_one(query, &[]).await.unwrap().get(0);
    let count = usize::try_from(count).unwrap();
    migrations::down(&mut client, count).await.unwrap();
    assert_eq!(app.sql(orders).await[0].get::<_, String>(0), before);
    let transfers = "select count(*) from payments where tender = 'transfer'";
    assert_eq!(app.count(transfers).await, 1);
    migrations::up(&mut client).await.unwrap();
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    assert_eq!(balance(&ana, &code).await, "50.00");
}
