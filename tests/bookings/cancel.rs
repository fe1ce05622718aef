//! `api/bookings/cancel.rs`

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use super::{
    assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist,
    set_clock_before_start,
};
use crate::harness::{NewClass, TestApp, TestClient};

#[tokio::test]
async fn cancelling_promotes_the_first_member_on_the_waitlist_and_notifies_both_members() {
    let app = TestApp::start().await;
    let class = app.create_class(1).await;
    let [ana, ben, eva] = [
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    ];
    let booking = book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    join_waitlist(&eva, class).await.expect(201);
    let cancelled_booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(cancelled_booking["status"], "cancelled");
    assert_eq!(cancelled_booking["lateCancellation"], false);
    let booking_of = async |person: &TestClient| {
        person.get("/api/bookings/list").await.expect(200)["items"][0].clone()
    };
    assert_eq!(booking_of(&ben).await["status"], "booked");
    assert_eq!(booking_of(&eva).await["waitlistPosition"], 1);
    let rows = app
        .sql(
            "select kind, recipient from mail_outbox where kind in
            ('booking_cancelled', 'booking_promoted') order by kind",
        )
        .await;
    let mails: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(
        mails,
        [
            ("booking_cancelled".into(), "ana@example.com".into()),
            ("booking_promoted".into(), "ben@example.com".into())
        ]
    );
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn another_members_booking_cannot_be_cancelled() {
    let app = TestApp::start().await;
    let class = app.create_class(5).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, class).await.expect(201);
    cancel(&ben, &booking).await.expect_code(404, "not_found");
    let unchanged_booking = &ana.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(unchanged_booking["status"], "booked");
}

#[tokio::test]
async fn a_cancellation_is_late_within_twelve_hours_of_the_start() {
    let app = TestApp::start().await;
    let people = [app.member("ana").await, app.member("ben").await];
    let class = app.create_class(2).await;
    let mut bookings = Vec::new();
    for person in &people {
        bookings.push(book(person, class).await.expect(201));
    }
    for ((person, booking), (minutes, late)) in people
        .iter()
        .zip(&bookings)
        .zip([(721, false), (719, true)])
    {
        set_clock_before_start(&app, booking, TimeDelta::minutes(minutes));
        let cancelled_booking = cancel(person, booking).await.expect(200);
        assert_eq!(cancelled_booking["lateCancellation"], late);
    }
}

#[tokio::test]
async fn leaving_the_waitlist_is_never_late() {
    let app = TestApp::start().await;
    let class = app
        .create_class_with(NewClass {
            starts_in: Some(3.0),
            spots: 1,
            ..NewClass::default()
        })
        .await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    book(&ana, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ben, class).await.expect(201);
    let cancelled_booking = cancel(&ben, &waitlisted_booking).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], false);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_payment_is_refunded_for_a_timely_cancellation_and_kept_for_a_late_one() {
    let app = TestApp::start().await;
    for (hours, status) in [(13, "refund_due"), (11, "paid")] {
        let class = app.create_class(1).await;
        let person = app
            .member(&format!("member-of-{status}").replace('_', "-"))
            .await;
        let booking = book(&person, class).await.expect(201);
        insert_desk_payment(&app, &booking).await;
        set_clock_before_start(&app, &booking, TimeDelta::hours(hours));
        let cancelled_booking = cancel(&person, &booking).await.expect(200);
        assert_eq!(cancelled_booking["paymentStatus"], status);
    }
}

#[tokio::test]
async fn cancelled_bookings_and_bookings_of_started_classes_cannot_be_cancelled() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app
        .create_class_with(NewClass {
            starts_in: Some(1.0),
            ..NewClass::default()
        })
        .await;
    let booking = book(&ana, class).await.expect(201);
    let long_reason = json!({ "bookingId": booking["id"], "reason": "x".repeat(501) });
    let rejected = ana.post("/api/bookings/cancel", long_reason).await;
    assert!(rejected.expect(400)["details"]["reason"].is_array());
    app.app.clock().advance(TimeDelta::seconds(2 * 3_600));
    cancel(&ana, &booking)
        .await
        .expect_code(409, "class_started");
    let other_class = app.create_class(1).await;
    let booking = book(&ana, other_class).await.expect(201);
    let responses = join_all((0..8).map(|_| cancel(&ana, &booking))).await;
    let success_count = responses
        .iter()
        .filter(|response| response.status == 200)
        .count();
    assert_eq!(success_count, 1);
    cancel(&ana, &booking)
        .await
        .expect_code(409, "not_cancellable");
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn closing_an_account_cancels_its_future_bookings() {
    let app = TestApp::start().await;
    let admin = app.admin("adriana").await;
    for by_admin in [false, true] {
        let (first_class, second_class) = (app.create_class(1).await, app.create_class(1).await);
        let ana = app.member(&format!("ana-{by_admin}")).await;
        let ben = app.member(&format!("ben-{by_admin}")).await;
        let booking = book(&ana, first_class).await.expect(201);
        book(&ana, second_class).await.expect(201);
        for class in [first_class, second_class] {
            join_waitlist(&ben, class).await.expect(201);
        }
        // The previous version of the program allowed a check-in days before the class.
        app.sql(&format!(
            "update bookings set status = 'attended' where id = '{}'",
            booking["id"].as_str().unwrap()
        ))
        .await;
        if by_admin {
            let id = ana.user_id().await;
            let change = json!({ "id": id, "isActive": false });
            admin.patch("/api/admin/users", change).await.expect(200);
        } else {
            ana.close_account().await;
        }
        let list = ben.get("/api/bookings/list").await.expect(200);
        for booking in list["items"].as_array().unwrap() {
            assert_eq!(booking["status"], "booked");
        }
    }
    assert_bookings_consistent(&app).await;
}
