//! The previous version of the program runs on the migrated schema. It writes only to
//! the table `payments`, because it does not know the table `refunds`. Triggers keep both
//! tables consistent.

use serde_json::Value;

use super::{book_and_pay, payment_of, start_with_stripe};
use crate::bookings::{book, cancel};
use crate::harness::{TestApp, wait_until};

/// Returns the status and the refunded amount of the only payment, and the states and
/// amounts of its refunds.
async fn payment_and_refunds(app: &TestApp) -> (String, String, Vec<(String, String)>) {
    let payment = app.sql("select status, refunded::text from payments").await;
    let refunds = app
        .sql("select state, amount::text from refunds order by created_at")
        .await;
    let refunds = refunds.iter().map(|row| (row.get(0), row.get(1)));
    (payment[0].get(0), payment[0].get(1), refunds.collect())
}

fn expected(
    status: &str,
    refunded: &str,
    refunds: &[(&str, &str)],
) -> (String, String, Vec<(String, String)>) {
    let owned = |(state, amount): &(&str, &str)| ((*state).to_owned(), (*amount).to_owned());
    (
        status.to_owned(),
        refunded.to_owned(),
        refunds.iter().map(owned).collect(),
    )
}

#[tokio::test]
async fn setting_the_status_of_a_payment_creates_and_completes_its_refund() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    let due = expected("refund_due", "25.00", &[("due", "25.00")]);
    assert_eq!(payment_and_refunds(&app).await, due);
    // The refund has been sent to Stripe.
    app.sql("update payments set provider_refund = 're_1'")
        .await;
    let sent = expected("refund_due", "25.00", &[("sent", "25.00")]);
    assert_eq!(payment_and_refunds(&app).await, sent);
    app.sql(
        "update payments set status = 'refunded', refunded_at = now(), provider_refund = 're_1'",
    )
    .await;
    let done = expected("refunded", "25.00", &[("done", "25.00")]);
    assert_eq!(payment_and_refunds(&app).await, done);
    let matching_refunds = "select count(*) from refunds r join payments p on p.id = r.payment_id
        where r.provider_refund = 're_1' and r.done_at = p.refunded_at";
    assert_eq!(app.count(matching_refunds).await, 1);
}

#[tokio::test]
async fn the_refunds_of_a_payment_set_its_status() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    app.sql("insert into refunds (id, payment_id, amount, source) select gen_random_uuid(), id, 10, 'staff' from payments")
        .await;
    // The status stays `paid`, because the previous version refunds the whole amount of a
    // payment that is `refund_due`.
    let part = expected("paid", "10.00", &[("due", "10.00")]);
    assert_eq!(payment_and_refunds(&app).await, part);
    app.sql("update payments set status = 'refund_due'").await;
    let all = expected("refund_due", "25.00", &[("due", "10.00"), ("due", "15.00")]);
    assert_eq!(payment_and_refunds(&app).await, all);
    app.sql("update refunds set state = 'done', done_at = now()")
        .await;
    let refunds = [("done", "10.00"), ("done", "15.00")];
    let done = expected("refunded", "25.00", &refunds);
    assert_eq!(payment_and_refunds(&app).await, done);
    // A refund can fail after it succeeded, so the status goes back.
    app.sql("update refunds set state = 'failed', done_at = null where amount = 15")
        .await;
    let refunds = [("done", "10.00"), ("failed", "15.00")];
    let failed = expected("paid", "10.00", &refunds);
    assert_eq!(payment_and_refunds(&app).await, failed);
}

/// The previous version counts its attempts in `payments` and does not mark the refund as
/// sent, so the money may be on its way back.
#[tokio::test]
async fn a_refund_that_the_previous_version_has_tried_to_send_does_not_pay_for_a_new_booking() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    app.sql("update payments set attempts = 1").await;
    let class = booking["scheduledClassId"].as_str().unwrap();
    let new_booking = book(&ana, class.parse().unwrap()).await.expect(201);
    assert_ne!(new_booking["id"], booking["id"]);
    assert_eq!(new_booking["paymentStatus"], Value::Null);
    assert_eq!(payment_of(&ana, &booking).await["status"], "refund_due");
}

#[tokio::test]
async fn refunds_never_exceed_the_payment() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    let client = app.app.db().client().await.unwrap();
    let insert = "insert into refunds (id, payment_id, amount, source) select gen_random_uuid(), id, 10, 'staff' from payments";
    for fits in [true, true, false] {
        assert_eq!(client.batch_execute(insert).await.is_ok(), fits);
    }
    let two = expected("paid", "20.00", &[("due", "10.00"), ("due", "10.00")]);
    assert_eq!(payment_and_refunds(&app).await, two);
}

#[tokio::test]
async fn a_refund_waits_for_a_concurrent_one_and_counts_it() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    book_and_pay(&app, &stripe, &ana).await;
    let insert = |amount: u32| {
        format!(
            "insert into refunds (id, payment_id, amount, source)
            select gen_random_uuid(), id, {amount}, 'staff' from payments"
        )
    };
    let first = app.hold_locks(&insert(20)).await;
    let client = app.app.db().client().await.unwrap();
    let statement = insert(10);
    let (second, ()) = tokio::join!(client.batch_execute(&statement), async {
        wait_until(async || app.blocked_statements().await == 1).await;
        first.commit().await;
    });
    assert!(second.is_err(), "30.00 of 25.00 were refunded");
    let one = expected("paid", "20.00", &[("due", "20.00")]);
    assert_eq!(payment_and_refunds(&app).await, one);
}
