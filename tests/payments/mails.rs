//! E-mails about money: receipts, and refunds that were made.

use std::time::{Duration, Instant};

use sabor::notify::mail::send_due;
use serde_json::{Value, json};

use super::{
    book_and_pay, charge_refunded, checkout_completed, event_about, make_payments_due,
    process_refunds, start_with_stripe,
};
use crate::admin::bookings::perform_action;
use crate::bookings::{book, cancel};
use crate::harness::{
    MailServer, Settings, StripeStandIn, TestApp, TestClient, text_in_one_line, wait_until,
};
use crate::shop::{create_product, sell};

/// Sends the queued e-mails to the server, at the time of the application's clock.
async fn send_mails(app: &TestApp, server: &MailServer) -> Vec<Value> {
    let mailing_app = app.start_another_with(server.settings()).await;
    mailing_app.set_clock(app.app.clock().now());
    let deadline = Instant::now() + Duration::from_secs(60);
    send_due(&mailing_app.app, deadline).await.unwrap();
    server.received()
}

fn assert_contains(mail: &Value, parts: &[&str]) {
    let text = text_in_one_line(mail);
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    // Members cannot switch off what concerns money.
    assert_eq!(mail["headers"]["list-unsubscribe"], Value::Null);
    assert!(!text.contains("/unsubscribe"), "{text}");
}

/// Refunds an order by staff.
async fn refund_order(staff: &TestClient, order: &Value, amount: &str) {
    let refund = json!({
        "orderId": order["id"], "amount": amount, "method": "original", "reason": "Moved away",
    });
    staff.patch("/api/admin/orders", refund).await.expect(200);
}

/// Buys a product by card. Returns the order and Stripe's session, which is completed.
async fn buy(stripe: &StripeStandIn, member: &TestClient, product: &Value) -> (Value, Value) {
    let purchase = json!({ "productId": product["id"] });
    let order = member.post("/api/shop/order", purchase).await.expect(201);
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    (order, stripe.complete_checkout(&session))
}

#[tokio::test]
async fn a_sale_is_confirmed_with_its_receipt_in_one_message() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    app.set_clock("2027-06-01T12:00:00Z".parse().unwrap());
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "price": "100.00" })).await;
    let one = create_product(&staff, json!({ "price": "20.00", "name": "Trial" })).await;
    let free = create_product(&staff, json!({ "price": "0.00", "name": "Gift" })).await;
    app.sql("update products set tax_rate = 19 where price = 100")
        .await;
    sell(&staff, &ana, &[&ten, &one]).await.expect(201);
    sell(&staff, &ana, &[&free]).await.expect(201);
    let mails = send_mails(&app, &server).await;
    assert_eq!(mails.len(), 2, "{mails:?}");
    let paid = &mails[0];
    assert_eq!(
        paid["headers"]["subject"],
        "Your purchase: Ten classes, Trial"
    );
    assert_contains(
        paid,
        &[
            "Pass: Ten classes, 100.00 USD Pass: Trial, 20.00 USD",
            "Total: 120.00 USD Tax included: 15.97 USD Receipt: 2027-1",
            "Open my receipts: https://sabor.example/receipts",
        ],
    );
    // What costs nothing has no receipt.
    let text = text_in_one_line(&mails[1]);
    assert!(!text.contains("eceipt"), "{text}");
    assert!(text.contains("Price: 0.00 USD"), "{text}");
}

#[tokio::test]
async fn classes_and_fees_that_are_paid_give_a_receipt_by_mail_once() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let stripe = StripeStandIn::start().await;
    let settings = stripe.settings().with("NO_SHOW_FEE", "10.00");
    let app = TestApp::start_with(settings).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    app.sql("delete from mail_outbox").await;
    let (_, session) = book_and_pay(&app, &stripe, &ana).await;
    for kind in ["completed", "async_payment_succeeded"] {
        let event = event_about(&format!("checkout.session.{kind}"), &session);
        app.deliver_event(&event).await.expect(200);
    }
    assert_eq!(app.mail_count("receipt_issued").await, 1);
    let missed = book(&ana, app.create_class(5).await).await.expect(201);
    crate::bookings::set_clock_before_start(&app, &missed, chrono::TimeDelta::minutes(-5));
    perform_action(&staff, &missed, "noShow").await.expect(200);
    perform_action(&staff, &missed, "markPaid")
        .await
        .expect(200);
    assert_eq!(app.mail_count("receipt_issued").await, 2);
    app.sql("delete from mail_outbox where kind <> 'receipt_issued'")
        .await;
    let mails = send_mails(&app, &server).await;
    let [class, fee] = &mails[..] else {
        panic!("{mails:?}");
    };
    assert_contains(
        class,
        &[
            "We have received your payment of 25.00 USD.",
            "Class: Salsa on a Friday, ",
            "Total: 25.00 USD",
            "Open my receipts: https://sabor.example/receipts",
        ],
    );
    assert!(!text_in_one_line(class).contains("Tax"), "{class}");
    assert_contains(fee, &["No-show: Salsa on a Friday, ", "Total: 10.00 USD"]);
    let numbers = [class, fee].map(|mail| mail["headers"]["subject"].as_str().unwrap());
    assert!(numbers[0].starts_with("Your receipt 20"), "{numbers:?}");
    assert_ne!(numbers[0], numbers[1]);
}

