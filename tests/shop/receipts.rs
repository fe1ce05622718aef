//! Receipts: their numbers, their tax, and who sees them.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{create_product, sell};
use crate::admin::bookings::perform_action;
use crate::bookings::book;
use crate::harness::{NewClass, Settings, TestApp, TestClient};
use crate::payments::{book_and_pay, start_with_stripe};

async fn receipts_of(member: &TestClient) -> Vec<Value> {
    member.get_all("/api/shop/receipts").await
}

#[tokio::test]
async fn a_purchase_a_class_and_a_fee_give_receipts_in_the_order_of_payment() {
    let app = TestApp::start_with(Settings::default().with("NO_SHOW_FEE", "10.00")).await;
    app.set_clock("2026-06-01T12:00:00Z".parse().unwrap());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({})).await;
    sell(&staff, &ana, &[&product]).await.expect(201);
    app.sql("update passes set status = 'revoked'").await;
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect(200);
    let missed = book(&ana, app.create_class(5).await).await.expect(201);
    app.set_clock(
        crate::bookings::time(&missed["class"]["startTime"]) + chrono::TimeDelta::minutes(5),
    );
    perform_action(&staff, &missed, "noShow").await.expect(200);
    perform_action(&staff, &missed, "markPaid")
        .await
        .expect(200);
    let [fee, single, pass] = &receipts_of(&ana).await[..] else {
        panic!("there are not three receipts");
    };
    assert_eq!(pass["number"], "2026-1");
    assert_eq!(pass["buyer"], "ana Reyes");
    assert_eq!(pass["total"], "150.00");
    assert_eq!(pass["tax"], "0.00");
    assert_eq!(pass["refunded"], "0.00");
    assert_eq!(
        pass["payments"],
        json!([{ "tender": "cash", "amount": "150.00" }])
    );
    assert_eq!(
        pass["lines"],
        json!([{
            "kind": "product", "description": "Ten classes", "classStart": null,
            "amount": "150.00", "taxRate": "0", "tax": "0.00",
        }])
    );
    assert_eq!(single["number"], "2026-2");
    assert_eq!(single["lines"][0]["kind"], "class");
    assert_eq!(single["lines"][0]["description"], booking["class"]["title"]);
    assert_eq!(
        single["lines"][0]["classStart"],
        booking["class"]["startTime"]
    );
    assert_eq!(
        single["payments"],
        json!([{ "tender": "desk", "amount": "25.00" }])
    );
    assert_eq!(fee["lines"][0]["kind"], "no_show");
    assert_eq!(fee["total"], "10.00");
    let found = ana
        .get("/api/shop/receipts?number=2026-2")
        .await
        .expect(200);
    assert_eq!(found["items"], json!([single]));
    ana.get("/api/shop/receipts?number=2026-9")
        .await
        .expect_code(404, "not_found");
    let response = ana.get("/api/shop/receipts?number=2").await;
    assert_eq!(response.status, 400);
    // Another member sees none of them.
    let ben = app.member("ben").await;
    assert!(receipts_of(&ben).await.is_empty());
    ben.get("/api/shop/receipts?number=2026-2")
        .await
        .expect_code(404, "not_found");
}

/// The number is taken back with the transaction, so that none is missing.
#[tokio::test]
async fn numbers_have_no_gaps_although_payments_fail() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // Every fourth sale fails after its number was taken.
    app.sql("create sequence issued").await;
    app.sql(
        "create function fail_some() returns trigger language plpgsql as $$
        begin
            if nextval('issued') % 4 = 0 then
                raise exception 'this one fails';
            end if;
            return new;
        end $$",
    )
    .await;
    app.sql("create trigger fail_some after insert on receipts for each row execute function fail_some()")
        .await;
    let product = create_product(&staff, json!({})).await;
    let members: Vec<TestClient> =
        join_all((0..8).map(async |number| app.member(&format!("m{number}")).await)).await;
    for _ in 0..3 {
        let sales = members
            .iter()
            .map(async |member| sell(&staff, member, &[&product]).await);
        for response in join_all(sales).await {
            assert!([201, 500].contains(&response.status));
        }
    }
    let receipts = app.count("select count(*) from receipts").await;
    assert_eq!(receipts, 18);
    assert_eq!(
        app.count("select max(number)::bigint from receipts").await,
        receipts
    );
    assert_eq!(
        app.count("select last::bigint from receipt_counters").await,
        receipts
    );
    assert_eq!(app.count("select count(*) from orders").await, receipts);
}

#[tokio::test]
async fn the_numbers_begin_again_with_the_year_of_the_studio() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({})).await;
    // It is still 2026 in Denver.
    for time in ["2027-01-01T06:59:00Z", "2027-01-01T07:00:00Z"] {
        app.set_clock(time.parse().unwrap());
        sell(&staff, &ana, &[&product]).await.expect(201);
    }
    let receipts = receipts_of(&ana).await;
    assert_eq!(receipts[0]["number"], "2027-1");
    assert_eq!(receipts[1]["number"], "2026-1");
}

