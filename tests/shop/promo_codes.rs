//! `api/admin/promo-codes.rs`, and the purchases and sales that use a code.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::days::today;
use super::{assert_passes_consistent, create_product};
use crate::harness::{StripeStandIn, TestApp, TestClient, TestResponse};
use crate::payments::{
    checkout_completed, event_about, expire_card_payments, release_unpaid, start_with_stripe,
};

async fn create_code(staff: &TestClient, fields: Value) -> Value {
    let mut code = json!({ "code": "SUMMER" });
    for (name, value) in fields.as_object().unwrap() {
        code[name] = value.clone();
    }
    let response = staff.post("/api/admin/promo-codes", code).await;
    response.expect(201)
}

async fn change_code(staff: &TestClient, code: &Value, mut change: Value) -> TestResponse {
    change["id"] = code["id"].clone();
    staff.patch("/api/admin/promo-codes", change).await
}

async fn buy(person: &TestClient, product: &Value, code: &str) -> TestResponse {
    let payload = json!({ "productId": product["id"], "promoCode": code });
    person.post("/api/shop/order", payload).await
}

async fn price(person: &TestClient, product: &Value, code: &str) -> TestResponse {
    let payload = json!({ "productId": product["id"], "promoCode": code });
    person.post("/api/shop/price", payload).await
}

async fn sell(staff: &TestClient, member: &TestClient, ids: &[&Value], code: &str) -> TestResponse {
    let member = member.user_id().await;
    let sale = json!({ "userId": member, "productIds": ids, "tender": "cash", "promoCode": code });
    staff.post("/api/admin/orders", sale).await
}

async fn uses(app: &TestApp) -> i64 {
    app.count("select uses::bigint from promo_codes").await
}

