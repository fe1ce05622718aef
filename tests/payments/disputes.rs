//! Payments that members dispute at their bank.

use serde_json::json;

use super::{
    book_and_pay, deliver_dispute, make_payments_due, member_event_count, payment_of,
    process_refunds, review_count, start_with_stripe,
};
use crate::bookings::cancel;
use crate::harness::{TestApp, wait_until};

async fn refund_states(app: &TestApp) -> Vec<String> {
    let rows = app
        .sql("select concat_ws(' ', state, amount, provider_reason) from refunds order by created_at")
        .await;
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_disputed_payment_is_not_refunded_and_no_refund_is_announced() {
    let (app, stripe) = start_with_stripe().await;
    let (ana, sofia) = (app.member("ana").await, app.staff("sofia").await);
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    deliver_dispute(&app, "funds_withdrawn", &dispute).await;
    // Somebody must answer the dispute in Stripe's dashboard.
    assert_eq!(review_count(&app).await, 1);
    assert_eq!(payment_of(&ana, &booking).await["status"], "disputed");
    let refund = json!({ "bookingId": booking["id"], "action": "refund" });
    sofia
        .patch("/api/admin/bookings", refund.clone())
        .await
        .expect_code(409, "payment_disputed");
    let cancelled = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled["paymentStatus"], "disputed");
    assert_eq!(member_event_count(&app, "payment_refund_due").await, 0);
    assert_eq!(refund_states(&app).await, ["failed 25.00 disputed"]);
    make_payments_due(&app).await;
    assert_eq!(process_refunds(&app).await, 0);
    assert!(stripe.requests("POST", "/v1/refunds").is_empty());

    let lost = stripe.decide_dispute(&dispute, "lost");
    deliver_dispute(&app, "closed", &lost).await;
    assert_eq!(payment_of(&ana, &booking).await["status"], "disputed");
    assert_eq!(review_count(&app).await, 2);
    sofia
        .patch("/api/admin/bookings", refund)
        .await
        .expect_code(409, "payment_disputed");
    let rows = app
        .sql("select status, withdrawn, closed_at is not null, amount::text, fee::text from disputes")
        .await;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.get::<_, String>(0), "lost");
    assert!(row.get::<_, bool>(1) && row.get::<_, bool>(2));
    assert_eq!(row.get::<_, String>(3), "25.00");
    assert_eq!(row.get::<_, String>(4), "15.00");
}

#[tokio::test]
async fn a_due_refund_is_sent_once_the_dispute_is_won() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    cancel(&ana, &booking).await.expect(200);
    let won = stripe.decide_dispute(&dispute, "won");
    deliver_dispute(&app, "closed", &won).await;
    deliver_dispute(&app, "funds_reinstated", &won).await;
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
    assert_eq!(stripe.refunds().len(), 1);
    assert_eq!(
        refund_states(&app).await,
        ["failed 25.00 dispute_won", "done 25.00"]
    );
    // The event about the opened dispute arrives again, late.
    app.deliver_event(&crate::harness::stripe_event(
        "evt_late",
        "charge.dispute.created",
        &dispute,
    ))
    .await
    .expect(200);
    assert_eq!(payment_of(&ana, &booking).await["status"], "refunded");
}

/// `Some(2_490)`: the exchange rate has changed. `None`: Stripe does not list the balance
/// transaction that returns the money yet.
#[tokio::test]
async fn a_payment_is_paid_again_after_a_won_dispute_even_if_less_money_is_returned() {
    for returned in [Some(2_490), None] {
        let (app, stripe) = start_with_stripe().await;
        let ana = app.member("ana").await;
        let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
        let dispute = stripe.open_dispute(&session, "needs_response");
        deliver_dispute(&app, "created", &dispute).await;
        assert_eq!(payment_of(&ana, &booking).await["status"], "disputed");
        let won = stripe.win_dispute(&dispute, returned);
        deliver_dispute(&app, "closed", &won).await;
        assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
        assert_eq!(review_count(&app).await, 1);
    }
}

#[tokio::test]
async fn a_refund_that_stripe_rejects_because_of_a_dispute_does_not_stay_due() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    app.sql("update payments set status = 'refund_due'").await;
    // The event about the dispute has not arrived.
    stripe.open_dispute(&session, "needs_response");
    process_refunds(&app).await;
    assert_eq!(payment_of(&ana, &booking).await["status"], "disputed");
    assert_eq!(refund_states(&app).await, ["failed 25.00 disputed"]);
    for _ in 0..3 {
        make_payments_due(&app).await;
        process_refunds(&app).await;
    }
    assert_eq!(stripe.requests("POST", "/v1/refunds").len(), 1);
}

#[tokio::test]
async fn an_inquiry_takes_no_money_and_the_payment_can_be_refunded() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = book_and_pay(&app, &stripe, &ana).await;
    let inquiry = stripe.open_dispute(&session, "warning_needs_response");
    deliver_dispute(&app, "created", &inquiry).await;
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    cancel(&ana, &booking).await.expect(200);
    make_payments_due(&app).await;
    process_refunds(&app).await;
    wait_until(async || payment_of(&ana, &booking).await["status"] == "refunded").await;
}

#[tokio::test]
async fn a_dispute_event_that_arrives_before_the_checkout_event_is_recorded() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, session) = super::start_checkout(&app, &stripe, &ana).await;
    let session = stripe.complete_checkout(&session);
    let dispute = stripe.open_dispute(&session, "needs_response");
    deliver_dispute(&app, "created", &dispute).await;
    assert_eq!(payment_of(&ana, &booking).await["status"], "disputed");
    assert_eq!(member_event_count(&app, "payment_paid").await, 1);
}
