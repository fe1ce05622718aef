//! Refunds to the credit of members, and what the reports count of credit.

use futures_util::future::join_all;
use sabor::store::migrations;
use serde_json::{Value, json};

use super::credit::{add_credit, buy, credit, entries, pay, sell_for_credit};
use super::gift_cards::{assert_wallets_consistent, sell_gift_card};
use super::migration::revert_to;
use super::{assert_passes_consistent, create_product, sell};
use crate::harness::{MailServer, TestApp, TestClient, TestResponse, connect, wait_until};
use crate::payments::failed_refunds::fail_for_good;
use crate::payments::{deliver_dispute, process_refunds, start_with_stripe};
use crate::shop::courses::{cancel_class, three_classes};

async fn refund(staff: &TestClient, order: &Value, amount: &str, method: &str) -> TestResponse {
    let refund = json!({ "orderId": order["id"], "amount": amount, "method": method });
    staff.patch("/api/admin/orders", refund).await
}

async fn report(staff: &TestClient) -> Value {
    staff.get("/api/admin/reports").await.expect(200)
}

fn amount(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Asserts that what was sold is what came in and what wallets have paid, and that the sums by product
/// are the same net.
fn assert_sold(report: &Value) {
    let totals = &report["totals"];
    let redeemed = amount(&report["giftCards"]["redeemed"]) + amount(&report["credit"]["redeemed"]);
    let difference = amount(&totals["sold"]) - amount(&totals["received"]) - redeemed;
    assert!(difference.abs() < 0.001, "{report}");
    let products = report["products"].as_array().unwrap().iter();
    let net: f64 = products.map(|product| amount(&product["net"])).sum();
    assert!((net - amount(&totals["net"])).abs() < 0.001, "{report}");
}

#[tokio::test]
async fn staff_give_back_to_credit_what_was_paid_in_any_way() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "30").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let mixed = buy(&ana, &ten, json!({ "giftCard": code }))
        .await
        .expect(201);
    pay(&app, &stripe, &mixed).await;
    let back = refund(&staff, &mixed, "50", "credit").await.expect(200);
    assert_eq!(back["refunded"], "50.00");
    assert_eq!(credit(&ana).await, "50.00");
    let cash = create_product(&staff, json!({ "name": "Five", "price": "40" })).await;
    let cash = sell(&staff, &ana, &[&cash]).await.expect(201);
    refund(&staff, &cash, "40", "credit").await.expect(200);
    refund(&staff, &cash, "0.01", "credit")
        .await
        .expect_code(409, "nothing_to_refund");
    assert_eq!(credit(&ana).await, "90.00");
    // No money has left the studio.
    process_refunds(&app).await;
    assert!(stripe.refunds().is_empty());
    let report = report(&staff).await;
    assert_eq!(report["totals"]["received"], "100.00");
    assert_eq!(report["totals"]["refunded"], "0.00");
    assert_eq!(report["credit"]["refunded"], "90.00");
    assert_eq!(report["credit"]["balance"], "90.00");
    assert_sold(&report);
    let dashboard = staff.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(dashboard["revenue"][0]["refunded"], "0.00");
    assert_passes_consistent(&app).await;
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn what_credit_has_paid_goes_back_to_it_at_once_or_is_paid_out() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "50").await;
    let five = create_product(&staff, json!({ "price": "40" })).await;
    let paid = sell_for_credit(&staff, &ana.user_id().await, &five, "30")
        .await
        .expect(201);
    assert_eq!(credit(&ana).await, "20.00");
    // The cash was taken last.
    refund(&staff, &paid, "15", "original").await.expect(200);
    assert_eq!(credit(&ana).await, "25.00");
    refund(&staff, &paid, "5", "cash").await.expect(200);
    assert_eq!(credit(&ana).await, "25.00");
    let report = report(&staff).await;
    assert_eq!(report["totals"]["sold"], "40.00");
    assert_eq!(report["totals"]["received"], "10.00");
    assert_eq!(report["totals"]["refunded"], "15.00");
    assert_eq!(report["credit"]["added"], "50.00");
    assert_eq!(report["credit"]["redeemed"], "30.00");
    assert_eq!(report["products"][0]["paidByCredit"], "30.00");
    assert_eq!(report["products"][0]["refundedToCredit"], "5.00");
    assert_sold(&report);
    let analytics = staff.get("/api/admin/analytics").await.expect(200);
    assert_eq!(analytics["totals"]["revenue"][0]["paid"], "10.00");
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn sixteen_refunds_to_credit_at_once_give_back_no_more_than_was_paid() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "100" })).await;
    let paid = sell(&staff, &ana, &[&ten]).await.expect(201);
    let refunds = (0..16).map(|_| refund(&staff, &paid, "30", "credit"));
    let refunds = join_all(refunds).await;
    let made = refunds.iter().filter(|made| made.status == 200).count();
    assert_eq!(made, 3);
    assert_eq!(credit(&ana).await, "90.00");
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_disputed_card_payment_does_not_keep_credit_from_being_refunded() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "20").await;
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let order = buy(&ana, &ten, json!({})).await.expect(201);
    let session = pay(&app, &stripe, &order).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    for method in ["original", "credit"] {
        refund(&staff, &order, "20.01", method)
            .await
            .expect_code(409, "payment_disputed");
    }
    refund(&staff, &order, "12", "original").await.expect(200);
    refund(&staff, &order, "8", "credit").await.expect(200);
    assert_eq!(credit(&ana).await, "20.00");
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn what_is_due_at_the_desk_becomes_credit() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    let order = sell(&staff, &ana, &[&course]).await.expect(201);
    cancel_class(&staff, classes[2]).await;
    let listed = staff.get_all("/api/admin/orders").await;
    let due = listed[0]["dueAtDesk"].clone();
    assert_ne!(due, "0.00");
    let pay_out = json!({ "orderId": order["id"], "action": "payOut", "method": "cash" });
    staff
        .patch("/api/admin/orders", pay_out)
        .await
        .expect_code(400, "validation_failed");
    let pay_out = json!({ "orderId": order["id"], "action": "payOut", "method": "credit" });
    let paid_out = staff.patch("/api/admin/orders", pay_out).await.expect(200);
    assert_eq!(paid_out["dueAtDesk"], "0.00");
    assert_eq!(credit(&ana).await, due);
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_course_that_credit_has_paid_gives_its_shares_back_to_it() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    add_credit(&staff, &ana, "1000").await;
    buy(&ana, &course, json!({})).await.expect(201);
    cancel_class(&staff, classes[2]).await;
    assert_eq!(entries(&ana).await[0][0], "refund");
    let due = "select count(*) from refunds where state <> 'done'";
    assert_eq!(app.count(due).await, 0);
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_refund_that_the_bank_has_returned_becomes_credit() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let order = buy(&ana, &ten, json!({})).await.expect(201);
    pay(&app, &stripe, &order).await;
    refund(&staff, &order, "40", "original").await.expect(200);
    wait_until(async || stripe.refunds().len() == 1).await;
    fail_for_good(&app, &stripe).await;
    let path = "/api/admin/failed-refunds";
    let failed = staff.get_all(path).await[0]["id"].clone();
    let resolution = json!({ "refundId": failed, "resolution": "credit" });
    staff.patch(path, resolution.clone()).await.expect(200);
    staff
        .patch(path, resolution)
        .await
        .expect_code(409, "nothing_to_refund");
    assert!(staff.get_all(path).await.is_empty());
    assert_eq!(credit(&ana).await, "40.00");
    assert_sold(&report(&staff).await);
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_closed_account_gets_no_credit() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    add_credit(&staff, &ana, "30").await;
    let five = create_product(&staff, json!({ "price": "40" })).await;
    let paid = sell_for_credit(&staff, &ana.user_id().await, &five, "30")
        .await
        .expect(201);
    ana.close_account().await;
    for (amount, method) in [("10", "credit"), ("20", "original")] {
        refund(&staff, &paid, amount, method)
            .await
            .expect_code(409, "account_closed");
    }
    refund(&staff, &paid, "20", "cash").await.expect(200);
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn refunds_to_credit_while_the_account_is_closed_leave_it_empty() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "100" })).await;
    let paid = sell(&staff, &ana, &[&ten]).await.expect(201);
    let refunds = join_all((0..8).map(|_| refund(&staff, &paid, "10", "credit")));
    let (refunds, ()) = tokio::join!(refunds, ana.close_account());
    for refused in refunds.iter().filter(|refund| refund.status != 200) {
        refused.expect_code(409, "account_closed");
    }
    let left = "select count(*) from wallets where balance <> 0";
    assert_eq!(app.count(left).await, 0);
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_share_that_is_refunded_to_the_credit_of_a_closed_account_is_lost_with_it() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 2, json!({})).await;
    add_credit(&staff, &ana, "100").await;
    buy(&ana, &course, json!({})).await.expect(201);
    ana.close_account().await;
    cancel_class(&staff, classes[0]).await;
    let done = "select count(*) from refunds where state = 'done'";
    assert_eq!(app.count(done).await, 1);
    let left = "select count(*) from wallets where balance <> 0";
    assert_eq!(app.count(left).await, 0);
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn a_refund_to_a_wallet_that_an_older_version_leaves_due_is_done() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "100" })).await;
    add_credit(&staff, &ana, "100").await;
    buy(&ana, &ten, json!({})).await.expect(201);
    app.sql(
        "insert into refunds (id, payment_id, amount, source, state, next_attempt_at)
        select gen_random_uuid(), id, 40, 'rule', 'due', now() from payments",
    )
    .await;
    assert_eq!(credit(&ana).await, "40.00");
    assert_wallets_consistent(&app).await;
}

