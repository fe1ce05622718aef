//! `api/bookings/create.rs`

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{assert_bookings_consistent, book, cancel, join_waitlist};
use crate::harness::{NewClass, PASSWORD, TestApp, TestResponse, wait_until};

#[tokio::test]
async fn a_booking_keeps_its_price_and_the_member_is_notified() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app.create_class(20).await;
    let booking = book(&ana, class).await.expect(201);
    assert_eq!(booking["status"], "booked");
    assert_eq!(booking["price"], "25.00");
    assert_eq!(booking["currency"], "USD");
    assert_eq!(booking["class"]["title"], "Salsa on a Friday");
    assert_eq!(booking["class"]["instructor"], "Marisol Vega");
    app.sql("update class_types set price_per_class = 99").await;
    let listed = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(listed["items"][0]["price"], "25.00");
    let mail = "select count(*) from mail_outbox where kind = 'booking_confirmed'
        and recipient = 'ana@example.com'";
    assert_eq!(app.count(mail).await, 1);
    let notified = "select count(*) from member_events where kind = 'booking_confirmed'";
    assert_eq!(app.count(notified).await, 1);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_member_has_one_active_booking_per_occurrence() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app.create_class(20).await;
    let tries = join_all((0..16).map(|_| book(&ana, class))).await;
    let made = tries
        .iter()
        .filter(|response| response.status == 201)
        .count();
    assert_eq!(made, 1);
    for rejected in tries.iter().filter(|response| response.status != 201) {
        rejected.expect_code(409, "already_booked");
    }
    assert_bookings_consistent(&app).await;
    // A cancelled class may be booked again.
    let booking = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    cancel(&ana, &booking).await.expect(200);
    book(&ana, class).await.expect(201);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_full_class_puts_the_member_on_the_waitlist_in_order() {
    let app = TestApp::start().await;
    let class = app.create_class(1).await;
    let [ana, ben, eva] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    ];
    book(&ana, class).await.expect(201);
    book(&ben, class).await.expect_code(409, "class_full");
    for (person, position) in [(&ben, 1), (&eva, 2)] {
        let waiting = join_waitlist(person, class).await.expect(201);
        assert_eq!(waiting["status"], "waitlisted");
        assert_eq!(waiting["waitlistPosition"], position);
    }
    join_waitlist(&ben, class)
        .await
        .expect_code(409, "already_booked");
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn started_cancelled_and_unknown_classes_cannot_be_booked() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let started = app
        .create_class_with(NewClass {
            starts_in: -0.1,
            ..NewClass::default()
        })
        .await;
    book(&ana, started).await.expect_code(409, "class_started");
    let cancelled = app.create_class(20).await;
    app.mark_cancelled(cancelled).await;
    book(&ana, cancelled)
        .await
        .expect_code(409, "class_cancelled");
    book(&ana, Uuid::now_v7())
        .await
        .expect_code(404, "not_found");
    let bad = json!({ "scheduledClassId": "7" });
    ana.post("/api/bookings/create", bad)
        .await
        .expect_code(400, "validation_failed");
}

#[tokio::test]
async fn the_waitlist_closes_before_the_start_and_waiting_members_may_book_a_free_spot() {
    let app = TestApp::start().await;
    let class = app
        .create_class_with(NewClass {
            starts_in: 2.5,
            spots: 1,
            ..NewClass::default()
        })
        .await;
    let [ana, ben, eva] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    ];
    let booking = book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    app.app.clock().advance(chrono::TimeDelta::seconds(3_600));
    join_waitlist(&eva, class)
        .await
        .expect_code(409, "waitlist_closed");
    let cancelled = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled["lateCancellation"], true);
    let waiting = &ben.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(waiting["status"], "waitlisted");
    let moved = book(&ben, class).await.expect(201);
    assert_eq!(moved["id"], waiting["id"]);
    assert_eq!(moved["status"], "booked");
    assert_eq!(moved["waitlistPosition"], json!(null));
    book(&eva, class).await.expect_code(409, "class_full");
    assert_bookings_consistent(&app).await;
}

/// Closes an account and books a class concurrently. The request that waits for
/// the lock first is processed first. Returns the response to the booking.
async fn booked_while_closing(app: &TestApp, locked: &str, closing_first: bool) -> TestResponse {
    let ana = app.member("ana").await;
    let class = app.create_class(20).await;
    let held = app.hold_locks(locked).await;
    let (booker, closer) = (ana.copy(), ana.copy());
    let book = async move { book(&booker, class).await };
    let close = async move {
        let proof = json!({ "currentPassword": PASSWORD });
        let request = closer.request(Method::DELETE, "/api/auth/me").json(&proof);
        closer.send(request).await
    };
    let until_waiting =
        async |count| wait_until(async || app.blocked_statements().await == count).await;
    let (booking, closing) = if closing_first {
        let closing = tokio::spawn(close);
        until_waiting(1).await;
        (tokio::spawn(book), closing)
    } else {
        let booking = tokio::spawn(book);
        until_waiting(1).await;
        (booking, tokio::spawn(close))
    };
    until_waiting(2).await;
    held.release().await;
    closing.await.unwrap().expect(200);
    assert_bookings_consistent(app).await;
    booking.await.unwrap()
}

#[tokio::test]
async fn a_closed_account_keeps_no_booking_in_either_order() {
    const ACTIVE: &str = "select count(*) from bookings where status <> 'cancelled'";
    let app = TestApp::start().await;
    let users = "select from users for update";
    let booking = booked_while_closing(&app, users, true).await;
    booking.expect_code(401, "session_gone");
    assert_eq!(app.count("select count(*) from bookings").await, 0);

    let app = TestApp::start().await;
    let classes = "select from scheduled_classes for update";
    booked_while_closing(&app, classes, false).await.expect(201);
    assert_eq!(app.count(ACTIVE).await, 0);
}

#[tokio::test]
async fn the_demo_account_cannot_book() {
    let settings = crate::harness::Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(settings).await;
    let demo = app.visitor();
    demo.sign_in("demo@sabor.dev", "password123")
        .await
        .expect(200);
    let class = app.create_class(1).await;
    book(&demo, class).await.expect_code(403, "demo_account");
    demo.get("/api/bookings/list").await.expect(200);
}
