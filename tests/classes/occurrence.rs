//! `api/classes/occurrence.rs`: one class.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{create_class_at, create_class_type, get_ok, time};
use crate::bookings::{book, cancel, join_waitlist};
use crate::harness::TestApp;

#[tokio::test]
async fn a_class_is_the_same_as_in_the_schedule() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    app.sql("update class_types set image_url = 'https://cdn.example/salsa.jpg'")
        .await;
    // Denver is seven hours behind UTC.
    let id = create_class_at(&app, salsa, time("2199-01-05T02:00:00Z")).await;
    let visitor = app.visitor();
    let path = format!("/api/classes/occurrence?id={id}");
    let class = get_ok(&visitor, &path).await;
    let schedule = "/api/classes/schedule?from=2199-01-04&to=2199-01-04";
    assert_eq!(get_ok(&visitor, schedule).await["items"], json!([class]));
    assert_eq!(class["imageUrl"], "https://cdn.example/salsa.jpg");
    assert_eq!(class["localDate"], "2199-01-04");
    assert_eq!(class["localTime"], "19:00");
    assert_eq!(class["description"], "All about Salsa.");
}

#[tokio::test]
async fn a_link_to_a_past_cancelled_class_of_a_retired_type_stays_valid() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let id = create_class_at(&app, salsa, time("2020-01-05T02:00:00Z")).await;
    app.sql("update scheduled_classes set is_cancelled = true, cancellation_reason = 'Snow'")
        .await;
    app.sql("update class_types set is_active = false").await;
    app.sql("update instructors set is_active = false").await;
    app.sql("update rooms set is_active = false").await;
    let path = format!("/api/classes/occurrence?id={id}");
    let class = get_ok(&app.visitor(), &path).await;
    assert_eq!(
        (&class["isCancelled"], &class["placesLeft"]),
        (&json!(true), &json!(0))
    );
    assert!(!class.to_string().contains("Snow"), "{class}");
}

#[tokio::test]
async fn an_unknown_class_is_not_found() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let path = "/api/classes/occurrence?id=01a1fbec-f5a7-774d-993f-b6dedc6eb201";
    visitor.get(path).await.expect_code(404, "not_found");
    let response = visitor.get("/api/classes/occurrence").await;
    let body = response.expect_code(400, "validation_failed");
    assert_eq!(body["details"]["id"][0], "must be a UUID");
}

#[tokio::test]
async fn the_length_of_the_waitlist_is_current_in_every_cached_response() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let start = app.app.clock().now() + TimeDelta::days(2);
    let id = create_class_at(&app, salsa, start).await;
    app.sql("update scheduled_classes set max_participants = 1")
        .await;
    let visitor = app.visitor();
    let lengths = async || {
        let class = get_ok(&visitor, &format!("/api/classes/occurrence?id={id}")).await;
        let schedule = get_ok(&visitor, "/api/classes/schedule").await;
        assert_eq!(schedule["items"][0], class);
        let path = format!("/api/classes/details?id={}", salsa.class_type);
        assert_eq!(get_ok(&visitor, &path).await["upcomingClasses"][0], class);
        let path = format!("/api/instructors/details?id={}", salsa.instructor);
        assert_eq!(get_ok(&visitor, &path).await["upcomingClasses"][0], class);
        class["waitlistLength"].clone()
    };
    assert_eq!(lengths().await, 0);
    let (ana, ben, cleo) = (
        app.member("ana").await,
        app.member("ben").await,
        app.member("cleo").await,
    );
    let booking: Value = book(&ana, id).await.expect(201);
    assert_eq!(lengths().await, 0);
    let waiting: Value = join_waitlist(&ben, id).await.expect(201);
    join_waitlist(&cleo, id).await.expect(201);
    assert_eq!(lengths().await, 2);
    cancel(&ben, &waiting).await.expect(200);
    assert_eq!(lengths().await, 1);
    // The cancellation promotes the last member on the waitlist.
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(lengths().await, 0);
}
