//! Taking a place.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{assert_consistent, book, cancel, wait_for};
use crate::harness::{Answer, Class, PASSWORD, TestApp, until};

#[tokio::test]
async fn a_place_is_booked_at_the_price_of_the_day_and_the_member_is_told() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app.class(20).await;
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
    let told = "select count(*) from member_events where kind = 'booking_confirmed'";
    assert_eq!(app.count(told).await, 1);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn one_active_booking_a_member_and_occurrence() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app.class(20).await;
    let tries = join_all((0..16).map(|_| book(&ana, class))).await;
    let made = tries.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1);
    for refused in tries.iter().filter(|answer| answer.status != 201) {
        refused.expect_code(409, "already_booked");
    }
    assert_consistent(&app).await;
    // Cancelled, it may be booked again.
    let booking = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    cancel(&ana, &booking).await.expect(200);
    book(&ana, class).await.expect(201);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_full_class_is_refused_and_its_line_is_joined_in_order() {
    let app = TestApp::start().await;
    let class = app.class(1).await;
    let [ana, ben, eva] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    ];
    book(&ana, class).await.expect(201);
    book(&ben, class).await.expect_code(409, "class_full");
    for (person, position) in [(&ben, 1), (&eva, 2)] {
        let waiting = wait_for(person, class).await.expect(201);
        assert_eq!(waiting["status"], "waitlisted");
        assert_eq!(waiting["waitlistPosition"], position);
    }
    wait_for(&ben, class)
        .await
        .expect_code(409, "already_booked");
    assert_consistent(&app).await;
}

#[tokio::test]
async fn what_has_begun_is_cancelled_or_does_not_exist_cannot_be_booked() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let begun = app
        .class_like(Class {
            starts_in: -0.1,
            ..Class::default()
        })
        .await;
    book(&ana, begun).await.expect_code(409, "class_started");
    let cancelled = app.class(20).await;
    app.sql(&format!(
        "update scheduled_classes set is_cancelled = true where id = '{cancelled}'"
    ))
    .await;
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
async fn in_the_last_hours_nobody_joins_the_line_and_who_waits_may_take_a_free_place() {
    let app = TestApp::start().await;
    let class = app
        .class_like(Class {
            starts_in: 2.5,
            places: 1,
            ..Class::default()
        })
        .await;
    let [ana, ben, eva] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    ];
    let booking = book(&ana, class).await.expect(201);
    wait_for(&ben, class).await.expect(201);
    app.app.clock().advance(chrono::TimeDelta::seconds(3_600));
    wait_for(&eva, class)
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
    assert_consistent(&app).await;
}

/// Has a member close their account and book, both at once: the one that is
/// first to meet what `locked` holds comes first. Returns how the booking went.
async fn booked_while_closing(app: &TestApp, locked: &str, closing_first: bool) -> Answer {
    let ana = app.member("ana").await;
    let class = app.class(20).await;
    let held = app.hold(locked).await;
    let (booker, closer) = (ana.copy(), ana.copy());
    let book = async move { book(&booker, class).await };
    let close = async move {
        let proof = json!({ "currentPassword": PASSWORD });
        let request = closer.request(Method::DELETE, "/api/auth/me").json(&proof);
        closer.send(request).await
    };
    let until_waiting = async |count| until(async || app.waiting().await == count).await;
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
    assert_consistent(app).await;
    booking.await.unwrap()
}

#[tokio::test]
async fn a_closed_account_keeps_no_booking_whichever_comes_first() {
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
async fn the_demo_account_books_nothing() {
    let settings = crate::harness::Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(settings).await;
    let demo = app.visitor();
    demo.sign_in("demo@sabor.dev", "password123")
        .await
        .expect(200);
    let class = app.class(1).await;
    book(&demo, class).await.expect_code(403, "demo_account");
    demo.get("/api/bookings/list").await.expect(200);
}
