//! The deadline until which a booking can be cancelled free of charge.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist,
    set_clock_before_start, time,
};
use crate::harness::{NewClass, Settings, TestApp, TestClient};

/// Returns the member's first booking.
async fn first_booking(person: &TestClient) -> Value {
    person.get("/api/bookings/list").await.expect(200)["items"][0].clone()
}

fn free_until(booking: &Value) -> chrono::DateTime<chrono::Utc> {
    time(&booking["freeCancellationUntil"])
}

fn start(booking: &Value) -> chrono::DateTime<chrono::Utc> {
    time(&booking["class"]["startTime"])
}

#[tokio::test]
async fn a_booking_shows_its_deadline_for_free_cancellation() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(free_until(&booking), start(&booking) - TimeDelta::hours(12));
    assert_eq!(first_booking(&ana).await, booking);
    let class = booking["scheduledClassId"].as_str().unwrap();
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    let roster = staff.get(&path).await.expect(200);
    assert_eq!(
        roster["items"][0]["freeCancellationUntil"],
        booking["freeCancellationUntil"]
    );
}

#[tokio::test]
async fn a_booking_within_the_cancellation_window_can_be_cancelled_free_of_charge_for_an_hour() {
    let app = TestApp::start().await;
    let class = app
        .create_class_with(NewClass {
            starts_in: Some(5.0),
            ..NewClass::default()
        })
        .await;
    for (minutes, late) in [(59, false), (61, true)] {
        let person = app.member(&format!("ana{minutes}")).await;
        let booking = book(&person, class).await.expect(201);
        assert_eq!(
            free_until(&booking),
            time(&booking["bookedAt"]) + TimeDelta::hours(1)
        );
        insert_desk_payment(&app, &booking).await;
        app.app.clock().advance(TimeDelta::minutes(minutes));
        let cancelled_booking = cancel(&person, &booking).await.expect(200);
        assert_eq!(cancelled_booking["lateCancellation"], late);
        let status = if late { "paid" } else { "refund_due" };
        assert_eq!(cancelled_booking["paymentStatus"], status);
        app.app.clock().advance(TimeDelta::minutes(-minutes));
    }
    // Nobody can cancel after the start, so the start is the deadline.
    let eva = app.member("eva").await;
    app.app.clock().advance(TimeDelta::minutes(4 * 60 + 30));
    let booking = book(&eva, class).await.expect(201);
    assert_eq!(free_until(&booking), start(&booking));
}

#[tokio::test]
async fn a_promotion_within_the_cancellation_window_can_be_cancelled_free_of_charge_for_an_hour() {
    let app = TestApp::start().await;
    let class = app.create_class(1).await;
    let [ana, ben, eva] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    ];
    let booking = book(&ana, class).await.expect(201);
    for person in [&ben, &eva] {
        let waitlisted_booking = join_waitlist(person, class).await.expect(201);
        assert_eq!(waitlisted_booking["freeCancellationUntil"], json!(null));
    }
    set_clock_before_start(&app, &booking, TimeDelta::hours(5));
    let promoted_at = app.app.clock().now();
    cancel(&ana, &booking).await.expect(200);
    let promoted_booking = first_booking(&ben).await;
    assert_eq!(promoted_booking["status"], "booked");
    let free_until = free_until(&promoted_booking);
    assert!(free_until >= promoted_at + TimeDelta::hours(1));
    assert!(free_until < promoted_at + TimeDelta::minutes(61));
    let cancelled_booking = cancel(&ben, &promoted_booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], false);
    let promoted_booking = first_booking(&eva).await;
    app.app.clock().advance(TimeDelta::minutes(61));
    let cancelled_booking = cancel(&eva, &promoted_booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], true);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_new_configuration_does_not_change_the_deadlines_of_existing_bookings() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let settings = Settings::default()
        .with("CANCELLATION_WINDOW_HOURS", "48")
        .with("FREE_CANCELLATION_GRACE_MINUTES", "10");
    let reconfigured_app = app.start_another_with(settings).await;
    set_clock_before_start(&reconfigured_app, &booking, TimeDelta::hours(13));
    let reconfigured_ana = ana.connected_to(&reconfigured_app);
    let cancelled_booking = cancel(&reconfigured_ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], false);
    let late_booking = book(&reconfigured_ana, app.create_class(1).await)
        .await
        .expect(201);
    let grace_end = time(&late_booking["bookedAt"]) + TimeDelta::minutes(10);
    assert_eq!(free_until(&late_booking), grace_end);
    let new_class = NewClass {
        starts_in: Some(400.0),
        ..NewClass::default()
    };
    let class = app.create_class_with(new_class).await;
    let early_booking = book(&reconfigured_ana, class).await.expect(201);
    assert_eq!(
        free_until(&early_booking),
        start(&early_booking) - TimeDelta::hours(48)
    );
}

/// The previous version of the program writes no `free_until` and calls `book_class` with
/// fewer parameters.
#[tokio::test]
async fn the_previous_version_of_the_program_still_books_and_promotes() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    for person in [&ana, &ben] {
        let outcome = app
            .sql(&format!(
                "select outcome from book_class(gen_random_uuid(), '{}', '{class}', true, now(),
                    interval '2 hours', 'USD')",
                person.user_id().await.as_str().unwrap()
            ))
            .await;
        let outcome: String = outcome[0].get(0);
        assert!(outcome == "booked" || outcome == "waitlisted", "{outcome}");
    }
    let booking = first_booking(&ana).await;
    assert_eq!(free_until(&booking), start(&booking) - TimeDelta::hours(12));
    assert_eq!(
        first_booking(&ben).await["freeCancellationUntil"],
        json!(null)
    );
    app.sql(
        "update bookings set status = 'cancelled', cancelled_at = now() where status = 'booked'",
    )
    .await;
    app.sql(
        "update bookings set status = 'booked', waitlist_position = null
        where status = 'waitlisted'",
    )
    .await;
    let booking = first_booking(&ben).await;
    assert_eq!(free_until(&booking), start(&booking) - TimeDelta::hours(12));
}