#[tokio::test]
async fn refunds_of_a_class_are_reported_once_each_also_those_made_at_stripe() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    let refunds = [100, 200].map(|amount| stripe.refund_in_dashboard(&session, amount));
    let mut events = vec![charge_refunded(&session)];
    for kind in ["refund.created", "refund.updated"] {
        events.extend(refunds.iter().map(|refund| event_about(kind, refund)));
    }
    for event in &events {
        app.deliver_event(event).await.expect(200);
    }
    assert_eq!(app.mail_count("payment_refunded").await, 2);
    // The rest is refunded when it was sent, and not when the class is cancelled.
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(app.mail_count("payment_refunded").await, 2);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || app.mail_count("payment_refunded").await == 3).await;
    process_refunds(&app).await;
    // At the desk.
    let at_desk = book(&ana, app.create_class(5).await).await.expect(201);
    perform_action(&staff, &at_desk, "markPaid")
        .await
        .expect(200);
    perform_action(&staff, &at_desk, "refund").await.expect(200);
    assert_eq!(app.mail_count("payment_refunded").await, 4);
    app.sql("delete from mail_outbox where kind <> 'payment_refunded'")
        .await;
    let mails = send_mails(&app, &server).await;
    let mut amounts = Vec::new();
    for mail in &mails {
        assert_contains(mail, &["Class: Salsa on a Friday", "Receipt: "]);
        let text = text_in_one_line(mail);
        let (_, rest) = text.split_once("Amount: ").unwrap();
        let way = match text.contains("to your card") {
            true => "card",
            false => "desk",
        };
        amounts.push(format!("{} {way}", rest.split(' ').next().unwrap()));
    }
    amounts.sort();
    assert_eq!(
        amounts,
        ["1.00 card", "2.00 card", "22.00 card", "25.00 desk"]
    );
}

#[tokio::test]
async fn a_refund_of_an_order_is_reported_once_when_it_was_made() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let ten = create_product(&staff, json!({ "perMember": 5 })).await;
    let cash = sell(&staff, &ana, &[&ten]).await.expect(201);
    refund_order(&staff, &cash, "40.00").await;
    assert_eq!(app.mail_count("order_refunded").await, 1);
    let (card, session) = buy(&stripe, &ana, &ten).await;
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    refund_order(&staff, &card, "30.00").await;
    wait_until(async || app.mail_count("order_refunded").await == 2).await;
    // The order is cancelled before its payment arrives.
    let (_, late) = buy(&stripe, &ana, &ten).await;
    app.sql("update orders set state = 'cancelled', cancelled_at = now() where state = 'open'")
        .await;
    app.sql("update payments set status = 'cancelled' where status = 'pending'")
        .await;
    app.deliver_event(&checkout_completed(&late))
        .await
        .expect(200);
    wait_until(async || app.mail_count("order_refunded").await == 3).await;
    app.sql("delete from mail_outbox where kind <> 'order_refunded'")
        .await;
    let mails = send_mails(&app, &server).await;
    assert_eq!(mails.len(), 3);
    assert_contains(
        &mails[0],
        &[
            "We have given 40.00 USD back to you at the desk.",
            "Order: Ten classes Amount: 40.00 USD Receipt: ",
        ],
    );
    assert_contains(&mails[1], &["We have refunded 30.00 USD to your card."]);
    assert_contains(
        &mails[2],
        &[
            "arrived after the order was cancelled",
            "Amount: 150.00 USD",
        ],
    );
}

#[tokio::test]
async fn a_refund_that_the_bank_returns_is_reported_too() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || app.mail_count("payment_refunded").await == 1).await;
    app.sql("delete from mail_outbox").await;
    let id = stripe.refunds()[0]["id"].as_str().unwrap().to_owned();
    let failed = event_about("refund.failed", &stripe.update_refund(&id, "failed"));
    app.deliver_event(&failed).await.expect(200);
    app.deliver_event(&failed).await.expect(200);
    assert_eq!(app.mail_count("refund_failed").await, 1);
    // The next attempt is complete.
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || app.mail_count("payment_refunded").await == 1).await;
    let mails = send_mails(&app, &server).await;
    let subjects = mails
        .iter()
        .map(|mail| mail["headers"]["subject"].as_str().unwrap());
    let beginnings: Vec<_> = subjects
        .map(|text| text.split(':').next().unwrap())
        .collect();
    assert_eq!(beginnings, ["Your refund has not arrived", "Refund"]);
    assert_contains(
        &mails[0],
        &["Your bank has returned the 25.00 USD", "Amount: 25.00 USD"],
    );
}

#[tokio::test]
async fn a_closed_account_gets_no_message_about_money() {
    let app = TestApp::start_with(Settings::default()).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let product = create_product(&staff, json!({})).await;
    let order = sell(&staff, &ana, &[&product]).await.expect(201);
    ana.close_account().await;
    refund_order(&staff, &order, "150.00").await;
    assert_eq!(app.mail_count("order_refunded").await, 0);
}
