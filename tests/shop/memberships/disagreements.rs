//! Memberships about which Stripe and Sabor disagree for a time.

use serde_json::{Value, json};

use super::{Studio, begin, change};
use crate::harness::{Renewal, StripeFault, wait_until};
use crate::shop::assert_passes_consistent;

#[tokio::test]
async fn a_card_that_fails_again_and_again_gives_no_further_days() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({ "every": "week" })).await;
    for (day, failed) in [("08", "live"), ("15", "revoked"), ("22", "revoked")] {
        studio.set_clock(&format!("2027-03-{day}T20:00:00Z"));
        let invoice = studio.stripe.renew(&subscription, Renewal::Failed);
        studio.deliver("invoice.payment_failed", &invoice).await;
        studio.sync().await;
        assert_eq!(studio.membership().await["status"], "past_due");
        assert_eq!(
            studio.passes().await,
            [
                "2027-03-01 2027-03-07 live".to_owned(),
                format!("2027-03-08 2027-03-14 {failed} unpaid")
            ]
        );
    }
}

#[tokio::test]
async fn a_key_of_another_account_ends_no_membership() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    studio.set_clock("2027-04-01T20:00:00Z");
    studio.stripe.renew(&subscription, Renewal::Paid);
    studio.stripe.fail_next(&[StripeFault::Missing]);
    assert_eq!(studio.sync().await, 0);
    assert_eq!(studio.membership().await["status"], "active");
    assert_eq!(studio.sync().await, 1);
    assert_eq!(studio.membership().await["renewsOn"], "2027-05-01");
    assert_eq!(studio.stripe.subscriptions()[0]["status"], "active");
}

#[tokio::test]
async fn pauses_between_attempts_grow_while_stripe_refuses() {
    let studio = Studio::start().await;
    studio.subscribe(json!({})).await;
    studio.set_clock("2027-04-01T20:00:00Z");
    for minutes in [1, 2, 4] {
        studio.stripe.fail_next(&[StripeFault::Missing]);
        assert_eq!(studio.sync().await, 0);
        let next = format!(
            "memberships where next_attempt_at > now() + interval '{minutes} minutes' * 0.9"
        );
        assert_eq!(studio.count(&next).await, 1, "{minutes}");
    }
}

#[tokio::test]
async fn a_subscription_of_a_deactivated_account_is_ended() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    // The previous version of the program deactivates accounts without their memberships.
    studio
        .app
        .sql("update users set is_active = false where email = 'ana@example.com'")
        .await;
    studio.set_clock("2027-04-01T20:00:00Z");
    let invoice = studio.stripe.renew(&subscription, Renewal::Paid);
    studio.deliver("invoice.paid", &invoice).await;
    wait_until(async || studio.stripe.subscription(&subscription)["status"] == "canceled").await;
    wait_until(async || studio.stripe.refunds().len() == 1).await;
    wait_until(async || studio.mails("order_refunded").await == 1).await;
}

#[tokio::test]
async fn an_account_that_is_closed_while_an_event_is_read_has_its_membership_ended_at_once() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    let known = studio.stripe.requests("GET", &path).len();
    studio.stripe.hold();
    let read = async {
        studio
            .deliver("customer.subscription.updated", &subscription)
            .await;
    };
    let close = async {
        wait_until(async || studio.stripe.requests("GET", &path).len() > known).await;
        // The closing tells Stripe in the background, where it finds the membership claimed.
        studio
            .app
            .sql("update memberships set must_end = true, next_attempt_at = now() + interval '1 day'")
            .await;
        studio.stripe.release();
    };
    tokio::join!(read, close);
    wait_until(async || studio.stripe.subscription(&subscription)["status"] == "canceled").await;
}