async fn pay(app: &TestApp, stripe: &StripeStandIn, order: &Value) {
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_member_sees_the_price_with_a_code_and_pays_it() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "99.90", "credits": 10 })).await;
    let code = create_code(&staff, json!({ "code": " summer-15", "percent": 15 })).await;
    assert_eq!(code["code"], "SUMMER-15");
    assert_eq!(code["appliesTo"], json!(["pass"]));
    // 15 % of 99.90 is 14.985.
    let quote = price(&ana, &ten, " Summer-15 ").await.expect(200);
    let expected = json!({
        "price": "99.90", "discount": "14.99", "total": "84.91", "creditAmount": "0.00",
        "giftCardAmount": "0.00", "due": "84.91", "currency": "USD",
    });
    assert_eq!(quote, expected);
    assert_eq!(uses(&app).await, 0);
    let order = buy(&ana, &ten, "summer-15").await.expect(201);
    assert_eq!(order["total"], "84.91");
    assert_eq!(order["promoCode"], "SUMMER-15");
    let line = &order["lines"][0];
    let amounts = [&line["unitPrice"], &line["discount"], &line["amount"]];
    assert_eq!(amounts, ["99.90", "14.99", "84.91"]);
    let request = &stripe.requests("POST", "/v1/checkout/sessions")[0].form;
    assert_eq!(request["line_items[0][price_data][unit_amount]"], "8491");
    // The agreed price stays, whatever becomes of the product and the code.
    change_code(&staff, &code, json!({ "percent": 50 }))
        .await
        .expect(200);
    pay(&app, &stripe, &order).await;
    let listed = &staff.get_all("/api/admin/orders").await[0];
    assert_eq!(listed["state"], "paid");
    assert_eq!(listed["total"], "84.91");
    assert_eq!(listed["promoCode"], "SUMMER-15");
    assert_eq!(uses(&app).await, 1);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_code_that_takes_off_everything_needs_no_payment() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    create_code(&staff, json!({ "amount": "200", "perMember": 1 })).await;
    let order = buy(&ana, &ten, "SUMMER").await.expect(201);
    assert_eq!(order["total"], "0.00");
    assert_eq!(order["state"], "paid");
    assert_ne!(order["lines"][0]["passId"], Value::Null);
    assert_eq!(app.count("select count(*) from payments").await, 0);
    buy(&ana, &ten, "SUMMER")
        .await
        .expect_code(409, "promo_code_already_used");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn each_reason_why_a_code_cannot_be_used_is_told() {
    let app = TestApp::start().await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let ten = create_product(&staff, json!({})).await;
    let free = create_product(&staff, json!({ "price": "0", "perMember": 1 })).await;
    let day = today(&app);
    let limits = json!({ "percent": 100, "firstDay": day + TimeDelta::days(1), "maxUses": 2, "perMember": 1 });
    let code = create_code(&staff, limits).await;
    let refuse = async |person: &TestClient, product: &Value, text: &str, error: &str| {
        price(person, product, text).await.expect_code(409, error);
        buy(person, product, text).await.expect_code(409, error);
        sell(&staff, person, &[&product["id"]], text)
            .await
            .expect_code(409, error);
    };
    refuse(&ana, &ten, "WINTER", "promo_code_unknown").await;
    refuse(&ana, &ten, "SUMMER", "promo_code_not_begun").await;
    let over = json!({ "firstDay": null, "lastDay": day - TimeDelta::days(1) });
    change_code(&staff, &code, over).await.expect(200);
    refuse(&ana, &ten, "SUMMER", "promo_code_over").await;
    // The last day is included.
    change_code(&staff, &code, json!({ "lastDay": day }))
        .await
        .expect(200);
    refuse(&ana, &free, "SUMMER", "promo_code_not_applicable").await;
    buy(&ana, &ten, "SUMMER").await.expect(201);
    refuse(&ana, &ten, "SUMMER", "promo_code_already_used").await;
    change_code(&staff, &code, json!({ "maxUses": 1 }))
        .await
        .expect(200);
    refuse(&ben, &ten, "SUMMER", "promo_code_used_up").await;
    change_code(&staff, &code, json!({ "maxUses": null, "isActive": false }))
        .await
        .expect(200);
    refuse(&ben, &ten, "SUMMER", "promo_code_over").await;
    change_code(&staff, &code, json!({ "isActive": true }))
        .await
        .expect(200);
    sell(&staff, &ben, &[&ten["id"]], "summer")
        .await
        .expect(201);
    assert_eq!(uses(&app).await, 2);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_code_with_ten_uses_is_used_ten_times_and_a_cancelled_order_gives_its_use_back() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let ten = create_product(&staff, json!({})).await;
    create_code(&staff, json!({ "percent": 20, "maxUses": 10 })).await;
    let members = app.members(64).await;
    let orders = join_all(members.iter().map(|member| buy(member, &ten, "SUMMER"))).await;
    let (made, refused): (Vec<_>, Vec<_>) = members
        .iter()
        .zip(&orders)
        .partition(|(_, order)| order.status == 201);
    assert_eq!(made.len(), 10);
    for (_, order) in &refused {
        order.expect_code(409, "promo_code_used_up");
    }
    assert_eq!(uses(&app).await, 10);
    let session = stripe.session_by_url(&made[0].1.expect(201)["checkoutUrl"]);
    let expired = stripe.expire_checkout(&session);
    app.deliver_event(&event_about("checkout.session.expired", &expired))
        .await
        .expect(200);
    assert_eq!(uses(&app).await, 9);
    buy(refused[0].0, &ten, "SUMMER").await.expect(201);
    assert_eq!(uses(&app).await, 10);
    // Orders that are not paid in time give their uses back too.
    expire_card_payments(&app).await;
    assert_eq!(release_unpaid(&app).await, 10);
    assert_eq!(uses(&app).await, 0);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn an_order_with_another_code_replaces_the_open_one() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "perMember": 1 })).await;
    let once = json!({ "percent": 20, "maxUses": 1, "perMember": 1 });
    let code = create_code(&staff, once).await;
    let first = buy(&ana, &ten, "SUMMER").await.expect(201);
    let again = buy(&ana, &ten, "SUMMER").await.expect(201);
    assert_eq!(again["id"], first["id"]);
    // The member's own open order does not count, because the new one replaces it.
    assert_eq!(
        price(&ana, &ten, "SUMMER").await.expect(200)["total"],
        "120.00"
    );
    change_code(&staff, &code, json!({ "percent": 30 }))
        .await
        .expect(200);
    let cheaper = buy(&ana, &ten, "SUMMER").await.expect(201);
    assert_ne!(cheaper["id"], first["id"]);
    assert_eq!(cheaper["total"], "105.00");
    assert_eq!(uses(&app).await, 1);
    let without = ana
        .post("/api/shop/order", json!({ "productId": ten["id"] }))
        .await
        .expect(201);
    assert_eq!(without["total"], "150.00");
    assert_eq!(without["promoCode"], Value::Null);
    assert_eq!(uses(&app).await, 0);
    pay(&app, &stripe, &without).await;
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn an_amount_is_taken_off_a_sale_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let one = create_product(&staff, json!({ "price": "20" })).await;
    let ten = create_product(&staff, json!({ "price": "100" })).await;
    create_code(&staff, json!({ "amount": "30" })).await;
    let order = sell(&staff, &ana, &[&one["id"], &ten["id"]], "SUMMER")
        .await
        .expect(201);
    assert_eq!(order["total"], "90.00");
    let discounts = [
        &order["lines"][0]["discount"],
        &order["lines"][1]["discount"],
    ];
    assert_eq!(discounts, ["20.00", "10.00"]);
    // No more is given back than was paid.
    let refund = json!({ "orderId": order["id"], "amount": "90.01" });
    staff
        .patch("/api/admin/orders", refund)
        .await
        .expect_code(409, "nothing_to_refund");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn guessing_codes_is_limited() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    create_code(&staff, json!({ "percent": 20 })).await;
    for number in 0..20 {
        // A known code does not count.
        price(&ana, &ten, "SUMMER").await.expect(200);
        let code = format!("GUESS{number}");
        price(&ana, &ten, &code)
            .await
            .expect_code(409, "promo_code_unknown");
    }
    price(&ana, &ten, "SUMMER")
        .await
        .expect_code(429, "too_many_requests");
    buy(&ana, &ten, "SUMMER")
        .await
        .expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn a_code_is_checked_when_it_is_made_and_changed() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({})).await;
    let code = create_code(&staff, json!({ "percent": 100 })).await;
    for (fields, field) in [
        (json!({ "code": "A B", "percent": 10 }), "code"),
        (json!({ "code": "OTHER" }), "percent"),
        (json!({ "code": "OTHER", "percent": 101 }), "percent"),
        (
            json!({ "code": "OTHER", "percent": 10, "amount": "5" }),
            "percent",
        ),
        (json!({ "code": "OTHER", "amount": "0" }), "amount"),
        (
            json!({ "code": "OTHER", "percent": 10, "maxUses": 0 }),
            "maxUses",
        ),
        (
            json!({ "code": "OTHER", "percent": 10, "firstDay": "2030-01-02", "lastDay": "2030-01-01" }),
            "lastDay",
        ),
    ] {
        let response = staff.post("/api/admin/promo-codes", fields).await;
        let problems = response.expect_code(400, "validation_failed");
        assert!(problems["details"][field].is_array(), "{field}: {problems}");
    }
    staff
        .post(
            "/api/admin/promo-codes",
            json!({ "code": "summer", "percent": 5 }),
        )
        .await
        .expect_code(409, "promo_code_exists");
    buy(&ana, &ten, "SUMMER").await.expect(201);
    buy(&ana, &ten, "SUMMER").await.expect(201);
    let response = change_code(&staff, &code, json!({ "maxUses": 1 })).await;
    assert!(response.expect_code(400, "validation_failed")["details"]["maxUses"].is_array());
    let changed = change_code(&staff, &code, json!({ "amount": "5", "maxUses": 2 })).await;
    let changed = changed.expect(200);
    assert_eq!(changed["percent"], Value::Null);
    assert_eq!(changed["amount"], "5.00");
    assert_eq!(changed["uses"], 2);
    assert_eq!(
        staff.get_all("/api/admin/promo-codes?active=false").await,
        Vec::<Value>::new()
    );
    change_code(
        &staff,
        &json!({ "id": ten["id"] }),
        json!({ "isActive": false }),
    )
    .await
    .expect_code(404, "not_found");
}
