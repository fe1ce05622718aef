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
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["price"], "25.00");
    let mails = "select count(*) from mail_outbox where kind = 'booking_confirmed'
        and recipient = 'ana@example.com'";
    assert_eq!(app.count(mails).await, 1);
    let notifications = "select count(*) from member_events where kind = 'booking_confirmed'";
    assert_eq!(app.count(notifications).await, 1);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_member_has_one_active_booking_per_occurrence() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app.create_class(20).await;
    let responses = join_all((0..16).map(|_| book(&ana, class))).await;
    let success_count = responses
        .iter()
        .filter(|response| response.status == 201)
        .count();
    assert_eq!(success_count, 1);
    for rejected in responses.iter().filter(|response| response.status != 201) {
        rejected.expect_code(409, "already_booked");
    }
    assert_bookings_consistent(&app).await;
    // After a cancellation, the member can book the class again.
    let booking = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    cancel(&ana, &booking).await.expect(200);
    book(&ana, class).await.expect(201);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn members_who_join_the_waitlist_of_a_full_class_are_ranked_in_order() {
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
        let waitlisted_booking = join_waitlist(person, class).await.expect(201);
        assert_eq!(waitlisted_booking["status"], "waitlisted");
        assert_eq!(waitlisted_booking["waitlistPosition"], position);
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
    let started_class = app
        .create_class_with(NewClass {
            starts_in: Some(-0.1),
            ..NewClass::default()
        })
        .await;
    book(&ana, started_class)
        .await
        .expect_code(409, "class_started");
    let cancelled_class = app.create_class(20).await;
    app.mark_cancelled(cancelled_class).await;
    book(&ana, cancelled_class)
        .await
        .expect_code(409, "class_cancelled");
    book(&ana, Uuid::now_v7())
        .await
        .expect_code(404, "not_found");
    let invalid_form = json!({ "scheduledClassId": "7" });
    ana.post("/api/bookings/create", invalid_form)
        .await
        .expect_code(400, "validation_failed");
}

#[tokio::test]
async fn the_waitlist_closes_before_the_start_and_its_members_can_book_a_free_spot() {
    let app = TestApp::start().await;
    let class = app
        .create_class_with(NewClass {
            starts_in: Some(2.5),
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
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], true);
    let waitlisted_booking = &ben.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(waitlisted_booking["status"], "waitlisted");
    let new_booking = book(&ben, class).await.expect(201);
    assert_eq!(new_booking["id"], waitlisted_booking["id"]);
    assert_eq!(new_booking["status"], "booked");
    assert_eq!(new_booking["waitlistPosition"], json!(null));
    book(&eva, class).await.expect_code(409, "class_full");
    assert_bookings_consistent(&app).await;
}

/// Closes an account and books a class concurrently. The request that waits for
/// the lock first is processed first. Returns the response to the booking.
async fn book_while_closing(
    app: &TestApp,
    lock_statement: &str,
    closing_first: bool,
) -> TestResponse {
    let ana = app.member("ana").await;
    let class = app.create_class(20).await;
    let locks = app.hold_locks(lock_statement).await;
    let (booking_client, closing_client) = (ana.copy(), ana.copy());
    let book_class = async move { book(&booking_client, class).await };
    let close_account = async move {
        let form = json!({ "currentPassword": PASSWORD });
        let request = closing_client.request(Method::DELETE, "/api/auth/me");
        closing_client.send(request.json(&form)).await
    };
    let wait_for_blocked =
        async |count| wait_until(async || app.blocked_statements().await == count).await;
    let (booking, closing) = if closing_first {
        let closing = tokio::spawn(close_account);
        wait_for_blocked(1).await;
        (tokio::spawn(book_class), closing)
    } else {
        let booking = tokio::spawn(book_class);
        wait_for_blocked(1).await;
        (booking, tokio::spawn(close_account))
    };
    wait_for_blocked(2).await;
    locks.release().await;
    closing.await.unwrap().expect(200);
    assert_bookings_consistent(app).await;
    booking.await.unwrap()
}

#[tokio::test]
async fn an_account_that_is_closed_during_a_booking_keeps_no_booking() {
    const ACTIVE_BOOKINGS: &str = "select count(*) from bookings where status <> 'cancelled'";
    let app = TestApp::start().await;
    let lock_users = "select from users for update";
    let response = book_while_closing(&app, lock_users, true).await;
    response.expect_code(401, "session_gone");
    assert_eq!(app.count("select count(*) from bookings").await, 0);

    let app = TestApp::start().await;
    let lock_classes = "select from scheduled_classes for update";
    book_while_closing(&app, lock_classes, false)
        .await
        .expect(201);
    assert_eq!(app.count(ACTIVE_BOOKINGS).await, 0);
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

#[tokio::test]
async fn a_member_can_book_and_cancel_thirty_times_in_an_hour() {
    let app = TestApp::start().await;
    let class = app.create_class(5).await;
    let ana = app.member("ana").await;
    for number in 0..30 {
        let booking = book(&ana, class).await.expect(201);
        if number < 29 {
            // A rejected request does not count.
            book(&ana, class).await.expect_code(409, "already_booked");
        }
        cancel(&ana, &booking).await.expect(200);
    }
    let response = book(&ana, class).await;
    response.expect_code(429, "too_many_requests");
    assert!(response.header("retry-after").is_some());
    // Other members are not affected.
    book(&app.member("ben").await, class).await.expect(201);
}