#[tokio::test]
async fn two_windows_that_start_different_memberships_leave_one_checkout_open() {
    let studio = Studio::start().await;
    let month = studio.create(json!({})).await;
    let week = studio.create(json!({ "every": "week" })).await;
    let sessions = "/v1/checkout/sessions";
    studio.stripe.hold();
    let first = begin(&studio.ana, &month);
    let second = async {
        wait_until(async || studio.stripe.requests("POST", sessions).len() == 1).await;
        begin(&studio.ana, &week).await
    };
    let release = async {
        wait_until(async || studio.stripe.requests("POST", sessions).len() == 2).await;
        studio.stripe.release();
    };
    let (first, second, ()) = tokio::join!(first, second, release);
    first.expect_code(409, "payment_under_way");
    let url = second.expect(201)["checkoutUrl"].clone();
    let open = async || {
        let all = studio.stripe.sessions().into_iter();
        let open = all.filter(|session| session["status"] == "open");
        open.map(|session| session["url"].clone())
            .collect::<Vec<Value>>()
    };
    wait_until(async || open().await == [url.clone()]).await;
    assert_eq!(studio.membership().await["every"], "week");
}

#[tokio::test]
async fn a_paid_invoice_without_a_period_is_left_to_staff_once() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    studio.set_clock("2027-04-01T20:00:00Z");
    let invoice = studio.stripe.renew(&subscription, Renewal::Paid);
    let invoice = studio.stripe.update_invoice(&invoice, |invoice| {
        invoice["lines"]["data"][0]["parent"]["subscription_item_details"]["proration"] =
            json!(true);
    });
    for _ in 0..2 {
        studio.deliver("invoice.paid", &invoice).await;
    }
    assert_eq!(studio.count("orders").await, 1);
    assert_eq!(studio.mismatches().await, 1);
}

#[tokio::test]
async fn a_subscription_that_has_ended_at_stripe_cannot_be_kept() {
    let studio = Studio::start().await;
    for action in ["keep", "end"] {
        let subscription = studio.subscribe(json!({})).await;
        let cancel = |subscription: &mut Value| subscription["status"] = json!("canceled");
        studio.stripe.update_subscription(&subscription, cancel);
        let changed = change(&studio.ana, action).await;
        if action == "keep" {
            changed.expect_code(409, "membership_not_running");
        } else {
            assert_eq!(changed.expect(200)["status"], "ended");
        }
        assert_eq!(studio.membership().await, Value::Null);
    }
}

#[tokio::test]
async fn a_membership_whose_period_is_not_paid_is_ended_at_once() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    let april = studio.book_at("2027-04-05T19:00:00Z").await;
    studio.set_clock("2027-04-01T20:00:00Z");
    let invoice = studio.stripe.renew(&subscription, Renewal::Failed);
    studio.deliver("invoice.payment_failed", &invoice).await;
    let ended = change(&studio.ana, "end").await.expect(200);
    assert_eq!(ended["status"], "ended");
    assert_eq!(ended["lastDay"], "2027-03-31");
    assert_eq!(
        studio.stripe.subscription(&subscription)["status"],
        "canceled"
    );
    assert_eq!(studio.price(&april).await, "25.00");
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn what_staff_do_is_recorded_even_if_the_answer_of_stripe_is_lost() {
    let studio = Studio::start().await;
    studio.subscribe(json!({})).await;
    let id = studio.membership().await["id"].clone();
    studio.stripe.fail_next(&[StripeFault::ResponseLost; 3]);
    let form = json!({ "membershipId": id, "action": "end" });
    let ended = studio.staff.patch("/api/admin/memberships", form).await;
    ended.expect_code(503, "unavailable");
    let recorded = "security_events where kind = 'membership_changed'";
    assert_eq!(studio.count(recorded).await, 1);
}

#[tokio::test]
async fn a_key_that_may_not_read_invoices_handles_refunds_of_other_programs() {
    let studio = Studio::start().await;
    let session = studio.check_out(json!({})).await;
    studio.stripe.start_subscription(&session);
    let money = studio.stripe.money_of(&studio.stripe.invoices()[0]);
    let refund = studio.stripe.refund_in_dashboard(&money, 500);
    studio.stripe.forbid("/v1/invoice_payments");
    studio.deliver("refund.created", &refund).await;
    assert_eq!(
        studio.stripe.requests("GET", "/v1/invoice_payments").len(),
        1
    );
    assert_eq!(studio.count("orders").await, 0);
}
