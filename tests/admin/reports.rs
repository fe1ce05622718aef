//! `api/admin/reports.rs`. `tests/shop/reports.rs` compares its figures with random sales.

use serde_json::{Value, json};

use super::fixtures::{insert_booking, insert_class, insert_payment};
use crate::bookings::cancel;
use crate::harness::{Settings, TestApp, TestClient, stripe_event};
use crate::payments::{
    book_and_pay, charge_refunded, checkout_completed, deliver_dispute, make_payments_due,
    process_refunds, start_checkout, start_with_stripe,
};
use crate::shop::{change_pass, create_product, sell, sell_pass};

const PATH: &str = "/api/admin/reports";

async fn report(staff: &TestClient, query: &str) -> Value {
    staff.get(&format!("{PATH}?{query}")).await.expect(200)
}

/// Returns the row of a list in which a field has this value.
fn row<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    let mut rows = list.as_array().unwrap().iter();
    rows.find(|row| row[field] == value).unwrap()
}

#[tokio::test]
async fn a_sum_counts_on_the_studios_day_on_which_the_money_moved() {
    let settings = Settings::default().with("STUDIO_TIMEZONE", "America/Denver");
    let app = TestApp::start_with(settings).await;
    let staff = app.staff("sofia").await;
    let class = insert_class(&app, "Salsa", "2026-05-20T18:00Z", 4).await;
    // In Denver, the payment is of May 4, and the refund of June 1.
    let paid_at = "2026-05-05T05:59Z";
    let kept = insert_booking(&app, class, "booked", paid_at).await;
    insert_payment(&app, kept, "25.50 USD", paid_at, None).await;
    let refunded = insert_booking(&app, class, "booked", paid_at).await;
    insert_payment(
        &app,
        refunded,
        "10.25 USD",
        paid_at,
        Some("2026-06-02T05:59Z"),
    )
    .await;
    let may = report(&staff, "from=2026-05-04&to=2026-05-31").await;
    assert_eq!(may["period"], "day");
    assert_eq!(may["timeZone"], "America/Denver");
    assert_eq!(
        may["periods"][0],
        json!({
            "start": "2026-05-04", "payments": 2, "received": "35.75", "refunds": 0,
            "refunded": "0.00", "net": "35.75", "tax": "0.00",
        })
    );
    assert_eq!(may["periods"].as_array().unwrap().len(), 28);
    assert_eq!(may["totals"]["net"], "35.75");
    let june = report(&staff, "from=2026-06-01&to=2026-06-01").await;
    assert_eq!(june["totals"]["received"], "0.00");
    assert_eq!(june["totals"]["net"], "-10.25");
    assert_eq!(june["products"][0]["kind"], "class");
    assert_eq!(june["products"][0]["name"], "Salsa");
    assert_eq!(june["products"][0]["count"], 0);
    assert_eq!(june["products"][0]["net"], "-10.25");
    let year = report(&staff, "from=2026-01-01&to=2026-12-31").await;
    assert_eq!(year["period"], "month");
    assert_eq!(year["periods"][4]["received"], "35.75");
    assert_eq!(year["periods"][5]["refunded"], "10.25");
    assert_eq!(year["totals"]["net"], "25.50");
}