#[tokio::test]
async fn the_tax_is_rounded_for_each_line_and_its_refunds_sum_up_to_it() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let taxed = |price: &str| json!({ "price": price, "taxRate": "19" });
    let hundred = create_product(&staff, taxed("100.00")).await;
    let ten = create_product(&staff, taxed("10.00")).await;
    let order = sell(&staff, &ana, &[&hundred]).await.expect(201);
    assert_eq!(receipts_of(&ana).await[0]["tax"], "15.97");
    assert_eq!(receipts_of(&ana).await[0]["lines"][0]["taxRate"], "19");
    let mut taxes = Vec::new();
    for amount in ["33.33", "33.33", "33.34"] {
        let refund = json!({ "orderId": order["id"], "amount": amount });
        staff.patch("/api/admin/orders", refund).await.expect(200);
        let receipt = &receipts_of(&ana).await[0];
        taxes.push(receipt["refundedTax"].as_str().unwrap().to_owned());
    }
    // 5.32, 5.33, and 5.32.
    assert_eq!(taxes, ["5.32", "10.65", "15.97"]);
    sell(&staff, &ana, &[&ten, &ten, &ten]).await.expect(201);
    let receipt = &receipts_of(&ana).await[0];
    assert_eq!(receipt["total"], "30.00");
    // Each of the three lines has 1.60.
    assert_eq!(receipt["tax"], "4.80");
}

#[tokio::test]
async fn a_new_rate_of_tax_applies_to_what_is_paid_from_then_on() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "price": "100.00" })).await;
    let class = app.create_class(5).await;
    let class_type = app.sql("select id from class_types").await[0].get::<_, uuid::Uuid>(0);
    for (rate, tax_of_product, tax_of_class) in [
        ("0", "0.00", "0.00"),
        ("19", "15.97", "3.99"),
        ("5.5", "5.21", "1.30"),
    ] {
        let change = json!({ "id": product["id"], "taxRate": rate });
        let changed = staff.patch("/api/admin/products", change).await.expect(200);
        assert_eq!(changed["taxRate"], rate);
        let change = json!({ "id": class_type, "taxRate": rate });
        staff.patch("/api/admin/classes", change).await.expect(200);
        sell(&staff, &ana, &[&product]).await.expect(201);
        assert_eq!(receipts_of(&ana).await[0]["tax"], tax_of_product);
        // A member without a pass pays for the class.
        let ben = app.member(&format!("payer{}", rate.len())).await;
        let booking = book(&ben, class).await.expect(201);
        perform_action(&staff, &booking, "markPaid")
            .await
            .expect(200);
        assert_eq!(receipts_of(&ben).await[0]["tax"], tax_of_class);
    }
    let taxes: Vec<_> = receipts_of(&ana)
        .await
        .iter()
        .map(|one| one["tax"].clone())
        .collect();
    assert_eq!(taxes, ["5.21", "15.97", "0.00"]);
    for rate in ["100.01", "-1", "1.005", "ten"] {
        let change = json!({ "id": product["id"], "taxRate": rate });
        let rejected = staff.patch("/api/admin/products", change).await;
        rejected.expect_code(400, "validation_failed");
    }
}

#[tokio::test]
async fn a_gift_card_has_no_tax_because_what_it_pays_is_taxed() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let card = json!({ "kind": "gift_card", "name": "Fifty", "price": "50.00", "taxRate": "19" });
    let rejected = staff.post("/api/admin/products", card).await;
    rejected.expect_code(400, "validation_failed");
    let card = json!({ "kind": "gift_card", "name": "Fifty", "price": "50.00" });
    let card = staff.post("/api/admin/products", card).await.expect(201);
    assert_eq!(card["taxRate"], "0");
    let change = json!({ "id": card["id"], "taxRate": "19" });
    let rejected = staff.patch("/api/admin/products", change).await;
    rejected.expect_code(400, "validation_failed");
}

#[tokio::test]
async fn a_currency_without_decimals_has_whole_taxes() {
    let app = TestApp::start_with(Settings::default().with("STUDIO_CURRENCY", "JPY")).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "price": "1000", "taxRate": "10" })).await;
    sell(&staff, &ana, &[&product]).await.expect(201);
    let receipt = &receipts_of(&ana).await[0];
    assert_eq!(receipt["tax"], "91");
    assert_eq!(receipt["total"], "1000");
}

#[tokio::test]
async fn a_card_payment_gives_one_receipt_however_often_it_is_reported() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (_, session) = book_and_pay(&app, &stripe, &ana).await;
    for id in ["evt_again", "evt_once_more"] {
        let event = crate::harness::stripe_event(id, "checkout.session.completed", &session);
        app.deliver_event(&event).await.expect(200);
    }
    let [receipt] = &receipts_of(&ana).await[..] else {
        panic!("there is not one receipt");
    };
    assert_eq!(
        receipt["payments"],
        json!([{ "tender": "card", "amount": "25.00" }])
    );
}

#[tokio::test]
async fn what_costs_nothing_gives_no_receipt() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "price": "0.00" })).await;
    sell(&staff, &ana, &[&product]).await.expect(201);
    let class = NewClass {
        price: "0.00",
        ..NewClass::default()
    };
    book(&ana, app.create_class_with(class).await)
        .await
        .expect(201);
    assert!(receipts_of(&ana).await.is_empty());
    assert_eq!(app.count("select count(*) from receipt_counters").await, 0);
}

#[tokio::test]
async fn the_name_on_a_receipt_is_erased_with_the_account() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({})).await;
    sell(&staff, &ana, &[&product]).await.expect(201);
    assert_eq!(
        app.count("select count(*) from receipts where buyer <> ''")
            .await,
        1
    );
    ana.close_account().await;
    assert_eq!(
        app.count("select count(*) from receipts where buyer <> ''")
            .await,
        0
    );
    assert_eq!(app.count("select count(*) from receipts").await, 1);
}
