//! Stripe's balance transactions: the clean-up reads them once a night, and the report compares them
//! with what Sabor knows.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    book_and_pay, charge_refunded, deliver_dispute, event_about, make_payments_due,
    process_refunds, start_with_stripe,
};
use crate::harness::{StripeFault, StripeStandIn, TestApp, TestClient};

const PATH: &str = "/v1/balance_transactions";

/// An application whose clock is at noon, its stand-in for Stripe, and a member of staff.
async fn start() -> (TestApp, StripeStandIn, TestClient) {
    let (app, stripe) = start_with_stripe().await;
    app.advance_to_noon();
    stripe.follow(app.app.clock());
    let staff = app.staff("sofia").await;
    (app, stripe, staff)
}

/// Runs the clean-up a little later, or after some days; returns its result. There is no e-mail to
/// send, so nothing else remains.
async fn clean_up_after(app: &TestApp, days: i64) -> Value {
    app.sql("delete from mail_outbox").await;
    let clock = app.app.clock();
    clock.advance(TimeDelta::days(days) + TimeDelta::minutes(2));
    app.run_clean_up().await.expect(200)
}

/// Returns the query of a report from a week ago to a week ahead.
fn range(app: &TestApp) -> String {
    let today = app.app.clock().now().date_naive();
    let day = |days| today + TimeDelta::days(days);
    format!("from={}&to={}", day(-7), day(7))
}

async fn report(app: &TestApp, staff: &TestClient) -> Value {
    staff.sign_in_as("sofia").await.expect(200);
    let path = format!("/api/admin/reports?{}", range(app));
    staff.get(&path).await.expect(200)
}

async fn balance(app: &TestApp, staff: &TestClient) -> Value {
    report(app, staff).await["stripe"].clone()
}