#[tokio::test]
async fn what_a_gift_card_pays_is_sold_and_no_money() {
    let app = TestApp::start().await;
    app.advance_to_noon();
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let card = json!({ "kind": "gift_card", "name": "Gift card", "price": "60" });
    let card = staff.post("/api/admin/products", card).await.expect(201);
    let sold = sell(&staff, &ana, &[&card]).await.expect(201);
    let ten = create_product(&staff, json!({ "price": "100", "credits": 10 })).await;
    let code = json!({ "code": "TENTH", "percent": 10 });
    staff.post("/api/admin/promo-codes", code).await.expect(201);
    let sale = json!({
        "userId": ana.user_id().await, "productIds": [ten["id"]], "tender": "terminal",
        "promoCode": "TENTH", "giftCard": { "code": sold["giftCardCode"], "amount": "50" },
    });
    let order = staff.post("/api/admin/orders", sale).await.expect(201);
    // The card reader's 40.00 are given back first, and then 5.00 of the gift card.
    let refund = json!({ "orderId": order["id"], "amount": "45" });
    staff.patch("/api/admin/orders", refund).await.expect(200);

    let report = report(&staff, "").await;
    assert_eq!(
        report["totals"],
        json!({
            "received": "100.00", "refunded": "40.00", "net": "60.00", "sold": "150.00",
            "discounts": "10.00", "fees": "0.00", "tax": "0.00",
            "disputesLost": 0, "lostInDisputes": "0.00", "givenSpots": 0, "givenValue": "0.00",
        })
    );
    let pass = row(&report["products"], "kind", "pass");
    assert_eq!(
        pass,
        &json!({
            "kind": "pass", "id": ten["id"], "name": "Ten classes", "count": 1,
            "discount": "10.00", "amount": "90.00", "paidByGiftCard": "50.00",
            "paidByCredit": "0.00", "refunded": "45.00", "refundedToGiftCard": "5.00",
            "refundedToCredit": "0.00", "net": "0.00",
        })
    );
    let terminal = row(&report["tenders"], "tender", "terminal");
    assert_eq!(terminal["received"], "40.00");
    assert_eq!(terminal["net"], "0.00");
    assert_eq!(
        report["giftCards"],
        json!({
            "sold": 1, "amount": "60.00", "redeemed": "50.00", "refunded": "5.00", "count": 1,
            "balance": "15.00", "held": "0.00",
        })
    );
    assert_eq!(
        report["promoCodes"],
        json!([{ "code": "TENTH", "orders": 1, "discount": "10.00", "amount": "90.00" }])
    );
    // 90.00 were paid for ten classes, of which ten are left. A refund does not change it.
    assert_eq!(report["passValue"], "90.00");
    assert_eq!(report["passes"][0]["creditsLeft"], 10);
}

#[tokio::test]
async fn the_value_of_a_pass_does_not_fall_while_it_is_frozen() {
    let app = TestApp::start().await;
    app.set_clock("2027-03-01T19:00:00Z".parse().unwrap());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let id = sell_pass(&staff, &ana, json!({ "price": "300.00", "days": 30 })).await;
    let freeze = json!({ "action": "freeze", "from": "2027-03-11", "to": "2027-03-20" });
    change_pass(&staff, &id, freeze).await.expect(200);
    for (day, value) in [
        ("01", "300.00"),
        ("11", "200.00"),
        ("15", "200.00"),
        ("21", "200.00"),
        ("22", "190.00"),
    ] {
        app.set_clock(format!("2027-03-{day}T19:00:00Z").parse().unwrap());
        let colleague = app.staff(&format!("colleague{day}")).await;
        let passes = report(&colleague, "").await["passes"].clone();
        assert_eq!(passes[0]["value"], value, "{day}");
    }
}

#[tokio::test]
async fn money_for_a_cancelled_order_is_listed_until_it_is_refunded() {
    let (app, stripe) = start_with_stripe().await;
    app.advance_to_noon();
    stripe.follow(app.app.clock());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({})).await;
    let payload = json!({ "productId": product["id"] });
    let order = ana.post("/api/shop/order", payload).await.expect(201);
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    app.sql("update orders set state = 'cancelled', cancelled_at = now()")
        .await;
    app.sql("update payments set status = 'cancelled'").await;
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    let late = report(&staff, "").await;
    let sold = row(&late["products"], "kind", "cancelled_order");
    assert_eq!(sold["amount"], "150.00");
    assert_eq!(late["totals"]["received"], "150.00");
    make_payments_due(&app).await;
    process_refunds(&app).await;
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    let refunded = report(&staff, "").await;
    assert_eq!(refunded["totals"]["net"], "0.00");
    assert_eq!(
        row(&refunded["products"], "kind", "cancelled_order")["net"],
        "0.00"
    );
}

#[tokio::test]
async fn money_for_a_cancelled_booking_is_no_class_that_was_sold() {
    let (app, stripe) = start_with_stripe().await;
    app.advance_to_noon();
    stripe.follow(app.app.clock());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ben = app.member("ben").await;
    book_and_pay(&app, &stripe, &ben).await;
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    let late = report(&staff, "").await;
    let class = row(&late["products"], "kind", "class");
    assert_eq!(class["count"], 1);
    assert_eq!(class["amount"], "25.00");
    let too_late = row(&late["products"], "kind", "cancelled_order");
    assert_eq!(too_late["count"], 1);
    assert_eq!(too_late["amount"], "25.00");
    assert_eq!(late["totals"]["received"], "50.00");

    // Money for a cancelled order is in the same row.
    let product = create_product(&staff, json!({})).await;
    let payload = json!({ "productId": product["id"] });
    let order = ana.post("/api/shop/order", payload).await.expect(201);
    app.sql("update orders set state = 'cancelled', cancelled_at = now()")
        .await;
    app.sql("update payments set status = 'cancelled' where order_id is not null")
        .await;
    let session = stripe.complete_checkout(&stripe.session_by_url(&order["checkoutUrl"]));
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    let refunded = report(&staff, "").await;
    let products = refunded["products"].as_array().unwrap();
    assert_eq!(products.len(), 2);
    let too_late = row(&refunded["products"], "kind", "cancelled_order");
    assert_eq!(too_late["count"], 2);
    assert_eq!(too_late["amount"], "175.00");
    assert_eq!(too_late["refunded"], "175.00");
    assert_eq!(refunded["totals"]["net"], "25.00");
    let rows = products.iter().map(|row| row["net"].as_str().unwrap());
    assert_eq!(rows.collect::<Vec<_>>(), ["25.00", "0.00"]);
}

