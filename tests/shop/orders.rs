//! `api/admin/orders.rs`: sales and refunds at the desk.

use serde_json::{Value, json};

use super::{assert_passes_consistent, create_product, sell, sell_pass};
use crate::bookings::book;
use crate::harness::{TestApp, TestClient};

async fn refund(
    staff: &TestClient,
    order: &Value,
    amount: &str,
    rest: Value,
) -> crate::harness::TestResponse {
    let mut refund = json!({ "orderId": order["id"], "amount": amount });
    for (name, value) in rest.as_object().unwrap() {
        refund[name] = value.clone();
    }
    staff.patch("/api/admin/orders", refund).await
}

#[tokio::test]
async fn staff_sell_several_products_at_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "credits": 10 })).await;
    let month = create_product(
        &staff,
        json!({ "name": "Unlimited month", "price": "129.50" }),
    )
    .await;
    let order = sell(&staff, &ana, &[&ten, &month]).await.expect(201);
    assert_eq!(order["total"], "279.50");
    assert_eq!(order["tender"], "cash");
    assert_eq!(order["refunded"], "0.00");
    assert_eq!(order["soldBy"], "sofia Reyes");
    assert_eq!(order["memberName"], "ana Reyes");
    let lines: Vec<[&Value; 2]> = order["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| [&line["description"], &line["amount"]])
        .collect();
    let expected = [["Ten classes", "150.00"], ["Unlimited month", "129.50"]];
    assert_eq!(json!(lines), json!(expected));
    let passes = ana.get_all("/api/shop/passes").await;
    assert_eq!(passes.len(), 2);
    assert_eq!(passes[1]["creditsLeft"], 10);
    assert_eq!(passes[1]["orderId"], order["id"]);
    assert_eq!(passes[0]["creditsLeft"], Value::Null);
    let of_ana = format!(
        "/api/admin/orders?memberId={}",
        ana.user_id().await.as_str().unwrap()
    );
    assert_eq!(staff.get_all(&of_ana).await, [order]);
    // The money shows in the reports of the day.
    let dashboard = staff.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(dashboard["revenue"][0]["paid"], "279.50");
    let analytics = staff.get("/api/admin/analytics").await.expect(200);
    assert_eq!(analytics["totals"]["revenue"][0]["paid"], "279.50");
    let last_bucket = analytics["buckets"].as_array().unwrap().last().unwrap();
    assert_eq!(last_bucket["revenue"][0]["paid"], "279.50");
    assert_eq!(analytics["classTypes"], json!([]));
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_sale_is_repeated_with_its_idempotency_key_and_made_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({})).await;
    let sale = json!({
        "userId": ana.user_id().await, "productIds": [product["id"]], "tender": "terminal",
    });
    let mut orders = Vec::new();
    for _ in 0..2 {
        let request = staff.request(reqwest::Method::POST, "/api/admin/orders");
        let request = request
            .header("idempotency-key", "sale-at-the-door")
            .json(&sale);
        orders.push(staff.send(request).await.expect(201));
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(app.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn a_member_cannot_buy_a_product_more_often_than_its_limit() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let trial = create_product(&staff, json!({ "name": "Trial", "perMember": 1 })).await;
    let code = "product_limit_reached";
    sell(&staff, &ana, &[&trial, &trial])
        .await
        .expect_code(409, code);
    assert_eq!(app.count("select count(*) from orders").await, 0);
    let trials = [&trial];
    let sales = (0..8).map(|_| sell(&staff, &ana, &trials));
    let sales = futures_util::future::join_all(sales).await;
    let sold = sales.iter().filter(|sale| sale.status == 201).count();
    assert_eq!(sold, 1);
    sell(&staff, &app.member("ben").await, &[&trial])
        .await
        .expect(201);
}

#[tokio::test]
async fn nobody_sells_to_themselves_or_refunds_themselves() {
    let app = TestApp::start().await;
    let (staff, colleague) = (app.staff("sofia").await, app.staff("marco").await);
    let product = create_product(&staff, json!({ "credits": 10 })).await;
    sell(&staff, &staff, &[&product])
        .await
        .expect_code(403, "own_purchase");
    let order = sell(&colleague, &staff, &[&product]).await.expect(201);
    let response = refund(&staff, &order, "10.00", json!({})).await;
    response.expect_code(403, "own_purchase");
    let pass = &order["lines"][0]["passId"];
    let change = json!({ "action": "addCredits", "number": 5 });
    super::change_pass(&staff, pass, change)
        .await
        .expect_code(403, "own_purchase");
}

#[tokio::test]
async fn a_product_that_costs_nothing_is_given_without_a_payment() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let gift = create_product(&staff, json!({ "name": "For helpers", "price": "0" })).await;
    let order = sell(&staff, &ana, &[&gift]).await.expect(201);
    assert_eq!(order["total"], "0.00");
    assert_eq!(order["tender"], Value::Null);
    assert_eq!(app.count("select count(*) from payments").await, 0);
    let response = refund(&staff, &order, "1.00", json!({})).await;
    response.expect_code(409, "nothing_to_refund");
}

#[tokio::test]
async fn an_order_is_given_back_in_parts_and_its_pass_is_revoked() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "credits": 10 })).await;
    let order = sell(&staff, &ana, &[&product]).await.expect(201);
    let pass = &order["lines"][0]["passId"];
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(booking["price"], "0.00");
    let cash = json!({ "method": "cash", "reason": "Half of it" });
    let refunded = refund(&staff, &order, "75.00", cash).await.expect(200);
    assert_eq!(refunded["refunded"], "75.00");
    assert_eq!(super::pass(&ana, pass).await["isRevoked"], false);
    let response = refund(&staff, &order, "75.01", json!({})).await;
    response.expect_code(409, "nothing_to_refund");
    for amount in ["0", "-1", "1.234"] {
        let response = refund(&staff, &order, amount, json!({})).await;
        assert_eq!(response.status, 400, "{amount}");
    }
    let other = sell_pass(&staff, &app.member("ben").await, json!({})).await;
    let foreign = json!({ "revokePassIds": [other] });
    let response = refund(&staff, &order, "60.00", foreign).await;
    response.expect_code(404, "not_found");
    let rest = json!({ "revokePassIds": [pass] });
    let refunded = refund(&staff, &order, "60.00", rest).await.expect(200);
    assert_eq!(refunded["refunded"], "135.00");
    assert_eq!(super::pass(&ana, pass).await["isRevoked"], true);
    // The class that is booked costs its price again.
    let bookings = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(bookings["items"][0]["price"], "25.00");
    assert_eq!(bookings["items"][0]["pass"], Value::Null);
    let dashboard = staff.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(dashboard["revenue"][0]["refunded"], "135.00");
    let analytics = staff.get("/api/admin/analytics").await.expect(200);
    assert_eq!(analytics["totals"]["revenue"][0]["refunded"], "135.00");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn sixty_four_refunds_give_back_no_more_than_was_paid() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "price": "100.00" })).await;
    let order = sell(&staff, &ana, &[&product]).await.expect(201);
    let refunds = (0..64).map(|_| refund(&staff, &order, "30.00", json!({})));
    let refunds = futures_util::future::join_all(refunds).await;
    let made = refunds.iter().filter(|refund| refund.status == 200).count();
    assert_eq!(made, 3);
    let sums = "select refunded::text from payments";
    assert_eq!(app.sql(sums).await[0].get::<_, String>(0), "90.00");
}
