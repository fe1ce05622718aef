//! `api/shop/` and the sales of staff: products, passes, and orders.

mod bookings;
mod cancelled_orders;
mod changes;
mod course_races;
mod course_rules;
mod course_sales;
mod course_spots;
pub mod courses;
pub mod credit;
mod credit_refunds;
mod days;
pub mod gift_cards;
mod memberships;
pub mod migration;
mod orders;
mod products;
mod promo_codes;
mod purchases;
mod races;
mod random_operations;
mod receipts;
mod reports;

use serde_json::{Value, json};

use crate::harness::{TestApp, TestClient, TestResponse};

/// Creates a product with these fields beside its name, price, and days.
pub async fn create_product(staff: &TestClient, fields: Value) -> Value {
    let mut product = json!({ "name": "Ten classes", "price": "150.00", "days": 120 });
    for (name, value) in fields.as_object().unwrap() {
        product[name] = value.clone();
    }
    staff.post("/api/admin/products", product).await.expect(201)
}

/// Sells products to a member for cash.
pub async fn sell(staff: &TestClient, member: &TestClient, products: &[&Value]) -> TestResponse {
    let ids: Vec<&Value> = products.iter().map(|product| &product["id"]).collect();
    let sale = json!({ "userId": member.user_id().await, "productIds": ids, "tender": "cash" });
    staff.post("/api/admin/orders", sale).await
}

/// Sells a new product with these fields to a member. Returns the id of the pass.
pub async fn sell_pass(staff: &TestClient, member: &TestClient, fields: Value) -> Value {
    let product = create_product(staff, fields).await;
    let order = sell(staff, member, &[&product]).await.expect(201);
    order["lines"][0]["passId"].clone()
}

/// Returns the pass of a member with this id.
pub async fn pass(member: &TestClient, id: &Value) -> Value {
    let passes = member.get_all("/api/shop/passes").await;
    passes.into_iter().find(|pass| pass["id"] == *id).unwrap()
}

/// Returns the number of classes that are left on a pass.
pub async fn credits_left(member: &TestClient, id: &Value) -> Value {
    pass(member, id).await["creditsLeft"].clone()
}

/// Changes a pass, with a reason.
pub async fn change_pass(staff: &TestClient, id: &Value, mut change: Value) -> TestResponse {
    change["passId"] = id.clone();
    change["reason"] = json!("Was ill");
    staff.patch("/api/admin/passes", change).await
}

/// Returns what was changed about a pass, newest first.
pub async fn changes_of(staff: &TestClient, id: &Value) -> Vec<Value> {
    let id = id.as_str().unwrap();
    let path = format!("/api/admin/pass-changes?passId={id}");
    staff.get_all(&path).await
}

/// Asserts what holds for every pass at all times: the used credits are the bookings that use
/// one, and a pass that begins with its first class begins on its earliest day.
pub async fn assert_passes_consistent(app: &TestApp) {
    let wrong = "
        select count(*) from passes p cross join lateral (
            select count(*) as used, min(b.pass_day) as first_day
            from bookings b where b.pass_id = p.id and b.uses_credit
        ) b
        where p.credits_used <> b.used
          or (p.starts = 'first_class' and p.first_day is distinct from b.first_day)
          or p.last_day is distinct from p.first_day + (p.days - 1 + p.extra_days)";
    assert_eq!(
        app.count(wrong).await,
        0,
        "a pass differs from its bookings"
    );
    let wrong = "
        select count(*) from orders o where o.total <> (
            select coalesce(sum(l.amount), 0) from order_lines l where l.order_id = o.id)
          or o.total <> (select coalesce(sum(p.amount), 0) from payments p where p.order_id = o.id)
          or (o.state = 'paid') <> (
            select bool_and(coalesce(w.id, g.id) is not null or (l.kind = 'course'
                and o.state = 'paid'
                and exists (select from bookings b where b.course_line_id = l.id)))
            from order_lines l left join passes w on w.order_line_id = l.id
            left join wallets g on g.order_line_id = l.id
            where l.order_id = o.id)";
    assert_eq!(
        app.count(wrong).await,
        0,
        "an order differs from its lines, its money, or what it is for"
    );
}
