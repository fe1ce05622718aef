//! Limits on the bookings of one member.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::{assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist};
use crate::harness::{NewClass, Settings, TestApp, TestResponse};

const UNPAID: &str = "too_many_unpaid_bookings";

async fn create_classes(app: &TestApp, count: usize) -> Vec<Uuid> {
    let mut classes = Vec::new();
    for _ in 0..count {
        classes.push(app.create_class(1).await);
    }
    classes
}

/// Asserts that every response is a 409 with this code, except those with 201 and 429. The
/// rate limit may reject some of the requests with 429.
fn assert_rejected(responses: &[TestResponse], code: &str) {
    let rejected = responses
        .iter()
        .filter(|response| !matches!(response.status, 201 | 429));
    for response in rejected {
        response.expect_code(409, code);
    }
}

#[tokio::test]
async fn of_sixty_four_concurrent_unpaid_bookings_three_succeed() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let classes = create_classes(&app, 64).await;
    let responses = join_all(classes.iter().map(|class| book(&ana, *class))).await;
    let booked = responses.iter().filter(|response| response.status == 201);
    assert_eq!(booked.count(), 3);
    assert_rejected(&responses, UNPAID);
    assert_eq!(app.count("select count(*) from bookings").await, 3);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn paid_free_past_and_cancelled_bookings_do_not_count_as_unpaid() {
    let app = TestApp::start_with(Settings::default().with("MAX_UNPAID_BOOKINGS", "1")).await;
    let ana = app.member("ana").await;
    let soon = NewClass {
        starts_in: Some(1.0),
        ..NewClass::default()
    };
    let booking = book(&ana, app.create_class_with(soon).await)
        .await
        .expect(201);
    let class = app.create_class(5).await;
    book(&ana, class).await.expect_code(409, UNPAID);
    // The class that was booked first has begun.
    app.app.clock().advance(TimeDelta::minutes(90));
    book(&ana, class).await.expect(201);
    app.app.clock().advance(TimeDelta::minutes(-90));
    cancel(&ana, &booking).await.expect(200);
    let list = ana
        .get("/api/bookings/list?when=upcoming")
        .await
        .expect(200);
    let items = list["items"].as_array().unwrap().clone();
    let booking = items
        .iter()
        .find(|booking| booking["scheduledClassId"] == json!(class))
        .unwrap();
    let other_class = app.create_class(5).await;
    book(&ana, other_class).await.expect_code(409, UNPAID);
    insert_desk_payment(&app, booking).await;
    book(&ana, other_class).await.expect(201);
    let free_class = NewClass {
        price: "0.00",
        ..NewClass::default()
    };
    book(&ana, app.create_class_with(free_class).await)
        .await
        .expect(201);
    let class = app.create_class(5).await;
    book(&ana, class).await.expect_code(409, UNPAID);
    // Another member has a limit of their own.
    book(&app.member("ben").await, class).await.expect(201);
}

/// A waitlist entry can become a booking without another request of the member.
#[tokio::test]
async fn waitlist_entries_count_as_unpaid_bookings() {
    let app = TestApp::start_with(Settings::default().with("MAX_UNPAID_BOOKINGS", "1")).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ben, class).await.expect(201);
    join_waitlist(&ana, class).await.expect(201);
    let other_class = app.create_class(1).await;
    book(&ana, other_class).await.expect_code(409, UNPAID);
    join_waitlist(&ana, other_class)
        .await
        .expect_code(409, UNPAID);
    // The waitlist closes shortly before the class, so Ana must book the free spot herself.
    // Her entry has been counted already, so the limit does not prevent this.
    app.app.clock().advance(TimeDelta::minutes(70 * 60 + 30));
    cancel(&ben, &booking).await.expect(200);
    book(&ana, class).await.expect(201);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn staff_can_book_for_a_member_beyond_the_limit() {
    let app = TestApp::start_with(Settings::default().with("MAX_UNPAID_BOOKINGS", "1")).await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let classes = create_classes(&app, 3).await;
    book(&ana, classes[0]).await.expect(201);
    book(&ana, classes[1]).await.expect_code(409, UNPAID);
    for class in &classes[1..] {
        let payload = json!({ "userId": ana.user_id().await, "scheduledClassId": class });
        staff.post("/api/admin/bookings", payload).await.expect(201);
    }
}

#[tokio::test]
async fn cancellations_of_bookings_that_staff_made_count_too() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let payload = json!({ "userId": ana.user_id().await, "scheduledClassId": class });
    let book_by_staff = async || {
        let response = staff.post("/api/admin/bookings", payload.clone()).await;
        response.expect(201)
    };
    for _ in 0..30 {
        cancel(&ana, &book_by_staff().await).await.expect(200);
    }
    let booking = book_by_staff().await;
    cancel(&ana, &booking)
        .await
        .expect_code(429, "too_many_requests");
    // The bookings that a member makes have a limit of their own.
    book(&ana, app.create_class(1).await).await.expect(201);
}

#[tokio::test]
async fn bookings_of_a_member_cannot_overlap() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let class_at = async |starts_in| {
        let class = NewClass {
            starts_in: Some(starts_in),
            spots: 1,
            ..NewClass::default()
        };
        app.create_class_with(class).await
    };
    let class = class_at(50.0).await;
    let booking = book(&ana, class).await.expect(201);
    for starts_in in [49.5, 50.0, 50.9] {
        let overlapping_class = class_at(starts_in).await;
        book(&ana, overlapping_class)
            .await
            .expect_code(409, "overlapping_booking");
        let payload =
            json!({ "userId": ana.user_id().await, "scheduledClassId": overlapping_class });
        let rejected = staff.post("/api/admin/bookings", payload).await;
        rejected.expect_code(409, "overlapping_booking");
        let other_member = &app.members(1).await[0];
        book(other_member, overlapping_class).await.expect(201);
        join_waitlist(&ana, overlapping_class)
            .await
            .expect_code(409, "overlapping_booking");
    }
    // Cancelled bookings and bookings of cancelled classes do not overlap with others.
    let overlapping_class = class_at(50.5).await;
    cancel(&ana, &booking).await.expect(200);
    book(&ana, overlapping_class).await.expect(201);
    app.mark_cancelled(overlapping_class).await;
    book(&ana, class).await.expect(201);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn one_of_sixty_four_concurrent_overlapping_bookings_succeeds() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut classes = Vec::new();
    for number in 0..64 {
        let class = NewClass {
            starts_in: Some(50.0 + f64::from(number) / 100.0),
            ..NewClass::default()
        };
        classes.push(app.create_class_with(class).await);
    }
    let responses = join_all(classes.iter().map(|class| book(&ana, *class))).await;
    let booked = responses.iter().filter(|response| response.status == 201);
    assert_eq!(booked.count(), 1);
    assert_rejected(&responses, "overlapping_booking");
}

#[tokio::test]
async fn a_member_can_book_two_consecutive_classes() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for class in create_classes(&app, 2).await {
        book(&ana, class).await.expect(201);
    }
    let consecutive_pairs = "select count(*) from scheduled_classes a join scheduled_classes b
        on a.end_time = b.start_time";
    assert_eq!(app.count(consecutive_pairs).await, 1);
}