#[tokio::test]
async fn a_disputed_payment_is_listed_as_open_and_then_as_lost() {
    let (app, stripe) = start_with_stripe().await;
    app.advance_to_noon();
    stripe.follow(app.app.clock());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "perMember": 5 })).await;
    let mut disputes = Vec::new();
    for _ in 0..2 {
        let payload = json!({ "productId": product["id"] });
        let order = ana.post("/api/shop/order", payload).await.expect(201);
        let session = stripe.complete_checkout(&stripe.session_by_url(&order["checkoutUrl"]));
        app.deliver_event(&checkout_completed(&session))
            .await
            .expect(200);
        let dispute = stripe.open_dispute(&session, "needs_response");
        deliver_dispute(&app, "created", &dispute).await;
        disputes.push(dispute);
    }
    let open = report(&staff, "").await;
    assert_eq!(row(&open["open"], "kind", "dispute")["amount"], "300.00");
    assert_eq!(open["totals"]["disputesLost"], 0);
    assert_eq!(open["totals"]["lostInDisputes"], "0.00");
    for (dispute, end) in disputes.iter().zip(["lost", "won"]) {
        let decided = stripe.decide_dispute(dispute, end);
        deliver_dispute(&app, "closed", &decided).await;
    }
    let closed = report(&staff, "").await;
    assert_eq!(closed["open"], json!([]));
    assert_eq!(closed["totals"]["disputesLost"], 1);
    assert_eq!(closed["totals"]["lostInDisputes"], "150.00");
    assert_eq!(closed["totals"]["net"], "300.00");
    // It counts on the day of the decision.
    let before = report(&staff, "from=2020-01-01&to=2020-01-31").await;
    assert_eq!(before["totals"]["disputesLost"], 0);
}

#[tokio::test]
async fn a_table_is_downloaded_as_csv_and_no_name_is_a_formula() {
    let app = TestApp::start().await;
    app.advance_to_noon();
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({ "name": "=HYPERLINK(\"x\")" })).await;
    sell(&staff, &ana, &[&product]).await.expect(201);
    let response = staff
        .get(&format!("{PATH}?format=csv&table=products"))
        .await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["content-type"], "text/csv; charset=utf-8");
    let mut lines = response.text.trim_start_matches('\u{feff}').lines();
    assert_eq!(
        lines.next().unwrap(),
        "Kind,Name,Sold,Discount USD,Amount USD,Paid by gift card USD,Paid by credit USD,\
         Refunded USD,Refunded to gift card USD,Refunded to credit USD,Net USD"
    );
    assert_eq!(
        lines.next().unwrap(),
        "pass,\"'=HYPERLINK(\"\"x\"\")\",1,0.00,150.00,0.00,0.00,0.00,0.00,0.00,150.00"
    );
    for table in [
        "periods",
        "tenders",
        "taxes",
        "promo_codes",
        "gift_cards",
        "credit",
        "open",
        "passes",
        "memberships",
        "stripe",
        "payouts",
        "unmatched_entries",
    ] {
        let response = staff.get(&format!("{PATH}?format=csv&table={table}")).await;
        assert_eq!(response.status, 200, "{table}");
        let name = response.headers["content-disposition"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(name.contains(&table.replace('_', "-")), "{name}");
        let text = response.text.trim_start_matches('\u{feff}');
        for label in ["Arrives", "Failed", "Id", "Name", "Members with credit"] {
            assert!(!text.contains(&format!("{label} USD")), "{table}");
        }
    }
}

