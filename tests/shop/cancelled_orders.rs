//! `api/admin/orders.rs`: open orders that staff cancel.

use reqwest::Method;
use serde_json::{Value, json};

use super::gift_cards::{assert_wallets_consistent, balance, sell_gift_card};
use super::{assert_passes_consistent, create_product, sell};
use crate::admin::assert_rejects_only;
use crate::harness::{TestApp, TestClient, TestResponse, wait_until};
use crate::payments::{checkout_completed, process_refunds, start_with_stripe};

async fn buy(person: &TestClient, product: &Value, more: Value) -> Value {
    let mut payload = json!({ "productId": product["id"] });
    payload
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    person.post("/api/shop/order", payload).await.expect(201)
}

fn cancellation(order: &Value) -> Value {
    json!({ "orderId": order["id"], "action": "cancel", "internalReason": "Pays at the desk" })
}

async fn cancel_order(staff: &TestClient, order: &Value) -> TestResponse {
    staff.patch("/api/admin/orders", cancellation(order)).await
}

async fn uses(app: &TestApp) -> i64 {
    app.count("select uses::bigint from promo_codes").await
}

#[tokio::test]
async fn staff_cancel_an_order_that_nobody_will_pay() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "40.00").await;
    let promo = json!({ "code": "SUMMER", "percent": 10, "maxUses": 1 });
    staff
        .post("/api/admin/promo-codes", promo)
        .await
        .expect(201);
    let ten = create_product(&staff, json!({ "credits": 10, "perMember": 1 })).await;
    let reduced = json!({ "promoCode": "SUMMER", "giftCard": code });
    let open = buy(&ana, &ten, reduced.clone()).await;
    assert_eq!(balance(&ana, &code).await, "0.00");
    assert_eq!(uses(&app).await, 1);
    let receipts = app.count("select count(*) from receipts").await;

    let cancelled = cancel_order(&staff, &open).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["paymentStatus"], "cancelled");
    assert_eq!(cancelled["giftCardAmount"], "0.00");
    assert_eq!(balance(&ana, &code).await, "40.00");
    assert_eq!(uses(&app).await, 0);
    wait_until(async || stripe.sessions()[0]["status"] == "expired").await;
    assert_eq!(app.count("select count(*) from receipts").await, receipts);
    cancel_order(&staff, &open)
        .await
        .expect_code(409, "not_cancellable");
    let logged = app
        .sql("select detail from security_events where detail ->> 'action' = 'cancel'")
        .await;
    let detail: Value = logged[0].get(0);
    assert_eq!(detail["internalReason"], "Pays at the desk");
    // Everything can be used again, and the product does not count as bought.
    let again = buy(&ana, &ten, reduced).await;
    assert_ne!(again["id"], open["id"]);
    assert_wallets_consistent(&app).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn money_for_an_order_that_staff_have_cancelled_goes_back() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let open = buy(&ana, &ten, json!({})).await;
    let session = stripe.session_by_url(&open["checkoutUrl"]);
    // The member pays at the same moment.
    let session = stripe.complete_checkout(&session);
    cancel_order(&staff, &open).await.expect(200);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    process_refunds(&app).await;
    wait_until(async || stripe.refunds().len() == 1).await;
    let orders = staff.get_all("/api/admin/orders").await;
    assert_eq!(orders[0]["state"], "cancelled");
    assert_eq!(orders[0]["refunded"], "150.00");
    assert_eq!(ana.get_all("/api/shop/passes").await.len(), 0);
}

#[tokio::test]
async fn only_open_orders_of_others_are_cancelled() {
    let (app, _stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let paid = sell(&staff, &ana, &[&ten]).await.expect(201);
    cancel_order(&staff, &paid)
        .await
        .expect_code(409, "not_cancellable");
    let own = buy(&staff, &ten, json!({})).await;
    cancel_order(&staff, &own)
        .await
        .expect_code(403, "own_purchase");
    cancel_order(&ana, &own).await.expect_code(403, "forbidden");
    let unknown = json!({ "id": "01a1fbec-f5a7-774d-993f-b6dedc6eb201" });
    cancel_order(&staff, &unknown)
        .await
        .expect_code(404, "not_found");
    for (field, value) in [
        ("amount", json!("1.00")),
        ("method", json!("cash")),
        ("revokePassIds", json!([own["id"]])),
        ("reason", json!("Moves to another city")),
        ("internalReason", json!("x".repeat(501))),
    ] {
        let mut invalid = cancellation(&own);
        invalid[field] = value;
        let rejected = staff.patch("/api/admin/orders", invalid).await;
        assert_rejects_only(&rejected, field);
    }
    // A request without an action is a refund, as in earlier versions.
    let refund = json!({ "orderId": own["id"] });
    let rejected = staff.patch("/api/admin/orders", refund).await;
    assert_rejects_only(&rejected, "amount");
}

#[tokio::test]
async fn a_repeated_cancellation_gets_the_same_response() {
    let (app, _stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let open = buy(&ana, &ten, json!({})).await;
    let mut responses = Vec::new();
    for _ in 0..2 {
        let request = staff.request(Method::PATCH, "/api/admin/orders");
        let request = request
            .header("idempotency-key", "once")
            .json(&cancellation(&open));
        responses.push(staff.send(request).await.expect(200));
    }
    assert_eq!(responses[0]["state"], "cancelled");
    assert_eq!(responses[0], responses[1]);
    let logged = "select count(*) from security_events where detail ->> 'action' = 'cancel'";
    assert_eq!(app.count(logged).await, 1);
}
