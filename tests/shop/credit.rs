//! The credit of members: `api/shop/credit.rs`, `api/admin/credit.rs`, and the purchases and sales with
//! it.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::gift_cards::{assert_wallets_consistent, sell_gift_card};
use super::{assert_passes_consistent, create_product};
use crate::harness::{StripeStandIn, TestApp, TestClient, TestResponse};
use crate::payments::{checkout_completed, release_unpaid, start_with_stripe};

/// Adds credit of a member.
pub async fn add_credit(staff: &TestClient, member: &TestClient, amount: &str) -> Value {
    change_credit(staff, member, "add", amount)
        .await
        .expect(201)
}

pub async fn change_credit(
    staff: &TestClient,
    member: &TestClient,
    action: &str,
    amount: &str,
) -> TestResponse {
    let change = json!({
        "userId": member.user_id().await, "action": action, "amount": amount,
        "reason": "The class was too short",
    });
    staff.post("/api/admin/credit", change).await
}

/// Returns the balance of a member's credit.
pub async fn credit(member: &TestClient) -> Value {
    member.get("/api/shop/credit").await.expect(200)["balance"].clone()
}

/// Returns what has changed a member's credit, newest first.
pub async fn entries(member: &TestClient) -> Vec<[String; 2]> {
    let credit = member.get("/api/shop/credit").await.expect(200);
    let items = credit["items"].as_array().unwrap().iter();
    items
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            [text("kind"), text("change")]
        })
        .collect()
}

pub async fn buy(member: &TestClient, product: &Value, more: Value) -> TestResponse {
    let mut payload = json!({ "productId": product["id"] });
    for (name, value) in more.as_object().unwrap() {
        payload[name] = value.clone();
    }
    member.post("/api/shop/order", payload).await
}

pub async fn pay(app: &TestApp, stripe: &StripeStandIn, order: &Value) -> Value {
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    session
}

async fn order(member: &TestClient, order: &Value) -> Value {
    let path = format!("/api/shop/order?orderId={}", order["id"].as_str().unwrap());
    member.get(&path).await.expect(200)
}

/// Sells a product to a member whose credit pays a part. The rest is paid in cash.
pub async fn sell_for_credit(
    staff: &TestClient,
    member: &Value,
    product: &Value,
    credit: &str,
) -> TestResponse {
    let sale = json!({
        "userId": member, "productIds": [product["id"]], "tender": "cash", "credit": credit,
    });
    staff.post("/api/admin/orders", sale).await
}

#[tokio::test]
async fn staff_add_to_a_members_credit_and_deduct_from_it() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    assert_eq!(credit(&ana).await, "0.00");
    assert_eq!(add_credit(&staff, &ana, "20").await["balance"], "20.00");
    change_credit(&staff, &ana, "deduct", "20.01")
        .await
        .expect_code(409, "credit_not_enough");
    let left = change_credit(&staff, &ana, "deduct", "5").await.expect(201);
    assert_eq!(left["balance"], "15.00");
    assert_eq!(credit(&ana).await, "15.00");
    let expected = [["staff", "-5.00"], ["staff", "20.00"]].map(|entry| entry.map(str::to_owned));
    assert_eq!(entries(&ana).await, expected);
    let path = format!(
        "/api/admin/credit?memberId={}",
        ana.user_id().await.as_str().unwrap()
    );
    let shown = staff.get(&path).await.expect(200);
    assert_eq!(shown["items"][0]["reason"], "The class was too short");
    assert_eq!(shown["items"][0]["changedBy"], "sofia Reyes");
    // The security log has the change.
    let logged = "select count(*) from security_events where kind = 'credit_changed'";
    assert_eq!(app.count(logged).await, 2);
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn staff_cannot_change_their_own_credit() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    change_credit(&staff, &staff, "add", "5")
        .await
        .expect_code(403, "own_purchase");
    assert_eq!(credit(&staff).await, "0.00");
}

#[tokio::test]
async fn a_change_of_credit_needs_an_amount_and_a_reason() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    for (field, value) in [("amount", "0"), ("reason", " ")] {
        let mut change = json!({
            "userId": ana.user_id().await, "amount": "5", "reason": "Mistake",
        });
        change[field] = json!(value);
        staff
            .post("/api/admin/credit", change)
            .await
            .expect_code(400, "validation_failed");
    }
    assert_eq!(credit(&ana).await, "0.00");
}