#[tokio::test]
async fn a_wrong_range_is_refused_with_the_name_of_the_parameter() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for (query, field) in [
        ("from=2026-05-02&to=2026-05-01", "to"),
        ("from=2020-01-01&to=2026-05-01", "from"),
        ("from=yesterday", "from"),
        ("period=week", "period"),
        ("currency=usd", "currency"),
        ("table=periods", "table"),
        ("format=csv&table=members", "table"),
    ] {
        let response = staff.get(&format!("{PATH}?{query}")).await;
        let body = response.expect_code(400, "validation_failed");
        assert!(body.to_string().contains(field), "{query}: {body}");
    }
}

#[tokio::test]
async fn a_report_covers_one_currency_and_names_the_others() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = insert_class(&app, "Salsa", "2026-05-20T18:00Z", 4).await;
    for amount in ["25.50 USD", "2500 JPY"] {
        let booking = insert_booking(&app, class, "booked", "2026-05-05T12:00Z").await;
        insert_payment(&app, booking, amount, "2026-05-05T12:00Z", None).await;
    }
    let range = "from=2026-05-01&to=2026-05-31";
    let dollars = report(&staff, range).await;
    assert_eq!(dollars["currencies"], json!(["JPY", "USD"]));
    assert_eq!(dollars["totals"]["net"], "25.50");
    let yen = report(&staff, &format!("{range}&currency=JPY")).await;
    assert_eq!(yen["totals"]["net"], "2500");
}

#[tokio::test]
async fn memberships_are_counted_with_what_they_bring_in_each_month() {
    let (app, stripe) = start_with_stripe().await;
    app.set_clock("2027-03-01T19:00:00Z".parse().unwrap());
    stripe.follow(app.app.clock());
    let staff = app.staff("sofia").await;
    let mut subscriptions = Vec::new();
    for (name, every, price) in [
        ("ana", "month", "80"),
        ("ben", "year", "600"),
        ("carla", "week", "20"),
    ] {
        let product = json!({
            "kind": "membership", "name": "Unlimited", "price": price, "every": every,
        });
        let product = staff.post("/api/admin/products", product).await.expect(201);
        let member = app.member(name).await;
        let payload = json!({ "productId": product["id"] });
        let started = member
            .post("/api/shop/membership", payload)
            .await
            .expect(201);
        // Carla never pays.
        if name == "carla" {
            continue;
        }
        let session = stripe.session_by_url(&started["checkoutUrl"]);
        let subscription = stripe.start_subscription(&session);
        let event = stripe_event(
            &format!("evt_{name}"),
            "customer.subscription.created",
            &subscription,
        );
        app.deliver_event(&event).await.expect(200);
        subscriptions.push(subscription);
    }
    let march = report(&staff, "from=2027-03-01&to=2027-03-31").await;
    let memberships = march["memberships"].as_array().unwrap();
    assert_eq!(memberships.len(), 2);
    let sum = |field: &str| -> i64 {
        memberships
            .iter()
            .map(|row| row[field].as_i64().unwrap())
            .sum()
    };
    assert_eq!((sum("new"), sum("active"), sum("lost")), (2, 2, 0));
    row(&march["memberships"], "monthlyRevenue", "80.00");
    row(&march["memberships"], "monthlyRevenue", "50.00");
    assert_eq!(march["totals"]["received"], "680.00");
    assert_eq!(
        row(&march["products"], "kind", "membership")["amount"],
        "600.00"
    );
    assert_eq!(row(&march["tenders"], "tender", "card")["payments"], 2);

    app.set_clock("2027-04-02T19:00:00Z".parse().unwrap());
    let ended = stripe.update_subscription(&subscriptions[0], |subscription| {
        subscription["status"] = json!("canceled");
        subscription["ended_at"] = json!(app.app.clock().now().timestamp());
    });
    let event = stripe_event("evt_ended", "customer.subscription.deleted", &ended);
    app.deliver_event(&event).await.expect(200);
    staff.sign_in_as("sofia").await.expect(200);
    let april = report(&staff, "from=2027-04-01&to=2027-04-30").await;
    let of_ana = row(
        &april["memberships"],
        "productId",
        march["memberships"][0]["productId"].as_str().unwrap(),
    );
    let of_ben = row(
        &april["memberships"],
        "productId",
        march["memberships"][1]["productId"].as_str().unwrap(),
    );
    let lost = of_ana["lost"].as_i64().unwrap() + of_ben["lost"].as_i64().unwrap();
    let active = of_ana["active"].as_i64().unwrap() + of_ben["active"].as_i64().unwrap();
    assert_eq!((lost, active), (1, 1));
}
