//! Payments and refunds, with the stand-in for Stripe in `harness/stripe.rs`.

mod balance_transactions;
mod desk_payments;
mod disputes;
pub mod failed_refunds;
mod list;
mod mails;
mod partial_refunds;
mod previous_version;
mod refunds;
mod unpaid_checkouts;
mod webhook;
mod webhook_signatures;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sabor::runtime::background::{self, WaitUntil};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::bookings::book;
use crate::harness::{StripeStandIn, TestApp, TestClient, TestResponse, stripe_event};

/// Starts an application that accepts cards, and its Stripe stand-in.
pub async fn start_with_stripe() -> (TestApp, StripeStandIn) {
    let stripe = StripeStandIn::start().await;
    // The members of these tests start more payments than they complete.
    let settings = stripe.settings().with("MAX_UNPAID_BOOKINGS", "100");
    let app = TestApp::start_with(settings).await;
    (app, stripe)
}

pub async fn start_payment(person: &TestClient, booking: &Value, method: &str) -> TestResponse {
    let payload = json!({ "bookingId": booking["id"], "method": method });
    person.post("/api/bookings/payment", payload).await
}

/// Returns the payment of a booking, as the member sees it.
pub async fn payment_of(person: &TestClient, booking: &Value) -> Value {
    let id = booking["id"].as_str().unwrap();
    let path = format!("/api/bookings/payment?bookingId={id}");
    person.get(&path).await.expect(200)["payment"].clone()
}

/// Books a class and starts a checkout; returns the booking and the session.
pub async fn start_checkout(
    app: &TestApp,
    stripe: &StripeStandIn,
    person: &TestClient,
) -> (Value, Value) {
    let booking = book(person, app.create_class(1).await).await.expect(201);
    let started = start_payment(person, &booking, "card").await.expect(201);
    let session = stripe.session_by_url(&started["checkoutUrl"]);
    (booking, session)
}

/// Books a class and pays by card; returns the booking and the session.
pub async fn book_and_pay(
    app: &TestApp,
    stripe: &StripeStandIn,
    person: &TestClient,
) -> (Value, Value) {
    let (booking, session) = start_checkout(app, stripe, person).await;
    let session = stripe.complete_checkout(&session);
    app.deliver_event(&checkout_completed(&session))
        .await
        .expect(200);
    assert_eq!(payment_of(person, &booking).await["status"], "paid");
    (booking, session)
}

/// Returns the event that reports a completed session.
pub fn checkout_completed(session: &Value) -> Value {
    event_about("checkout.session.completed", session)
}

/// Returns an event whose id is derived from its kind and object.
pub fn event_about(kind: &str, object: &Value) -> Value {
    let id = format!("evt_{kind}_{}", object["id"].as_str().unwrap());
    stripe_event(&id, kind, object)
}

/// Returns the event that reports a refunded charge, in the shape of
/// <https://docs.stripe.com/api/charges/object>.
pub fn charge_refunded(session: &Value) -> Value {
    let intent = session["payment_intent"].as_str().unwrap();
    let charge = json!({
        "id": intent.replace("pi_", "ch_"),
        "object": "charge",
        "amount": session["amount_total"],
        "amount_captured": session["amount_total"],
        "amount_refunded": session["amount_total"],
        "captured": true,
        "currency": session["currency"],
        "metadata": session["metadata"],
        "paid": true,
        "payment_intent": intent,
        "refunded": true,
        "status": "succeeded",
    });
    event_about("charge.refunded", &charge)
}

/// Delivers the event of this kind, such as `created`, about a dispute.
pub async fn deliver_dispute(app: &TestApp, kind: &str, dispute: &Value) {
    let event = event_about(&format!("charge.dispute.{kind}"), dispute);
    app.deliver_event(&event).await.expect(200);
}

/// Returns how often a payment was recorded for manual review.
pub async fn review_count(app: &TestApp) -> i64 {
    app.count("select count(*) from security_events where kind = 'payment_mismatch'")
        .await
}

/// Returns the status of a booking.
pub async fn booking_status(app: &TestApp, booking: &Value) -> String {
    let id = booking["id"].as_str().unwrap();
    let rows = app
        .sql(&format!("select status from bookings where id = '{id}'"))
        .await;
    rows[0].get(0)
}

/// Settles expired card payments, as the clean-up does; returns how many were settled.
pub async fn release_unpaid(app: &TestApp) -> u64 {
    let released = sabor::payments::reconcile::release_unpaid(&app.app, deadline());
    run_with_background(released).await.unwrap().count
}

/// Processes due refunds, as the clean-up does; returns how many were completed.
pub async fn process_refunds(app: &TestApp) -> u64 {
    let refunded = sabor::payments::reconcile::refund_due(&app.app, deadline());
    run_with_background(refunded).await.unwrap().count
}

/// Compares memberships with Stripe, as the clean-up does; returns how many.
pub async fn sync_memberships(app: &TestApp) -> u64 {
    let synced = sabor::payments::reconcile::sync_memberships(&app.app, deadline());
    run_with_background(synced).await.unwrap().count
}

/// Runs `work`, and then waits for the background work that it has started, such as sending
/// a refund.
async fn run_with_background<T>(work: impl Future<Output = T>) -> T {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let wait_until: WaitUntil = Arc::new(move |background_work| {
        let _ = sender.send(tokio::spawn(background_work));
    });
    let output = background::scope(wait_until, work).await;
    // Before a task ends, it has sent the tasks that it started.
    while let Ok(task) = receiver.try_recv() {
        task.await.unwrap();
    }
    output
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Makes all pending card payments overdue.
pub async fn expire_card_payments(app: &TestApp) {
    app.sql("update payments set expires_at = now() - interval '1 second', next_attempt_at = now() where status = 'pending' and coalesce(method, tender) = 'card'")
        .await;
}

/// Makes all payments and refunds due for their next attempt.
pub async fn make_payments_due(app: &TestApp) {
    app.sql("update payments set next_attempt_at = now()").await;
    app.sql(
        "update refunds set next_attempt_at = now() - interval '1 second'
        where state in ('due', 'sent')",
    )
    .await;
}

/// Returns the number of member events of this kind.
pub async fn member_event_count(app: &TestApp, kind: &str) -> i64 {
    app.count(&format!(
        "select count(*) from member_events where kind = '{kind}'"
    ))
    .await
}
