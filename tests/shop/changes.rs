//! `api/admin/passes.rs`: changes of passes by staff.

use serde_json::{Value, json};

use super::{assert_passes_consistent, change_pass, credits_left, sell_pass};
use crate::bookings::{book, join_waitlist};
use crate::harness::TestApp;

#[tokio::test]
async fn staff_add_credits_and_days_and_say_why() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 2, "days": 30 })).await;
    book(&ana, app.create_class(5).await).await.expect(201);
    let add = json!({ "action": "addCredits", "number": 3 });
    assert_eq!(
        change_pass(&staff, &pass, add).await.expect(200)["creditsLeft"],
        4
    );
    // A credit that is used is not taken away.
    for number in [-5, -4] {
        let take = json!({ "action": "addCredits", "number": number });
        let response = change_pass(&staff, &pass, take).await;
        let expected = if number == -4 { 200 } else { 409 };
        assert_eq!(response.status, expected, "{number}");
    }
    let before = super::pass(&ana, &pass).await["days"].clone();
    assert_eq!(before, 30);
    let add = json!({ "action": "addDays", "number": 14 });
    assert_eq!(
        change_pass(&staff, &pass, add).await.expect(200)["days"],
        44
    );
    assert_eq!(super::pass(&ana, &pass).await["addedDays"], 14);
    let take = json!({ "action": "addDays", "number": -15 });
    change_pass(&staff, &pass, take)
        .await
        .expect_code(409, "pass_not_changeable");
    let changes = super::changes_of(&staff, &pass).await;
    let noted: Vec<Value> = changes
        .iter()
        .map(|change| json!([change["action"], change["number"], change["reason"]]))
        .collect();
    assert_eq!(
        noted,
        [
            json!(["addDays", 14, "Was ill"]),
            json!(["addCredits", -4, "Was ill"]),
            json!(["addCredits", 3, "Was ill"]),
        ]
    );
    for change in &changes {
        assert_eq!(change["changedBy"], "sofia Reyes");
    }
    let logged = "select count(*) from security_events where kind = 'pass_changed'";
    assert_eq!(app.count(logged).await, 3);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_revoked_pass_leaves_upcoming_bookings_to_be_paid() {
    let app = TestApp::start().await;
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    let pass = sell_pass(&staff, &ana, json!({ "credits": 3 })).await;
    let past = app.create_class(5).await;
    book(&ana, past).await.expect(201);
    app.sql(&format!(
        "update scheduled_classes set start_time = now() - interval '2 hours',
            end_time = now() - interval '1 hour' where id = '{past}'"
    ))
    .await;
    let class = app.create_class(2).await;
    book(&ana, class).await.expect(201);
    book(&ben, class).await.expect(201);
    let revoked = change_pass(&staff, &pass, json!({ "action": "revoke" })).await;
    assert_eq!(revoked.expect(200)["isUsable"], false);
    let upcoming = &ana.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(upcoming["status"], "booked");
    assert_eq!(upcoming["price"], "25.00");
    assert_eq!(upcoming["pass"], Value::Null);
    let past = &ana.get("/api/bookings/list?when=past").await.expect(200)["items"][0];
    assert_eq!(past["pass"]["id"], pass);
    let next = book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(next["pass"], Value::Null);
    assert_eq!(credits_left(&ana, &pass).await, 2);
    let restored = change_pass(&staff, &pass, json!({ "action": "restore" })).await;
    assert_eq!(restored.expect(200)["isUsable"], true);
    change_pass(&staff, &pass, json!({ "action": "restore" }))
        .await
        .expect_code(409, "pass_not_changeable");
    assert_passes_consistent(&app).await;
    let response = join_waitlist(&ana, class).await;
    response.expect_code(409, "already_booked");
}

#[tokio::test]
async fn an_unlimited_pass_has_no_credits_to_change() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({})).await;
    for _ in 0..3 {
        let booking = book(&ana, app.create_class(5).await).await.expect(201);
        assert_eq!(booking["pass"]["creditsLeft"], Value::Null);
    }
    let add = json!({ "action": "addCredits", "number": 1 });
    change_pass(&staff, &pass, add)
        .await
        .expect_code(409, "pass_not_changeable");
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_malformed_change_of_a_pass_is_rejected() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 2 })).await;
    for change in [
        json!({ "action": "addCredits" }),
        json!({ "action": "addCredits", "number": 0 }),
        json!({ "action": "addDays", "number": 1_001 }),
        json!({ "action": "revoke", "number": 1 }),
        json!({ "action": "freeze" }),
        json!({ "action": "freeze", "from": "2027-03-01" }),
        json!({ "action": "freeze", "from": "2027-03-02", "to": "2027-03-01" }),
        json!({ "action": "freeze", "from": "2027-03-02", "to": "2029-03-01" }),
        json!({ "action": "unfreeze", "from": "2027-03-02", "to": "2027-03-02" }),
    ] {
        let response = change_pass(&staff, &pass, change.clone()).await;
        assert_eq!(response.status, 400, "{change}");
    }
    let without_reason = json!({ "passId": pass, "action": "revoke", "reason": " " });
    let response = staff.patch("/api/admin/passes", without_reason).await;
    response.expect_code(400, "validation_failed");
    let unknown = json!(uuid::Uuid::nil());
    change_pass(&staff, &unknown, json!({ "action": "revoke" }))
        .await
        .expect_code(404, "not_found");
}

#[tokio::test]
async fn a_change_of_a_pass_is_repeated_with_its_idempotency_key_and_made_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 2 })).await;
    let change = json!({
        "passId": pass, "action": "addCredits", "number": 3, "reason": "A present",
    });
    for _ in 0..2 {
        let request = staff.request(reqwest::Method::PATCH, "/api/admin/passes");
        let request = request.header("idempotency-key", "a-present").json(&change);
        assert_eq!(staff.send(request).await.expect(200)["creditsLeft"], 5);
    }
}

#[tokio::test]
async fn two_passes_of_an_order_are_revoked_at_once() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = super::create_product(&staff, json!({ "credits": 3 })).await;
    let order = super::sell(&staff, &ana, &[&product, &product])
        .await
        .expect(201);
    let passes = [0, 1].map(|line| order["lines"][line]["passId"].clone());
    for _ in 0..6 {
        book(&ana, app.create_class(5).await).await.expect(201);
    }
    let refund = json!({ "orderId": order["id"], "amount": "300.00", "revokePassIds": passes });
    let refunded = staff.patch("/api/admin/orders", refund).await.expect(200);
    assert_eq!(refunded["refunded"], "300.00");
    for pass in &passes {
        let [change] = &super::changes_of(&staff, pass).await[..] else {
            panic!("the pass was not changed once");
        };
        assert_eq!(change["action"], "revoke");
        assert_eq!(change["number"], Value::Null);
    }
    let unpaid = "select count(*) from bookings where price = 25 and pass_id is null";
    assert_eq!(app.count(unpaid).await, 6);
    assert_passes_consistent(&app).await;
}