#[tokio::test]
async fn the_migration_is_not_reverted_once_a_member_had_credit() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (_, code) = sell_gift_card(&staff, &ana, "50").await;
    let five = create_product(&staff, json!({ "price": "20" })).await;
    buy(&ana, &five, json!({ "giftCard": code }))
        .await
        .expect(201);
    revert_to(&app, "0036_member_credit").await;
    let mut client = connect(&app.database).await;
    migrations::up(&mut client).await.unwrap();
    assert_eq!(super::gift_cards::balance(&ana, &code).await, "30.00");
    add_credit(&staff, &ana, "50").await;
    let refused = migrations::down(&mut client, 1).await;
    assert!(refused.is_err(), "credit would be lost");
    assert_eq!(credit(&ana).await, "50.00");
}

#[tokio::test]
async fn the_mail_about_a_refund_says_that_the_money_is_credit() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "60" })).await;
    let paid = sell(&staff, &ana, &[&ten]).await.expect(201);
    server.wait_for_mails(1).await;
    refund(&staff, &paid, "40", "credit").await.expect(200);
    let mails = server.wait_for_mails(2).await;
    let text = mails[1]["text"].as_str().unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("to your credit."), "{text}");
}

/// Returns the text of a statement in a source file of the program.
fn statement(source: &str, name: &str) -> String {
    let (_, rest) = source.split_once(&format!("\"{name}\",\n")).unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// An id that no row has. A function would keep indexes from being used.
const ID: &str = "'00000000-0000-0000-0000-000000000000'::uuid";

#[tokio::test]
async fn locking_wallets_reads_no_other_wallets() {
    let app = TestApp::start().await;
    let wallet = include_str!("../../lib/src/models/wallet.rs");
    let credit = include_str!("../../lib/src/models/wallet/credit.rs");
    for (source, name) in [
        (wallet, "wallet.lock_paying"),
        (credit, "wallet.lock_for_refund"),
    ] {
        let sql = statement(source, name);
        let sql = sql
            .replace("any($1)", &format!("any(array[{ID}])"))
            .replace("$1", ID)
            .replace("$2", ID);
        // Without indexes, only a scan of the whole table would be left.
        let client = connect(&app.database).await;
        client
            .batch_execute(
                "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off",
            )
            .await
            .unwrap();
        let plan = client.query(&format!("explain {sql}"), &[]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan on wallets"), "{name}: {plan}");
    }
}