fn sources(balance: &Value) -> Vec<&str> {
    let unmatched = balance["unmatched"].as_array().unwrap().iter();
    unmatched
        .map(|entry| entry["source"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn charges_refunds_disputes_and_fees_add_up_to_the_payout() {
    let (app, stripe, staff) = start().await;
    let before = report(&app, &staff).await;
    assert_eq!(before["stripe"], Value::Null);
    let [ana, ben, carla] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("carla").await,
    ];
    book_and_pay(&app, &stripe, &ana).await;
    let (booking, session) = book_and_pay(&app, &stripe, &ben).await;
    let refund = json!({ "bookingId": booking["id"], "action": "refund" });
    staff.patch("/api/admin/bookings", refund).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    app.deliver_event(&charge_refunded(&session))
        .await
        .expect(200);
    let (_, session) = book_and_pay(&app, &stripe, &carla).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    stripe.charge_fee(200);
    let payout = stripe.pay_out();

    let cleaned = clean_up_after(&app, 0).await;
    assert_eq!(cleaned["details"]["failed"], json!([]));
    assert_eq!(cleaned["remaining"], false);
    // Three charges, a refund, a dispute, a fee, and a payout. The payout has all of them too.
    assert_eq!(cleaned["details"]["providerEntries"], 14);
    let mut first = balance(&app, &staff).await;
    // Stripe keeps 1.03 of each charge, 15.00 of the dispute, and 2.00.
    let parts = json!({
        "charges": "75.00", "refunds": "-25.00", "disputes": "-25.00", "other": "0.00",
        "fees": "20.09",
    });
    for (name, amount) in parts.as_object().unwrap() {
        assert_eq!(first[name], *amount, "{name}");
    }
    assert_eq!(first["net"], "4.91");
    assert_eq!(first["paidOut"], "4.91");
    let arrives_on = app.app.clock().now().date_naive() + TimeDelta::days(2);
    assert_eq!(
        first["payouts"],
        json!([{
            "id": payout["id"], "arrivesOn": arrives_on, "amount": "4.91", "isAutomatic": true,
            "hasFailed": false, "parts": parts,
        }])
    );
    assert_eq!(first["unmatchedCount"], 0);
    assert_eq!(first["unmatched"], json!([]));

    // The next night reads the same again, and nothing counts twice.
    let again = clean_up_after(&app, 1).await;
    assert_eq!(again["details"]["providerEntries"], 7);
    let mut second = balance(&app, &staff).await;
    assert_ne!(first["completeUntil"], second["completeUntil"]);
    for balance in [&mut first, &mut second] {
        balance["completeUntil"] = Value::Null;
    }
    assert_eq!(first, second);

    let path = format!(
        "/api/admin/reports?{}&format=csv&table=payouts",
        range(&app)
    );
    let file = staff.get(&path).await;
    let id = payout["id"].as_str().unwrap();
    let row = format!("{id},{arrives_on},no,75.00,-25.00,-25.00,0.00,20.09,4.91");
    assert!(file.text.contains(&row), "{}", file.text);
    ana.sign_in_as("ana").await.expect(200);
    ana.get(&path).await.expect_code(403, "forbidden");
}

#[tokio::test]
async fn what_was_not_made_with_sabor_or_not_reported_to_it_is_listed() {
    let (app, stripe, staff) = start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let charge = stripe.charge_elsewhere(4_200);
    let (_, refunded) = book_and_pay(&app, &stripe, &ana).await;
    let (_, disputed) = book_and_pay(&app, &stripe, &ben).await;
    let refund = stripe.refund_in_dashboard(&refunded, 1_000);
    let dispute = stripe.open_dispute(&disputed, "needs_response");
    clean_up_after(&app, 0).await;
    let listed = balance(&app, &staff).await;
    assert_eq!(listed["unmatchedCount"], 3);
    assert_eq!(
        sources(&listed),
        [
            dispute["id"].as_str().unwrap(),
            refund["id"].as_str().unwrap(),
            &charge
        ]
    );
    let last = &listed["unmatched"][2];
    assert_eq!(last["stripeType"], "charge");
    assert_eq!(last["amount"], "42.00");
    assert_eq!(last["fee"], "1.52");
    assert_eq!(last["net"], "40.48");
    assert_eq!(last["day"], json!(app.app.clock().now().date_naive()));
    let path = format!(
        "/api/admin/reports?{}&format=csv&table=unmatched_entries",
        range(&app)
    );
    let file = staff.get(&path).await;
    assert!(
        file.text
            .contains(&format!("charge,{charge},42.00,1.52,40.48")),
        "{}",
        file.text
    );

    // The events arrive after all.
    app.deliver_event(&charge_refunded(&refunded))
        .await
        .expect(200);
    deliver_dispute(&app, "created", &dispute).await;
    assert_eq!(sources(&balance(&app, &staff).await), [&*charge]);
    // A refund that the bank returns is the same refund.
    let failed = stripe.update_refund(refund["id"].as_str().unwrap(), "failed");
    app.deliver_event(&event_about("refund.failed", &failed))
        .await
        .expect(200);
    clean_up_after(&app, 1).await;
    let returned = balance(&app, &staff).await;
    assert_eq!(returned["refunds"], "0.00");
    assert_eq!(sources(&returned), [&*charge]);
}

#[tokio::test]
async fn entries_are_read_once_a_night_and_late_ones_are_not_missed() {
    let (app, stripe, staff) = start().await;
    stripe.charge_elsewhere(1_000);
    clean_up_after(&app, 0).await;
    let requests = || stripe.requests("GET", PATH);
    assert_eq!(requests().len(), 1);
    assert_eq!(requests()[0].form["expand[]"], "data.source");
    clean_up_after(&app, 0).await;
    assert_eq!(requests().len(), 1);
    // Stripe lists a charge from before the last time.
    let clock = app.app.clock();
    clock.advance(TimeDelta::hours(-20));
    let late = stripe.charge_elsewhere(2_000);
    clock.advance(TimeDelta::hours(20));
    clean_up_after(&app, 1).await;
    assert_eq!(requests().len(), 2);
    let listed = balance(&app, &staff).await;
    assert_eq!(listed["unmatchedCount"], 2);
    assert!(sources(&listed).contains(&&*late));
}

#[tokio::test]
async fn a_run_that_stripe_interrupts_is_continued_by_the_next_one() {
    let (app, stripe, staff) = start().await;
    for _ in 0..5 {
        stripe.charge_elsewhere(1_000);
    }
    let away = [StripeFault::Status(503); 3];
    stripe.fail_next(&[StripeFault::Processed]);
    stripe.fail_next(&away);
    let interrupted = clean_up_after(&app, 0).await;
    assert_eq!(interrupted["success"], true);
    assert_eq!(interrupted["remaining"], true);
    assert_eq!(interrupted["details"]["providerEntries"], 2);
    // A part is no report.
    assert_eq!(balance(&app, &staff).await, Value::Null);
    // Meanwhile there is another charge, which the next night reads.
    stripe.charge_elsewhere(1_000);
    let continued = clean_up_after(&app, 0).await;
    assert_eq!(continued["remaining"], false);
    assert_eq!(continued["details"]["providerEntries"], 3);
    let listed = balance(&app, &staff).await;
    assert_eq!(listed["unmatchedCount"], 5);
    assert_eq!(listed["charges"], "50.00");
    clean_up_after(&app, 1).await;
    assert_eq!(balance(&app, &staff).await["charges"], "60.00");
}

#[tokio::test]
async fn a_run_begins_again_if_stripe_does_not_know_where_it_stopped() {
    let (app, stripe, staff) = start().await;
    for _ in 0..5 {
        stripe.charge_elsewhere(1_000);
    }
    stripe.fail_next(&[StripeFault::Processed]);
    stripe.fail_next(&[StripeFault::Status(503); 3]);
    clean_up_after(&app, 0).await;
    // The key is that of another account now.
    app.sql("update provider_pull set last_read = 'txn_other'")
        .await;
    let refused = clean_up_after(&app, 0).await;
    assert_eq!(refused["details"]["failed"], json!(["providerEntries"]));
    let again = clean_up_after(&app, 0).await;
    assert_eq!(again["details"]["failed"], json!([]));
    assert_eq!(balance(&app, &staff).await["unmatchedCount"], 5);
}

#[tokio::test]
async fn a_key_that_may_not_read_the_balance_fails_only_this_step() {
    let (app, stripe, staff) = start().await;
    stripe.forbid(PATH);
    let cleaned = clean_up_after(&app, 0).await;
    assert_eq!(cleaned["success"], false);
    assert_eq!(cleaned["details"]["failed"], json!(["providerEntries"]));
    let refused = report(&app, &staff).await;
    assert_eq!(refused["stripe"], Value::Null);
    let refused_at = refused["stripeRefusedAt"].as_str().unwrap();
    let refused_at: DateTime<Utc> = refused_at.parse().unwrap();
    assert_eq!(refused_at.date_naive(), app.app.clock().now().date_naive());
    // Stripe is asked again on the next day, also about payouts.
    app.sql(
        "insert into provider_payouts (id, arrives_on, is_automatic, next_attempt_at)
        values ('po_1', current_date, true, now())",
    )
    .await;
    stripe.forbid("");
    let cleaned = clean_up_after(&app, 0).await;
    assert_eq!(cleaned["success"], true);
    assert_eq!(stripe.requests("GET", PATH).len(), 1);
    clean_up_after(&app, 1).await;
    let shown = report(&app, &staff).await;
    assert_eq!(shown["stripe"]["charges"], "0.00");
    assert_eq!(shown["stripeRefusedAt"], Value::Null);
}

#[tokio::test]
async fn a_page_that_is_too_large_is_read_in_parts() {
    let (app, stripe, staff) = start().await;
    for _ in 0..3 {
        stripe.charge_elsewhere(1_000);
    }
    stripe.fail_next(&[StripeFault::TooLarge; 6]);
    let cleaned = clean_up_after(&app, 0).await;
    assert_eq!(cleaned["details"]["failed"], json!([]));
    assert_eq!(cleaned["remaining"], false);
    let requests = stripe.requests("GET", PATH);
    let limits: Vec<_> = requests
        .iter()
        .map(|request| request.form["limit"].as_str())
        .collect();
    assert_eq!(limits, ["100", "50", "25", "12", "6", "3", "1", "1", "1"]);
    assert_eq!(balance(&app, &staff).await["unmatchedCount"], 3);
}

#[tokio::test]
async fn a_page_that_cannot_be_read_fails_the_step_and_is_asked_for_again() {
    for (faults, requests) in [
        (vec![StripeFault::TooLarge; 7], 7),
        (vec![StripeFault::Unreadable], 1),
    ] {
        let (app, stripe, staff) = start().await;
        stripe.charge_elsewhere(1_000);
        stripe.fail_next(&faults);
        let failed = clean_up_after(&app, 0).await;
        assert_eq!(failed["success"], false);
        assert_eq!(failed["details"]["failed"], json!(["providerEntries"]));
        assert_eq!(stripe.requests("GET", PATH).len(), requests);
        // Stripe has not refused to show it, so the next run asks again.
        assert_eq!(report(&app, &staff).await["stripeRefusedAt"], Value::Null);
        let again = clean_up_after(&app, 0).await;
        assert_eq!(again["details"]["failed"], json!([]));
        assert_eq!(balance(&app, &staff).await["unmatchedCount"], 1);
    }
}

#[tokio::test]
async fn a_report_is_about_one_currency_of_the_balance() {
    let (app, stripe, staff) = start().await;
    stripe.charge_elsewhere(1_000);
    let in_euros = stripe.charge_elsewhere_in("eur", 4_000);
    clean_up_after(&app, 0).await;
    let dollars = report(&app, &staff).await;
    assert_eq!(dollars["currencies"], json!(["EUR", "USD"]));
    assert_eq!(dollars["stripe"]["charges"], "10.00");
    let path = format!("/api/admin/reports?{}&currency=EUR", range(&app));
    let euros = staff.get(&path).await.expect(200);
    assert_eq!(euros["stripe"]["charges"], "40.00");
    assert_eq!(sources(&euros["stripe"]), [&*in_euros]);
}

#[tokio::test]
async fn a_payout_has_parts_once_they_add_up_to_its_amount() {
    let (app, stripe, staff) = start().await;
    stripe.charge_elsewhere(1_000);
    let payout = stripe.begin_payout(true);
    clean_up_after(&app, 0).await;
    let unknown = balance(&app, &staff).await;
    assert_eq!(unknown["payouts"][0]["amount"], "9.41");
    assert_eq!(unknown["payouts"][0]["parts"], Value::Null);
    stripe.assign_payout(&payout);
    clean_up_after(&app, 0).await;
    let known = balance(&app, &staff).await;
    assert_eq!(known["payouts"][0]["parts"]["charges"], "10.00");
    assert_eq!(known["payouts"][0]["parts"]["fees"], "0.59");

    // The bank sends it back, so it is part of the next one.
    stripe.fail_payout(&payout);
    stripe.charge_elsewhere(1_000);
    stripe.pay_out();
    clean_up_after(&app, 1).await;
    let failed = balance(&app, &staff).await;
    let payouts = &failed["payouts"];
    assert_eq!(payouts[0]["amount"], "18.82");
    assert_eq!(payouts[0]["parts"]["other"], "9.41");
    assert_eq!(payouts[0]["hasFailed"], false);
    assert_eq!(payouts[1]["id"], payout["id"]);
    assert_eq!(payouts[1]["hasFailed"], true);
    assert_eq!(failed["paidOut"], "18.82");
    assert_eq!(failed["net"], "18.82");
}

#[tokio::test]
async fn what_a_payout_that_was_started_by_hand_consists_of_is_unknown() {
    let (app, stripe, staff) = start().await;
    stripe.charge_elsewhere(1_000);
    let payout = stripe.begin_payout(false);
    clean_up_after(&app, 0).await;
    let listed = balance(&app, &staff).await;
    assert_eq!(listed["payouts"][0]["id"], payout["id"]);
    assert_eq!(listed["payouts"][0]["isAutomatic"], false);
    assert_eq!(listed["payouts"][0]["parts"], Value::Null);
    assert_eq!(listed["paidOut"], "9.41");
    let requests = stripe.requests("GET", PATH);
    assert!(
        requests
            .iter()
            .all(|request| !request.form.contains_key("payout"))
    );
}

#[tokio::test]
async fn a_payout_whose_entries_are_interrupted_is_continued_by_the_next_run() {
    let (app, stripe, staff) = start().await;
    for _ in 0..5 {
        stripe.charge_elsewhere(1_000);
    }
    stripe.pay_out();
    // The pull has three pages, and the payout too.
    stripe.fail_next(&[StripeFault::Processed; 4]);
    stripe.fail_next(&[StripeFault::Status(503); 3]);
    let interrupted = clean_up_after(&app, 0).await;
    assert_eq!(interrupted["remaining"], true);
    assert_eq!(interrupted["details"]["providerEntries"], 8);
    assert_eq!(
        balance(&app, &staff).await["payouts"][0]["parts"],
        Value::Null
    );
    let continued = clean_up_after(&app, 0).await;
    assert_eq!(continued["remaining"], false);
    assert_eq!(continued["details"]["providerEntries"], 4);
    let payouts = balance(&app, &staff).await["payouts"].clone();
    assert_eq!(payouts[0]["parts"]["charges"], "50.00");
}

#[tokio::test]
async fn a_payout_that_stripe_does_not_know_does_not_fail_the_clean_up() {
    let (app, stripe, staff) = start().await;
    clean_up_after(&app, 0).await;
    app.sql(
        "insert into provider_payouts (id, arrives_on, is_automatic, next_attempt_at)
        values ('po_other', current_date, true, now())",
    )
    .await;
    stripe.fail_next(&[StripeFault::Missing]);
    let cleaned = clean_up_after(&app, 0).await;
    assert_eq!(cleaned["details"]["failed"], json!([]));
    assert_eq!(stripe.requests("GET", PATH).len(), 2);
    clean_up_after(&app, 1).await;
    assert_eq!(stripe.requests("GET", PATH).len(), 3);
    assert_eq!(balance(&app, &staff).await["payouts"], json!([]));
}

#[tokio::test]
async fn only_the_time_that_is_known_as_a_whole_counts() {
    let (app, stripe, staff) = start().await;
    // A payout brings an entry from before the first pull.
    let clock = app.app.clock();
    clock.advance(TimeDelta::days(-5));
    stripe.charge_elsewhere(1_000);
    clock.advance(TimeDelta::days(5));
    stripe.charge_elsewhere(2_000);
    stripe.pay_out();
    clean_up_after(&app, 0).await;
    let known = balance(&app, &staff).await;
    assert_eq!(known["payouts"][0]["parts"]["charges"], "30.00");
    assert_eq!(known["charges"], "20.00");
    assert_eq!(known["unmatchedCount"], 1);
}