#[tokio::test]
async fn a_change_of_credit_that_is_sent_twice_counts_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let change = json!({ "userId": ana.user_id().await, "amount": "20", "reason": "Ill" });
    for _ in 0..2 {
        let request = staff.request(reqwest::Method::POST, "/api/admin/credit");
        let request = request.header("idempotency-key", "credit").json(&change);
        staff.send(request).await.expect(201);
    }
    assert_eq!(credit(&ana).await, "20.00");
}

#[tokio::test]
async fn credit_pays_first_then_the_gift_card_then_a_card() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "30").await;
    add_credit(&staff, &ana, "20").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let payload = json!({ "productId": ten["id"], "giftCard": code });
    let quote = ana.post("/api/shop/price", payload).await.expect(200);
    assert_eq!(
        [
            &quote["creditAmount"],
            &quote["giftCardAmount"],
            &quote["due"]
        ],
        ["20.00", "30.00", "10.00"]
    );
    let open = buy(&ana, &ten, json!({ "giftCard": code }))
        .await
        .expect(201);
    assert_eq!(open["creditAmount"], "20.00");
    assert_eq!(open["giftCardAmount"], "30.00");
    let session = stripe.session_by_url(&open["checkoutUrl"]);
    assert_eq!(session["amount_total"], 1000);
    assert_eq!(credit(&ana).await, "0.00");
    // The same purchase again is the same order.
    let again = buy(&ana, &ten, json!({ "giftCard": code }))
        .await
        .expect(201);
    assert_eq!(again["id"], open["id"]);
    pay(&app, &stripe, &open).await;
    let paid = order(&ana, &open).await;
    assert_eq!([&paid["state"], &paid["creditAmount"]], ["paid", "20.00"]);
    let unpaid = "select count(*) from payments where status <> 'paid'";
    assert_eq!(app.count(unpaid).await, 0);
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn credit_that_covers_the_price_pays_at_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "50").await;
    let five = create_product(&staff, json!({ "price": "40" })).await;
    let paid = buy(&ana, &five, json!({})).await.expect(201);
    assert_eq!([&paid["state"], &paid["paymentStatus"]], ["paid", "paid"]);
    assert_ne!(paid["lines"][0]["passId"], Value::Null);
    assert_eq!(credit(&ana).await, "10.00");
    let listed = &staff.get_all("/api/admin/orders").await[0];
    assert_eq!(
        [&listed["tender"], &listed["creditAmount"]],
        ["credit", "40.00"]
    );
    // Without card payments, the rest cannot be paid online.
    buy(&ana, &five, json!({}))
        .await
        .expect_code(409, "card_not_available");
    assert_eq!(credit(&ana).await, "10.00");
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn an_abandoned_order_gives_credit_its_money_back_once() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "50").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let open = buy(&ana, &ten, json!({})).await.expect(201);
    let session = stripe.session_by_url(&open["checkoutUrl"]);
    let shown = ana.get("/api/shop/credit").await.expect(200);
    assert_eq!([&shown["balance"], &shown["held"]], ["0.00", "50.00"]);
    app.app.clock().advance(TimeDelta::minutes(31));
    assert_eq!(release_unpaid(&app).await, 1);
    let expired = crate::payments::event_about("checkout.session.expired", &session);
    app.deliver_event(&expired).await.expect(200);
    assert_eq!(order(&ana, &open).await["state"], "cancelled");
    let expected = [["release", "50.00"], ["pay", "-50.00"], ["staff", "50.00"]];
    assert_eq!(
        entries(&ana).await,
        expected.map(|entry| entry.map(str::to_owned))
    );
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn an_order_is_replaced_when_another_amount_of_credit_would_pay() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "20").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let with = buy(&ana, &ten, json!({})).await.expect(201);
    let without = buy(&ana, &ten, json!({ "useCredit": false }))
        .await
        .expect(201);
    assert_ne!(with["id"], without["id"]);
    assert_eq!(without["creditAmount"], "0.00");
    assert_eq!(credit(&ana).await, "20.00");
    let again = buy(&ana, &ten, json!({ "useCredit": false }))
        .await
        .expect(201);
    assert_eq!(again["id"], without["id"]);
    // Staff add credit while an order is open. The price that the member sees is the one to pay.
    let first = buy(&ana, &ten, json!({})).await.expect(201);
    add_credit(&staff, &ana, "10").await;
    let quote = ana
        .post("/api/shop/price", json!({ "productId": ten["id"] }))
        .await
        .expect(200);
    assert_eq!(quote["creditAmount"], "30.00");
    let second = buy(&ana, &ten, json!({})).await.expect(201);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["creditAmount"], "30.00");
    pay(&app, &stripe, &second).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn credit_pays_less_if_the_rest_is_too_small_for_a_card() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "50").await;
    let ten = create_product(&staff, json!({ "price": "50.30" })).await;
    let open = buy(&ana, &ten, json!({})).await.expect(201);
    assert_eq!(open["creditAmount"], "49.80");
    let session = stripe.session_by_url(&open["checkoutUrl"]);
    assert_eq!(session["amount_total"], 50);
    pay(&app, &stripe, &open).await;
    assert_eq!(credit(&ana).await, "0.20");
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_gift_card_is_not_bought_with_credit() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "80").await;
    let card = super::gift_cards::create_gift_card(&staff, "50").await;
    let open = buy(&ana, &card, json!({})).await.expect(201);
    assert_eq!(open["creditAmount"], "0.00");
    pay(&app, &stripe, &open).await;
    sell_for_credit(&staff, &ana.user_id().await, &card, "50")
        .await
        .expect_code(409, "credit_not_applicable");
    assert_eq!(credit(&ana).await, "80.00");
}

