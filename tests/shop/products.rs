//! `api/admin/products.rs` and `api/shop/products.rs`: what the studio sells.

use serde_json::{Value, json};

use super::{create_product, sell, sell_pass};
use crate::harness::{Settings, TestApp, TestClient};

async fn names(visitor: &TestClient) -> Vec<Value> {
    let products = visitor.get_all("/api/shop/products").await;
    products
        .iter()
        .map(|product| product["name"].clone())
        .collect()
}

#[tokio::test]
async fn visitors_see_the_products_that_staff_sell() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    app.create_class(5).await;
    let class_type = app.sql("select id, name from class_types").await;
    let (id, name): (uuid::Uuid, String) = (class_type[0].get(0), class_type[0].get(1));
    let fields = json!({
        "description": "For one class a week.", "credits": 10, "starts": "first_class",
        "perMember": 2, "classTypeIds": [id, id],
    });
    let product = create_product(&staff, fields).await;
    create_product(&staff, json!({ "name": "Unlimited month", "days": 30 })).await;
    let visitor = app.visitor();
    assert_eq!(names(&visitor).await, ["Unlimited month", "Ten classes"]);
    let shown = &visitor.get("/api/shop/products").await.expect(200)["items"][1];
    let expected = json!({
        "id": product["id"], "kind": "pass", "name": "Ten classes",
        "description": "For one class a week.", "price": "150.00", "currency": "USD",
        "credits": 10, "days": 120, "starts": "first_class", "every": null, "dropIn": null, "perMember": 2,
        "classTypes": [{ "id": id, "name": name }],
    });
    assert_eq!(*shown, expected);

    let change = json!({ "id": product["id"], "credits": null, "classTypeIds": [], "price": "99" });
    let changed = staff.patch("/api/admin/products", change).await.expect(200);
    assert_eq!(changed["credits"], Value::Null);
    assert_eq!(changed["classTypes"], json!([]));
    assert_eq!(changed["price"], "99.00");
    assert_eq!(changed["perMember"], 2);
    let retirement = json!({ "id": product["id"], "isActive": false });
    staff
        .patch("/api/admin/products", retirement)
        .await
        .expect(200);
    assert_eq!(names(&visitor).await, ["Unlimited month"]);
    let retired = staff
        .get("/api/admin/products?active=false")
        .await
        .expect(200);
    assert_eq!(retired["items"][0]["name"], "Ten classes");
    let ana = app.member("ana").await;
    sell(&staff, &ana, &[&product])
        .await
        .expect_code(409, "product_not_sold");
    let logged = "select count(*) from security_events where kind = 'product_changed'";
    assert_eq!(app.count(logged).await, 4);
}

#[tokio::test]
async fn a_changed_product_does_not_change_passes_that_were_sold() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass_id = sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let id = &super::pass(&ana, &pass_id).await["productId"];
    let change = json!({
        "id": id, "name": "Five classes", "credits": 5, "days": 30, "starts": "first_class",
        "price": "85.00",
    });
    staff.patch("/api/admin/products", change).await.expect(200);
    let pass = super::pass(&ana, &pass_id).await;
    assert_eq!(pass["name"], "Ten classes");
    assert_eq!(pass["credits"], 10);
    assert_eq!(pass["days"], 120);
    assert_eq!(pass["starts"], "purchase");
}

#[tokio::test]
async fn a_malformed_product_is_rejected_with_the_problem_of_each_field() {
    let app = TestApp::start_with(Settings::default().with("STUDIO_CURRENCY", "JPY")).await;
    let staff = app.staff("sofia").await;
    let product = json!({
        "name": " ", "price": "10.50", "days": 0, "credits": 0, "perMember": -1,
        "classTypeIds": vec![uuid::Uuid::nil(); 101],
    });
    let response = staff.post("/api/admin/products", product).await;
    let error = response.expect_code(400, "validation_failed");
    let fields: Vec<&String> = error["details"].as_object().unwrap().keys().collect();
    let expected = [
        "classTypeIds",
        "credits",
        "days",
        "name",
        "perMember",
        "price",
    ];
    assert_eq!(fields, expected);
    let unknown = json!({
        "name": "Ten classes", "price": "10", "days": 1, "classTypeIds": [uuid::Uuid::nil()],
    });
    let response = staff.post("/api/admin/products", unknown).await;
    response.expect_code(400, "validation_failed");
    assert_eq!(app.count("select count(*) from products").await, 0);
    let change = json!({ "id": uuid::Uuid::nil(), "name": "Ten classes" });
    let response = staff.patch("/api/admin/products", change).await;
    response.expect_code(404, "not_found");
}