#[tokio::test]
async fn sixteen_tills_cannot_spend_the_same_credit() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "50").await;
    let ten = create_product(&staff, json!({ "price": "40" })).await;
    let id = ana.user_id().await;
    let sales = (0..16).map(|_| sell_for_credit(&staff, &id, &ten, "40"));
    let sales = join_all(sales).await;
    let (made, refused): (Vec<_>, Vec<_>) = sales.iter().partition(|sale| sale.status == 201);
    assert_eq!(made.len(), 1);
    let sale = made[0].expect(201);
    assert_eq!(
        [&sale["tender"], &sale["creditAmount"]],
        ["credit", "40.00"]
    );
    for sale in refused {
        sale.expect_code(409, "credit_not_enough");
    }
    assert_eq!(credit(&ana).await, "10.00");
    // The rest is paid in cash.
    let sale = sell_for_credit(&staff, &id, &ten, "10").await.expect(201);
    assert_eq!([&sale["tender"], &sale["creditAmount"]], ["cash", "10.00"]);
    sell_for_credit(&staff, &id, &ten, "40.01")
        .await
        .expect_code(400, "validation_failed");
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn purchases_and_changes_by_staff_at_once_leave_no_credit_below_zero() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "50").await;
    let products = join_all((0..8).map(|index| {
        let name = format!("Pass {index}");
        create_product(&staff, json!({ "name": name, "price": "20" }))
    }))
    .await;
    let purchases = join_all(products.iter().map(|product| buy(&ana, product, json!({}))));
    let changes = join_all((0..8).map(|_| change_credit(&staff, &ana, "deduct", "10")));
    let (purchases, changes) = tokio::join!(purchases, changes);
    let paid = purchases.iter().filter(|made| made.status == 201).count();
    let taken = changes.iter().filter(|made| made.status == 201).count();
    for refused in purchases.iter().filter(|made| made.status != 201) {
        refused.expect_code(409, "card_not_available");
    }
    assert_eq!(
        credit(&ana).await,
        format!("{}.00", 50 - 20 * paid - 10 * taken)
    );
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn closing_an_account_empties_its_credit_and_deactivating_it_does_not() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (admin, eva) = (app.admin("ruth").await, app.member("eva").await);
    add_credit(&staff, &ana, "20").await;
    add_credit(&staff, &eva, "30").await;
    let (ana_id, eva_id) = (ana.user_id().await, eva.user_id().await);
    let change = json!({ "id": eva_id, "isActive": false });
    admin.patch("/api/admin/users", change).await.expect(200);
    ana.close_account().await;
    for (id, balance, kind) in [(&ana_id, "0.00", "closure"), (&eva_id, "30.00", "staff")] {
        let path = format!("/api/admin/credit?memberId={}", id.as_str().unwrap());
        let shown = staff.get(&path).await.expect(200);
        assert_eq!(shown["balance"], balance);
        assert_eq!(shown["items"][0]["kind"], kind);
    }
    // What staff have written about the member is erased.
    let kept = "select count(*) from wallet_entries e join wallets w on w.id = e.wallet_id
        join users u on u.id = w.user_id where u.closed_at is not null and e.note <> ''";
    assert_eq!(app.count(kept).await, 0);
    change_credit_of(&staff, &ana_id)
        .await
        .expect_code(404, "not_found");
    assert_wallets_consistent(&app).await;
}

async fn change_credit_of(staff: &TestClient, user_id: &Value) -> TestResponse {
    let change = json!({ "userId": user_id, "amount": "5", "reason": "Late" });
    staff.post("/api/admin/credit", change).await
}
