//! `api/classes/availability.rs`

use serde_json::json;
use uuid::Uuid;

use super::{get_ok, values_of};
use crate::bookings::{book, join_waitlist};
use crate::harness::{NewClass, TestApp};

#[tokio::test]
async fn the_availability_of_several_classes_is_returned_at_once() {
    let app = TestApp::start().await;
    let full_class = app.create_class(1).await;
    let cancelled_class = app.create_class(7).await;
    let later_class = app
        .create_class_with(NewClass {
            starts_in: Some(90.0),
            ..NewClass::default()
        })
        .await;
    app.mark_cancelled(cancelled_class).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    book(&ana, full_class).await.expect(201);
    join_waitlist(&ben, full_class).await.expect(201);
    let unknown_id = Uuid::now_v7();
    let path = format!(
        "/api/classes/availability?ids={later_class},{full_class},{unknown_id},{cancelled_class},{full_class}"
    );
    let response = get_ok(&app.visitor(), &path).await;
    // Each known class is listed once, ordered by start.
    assert_eq!(
        values_of(&response, "id"),
        [
            json!(full_class),
            json!(cancelled_class),
            json!(later_class)
        ]
    );
    assert_eq!(values_of(&response, "placesLeft"), [0, 0, 20]);
    assert_eq!(values_of(&response, "waitlistLength"), [1, 0, 0]);
    assert_eq!(values_of(&response, "maxParticipants"), [1, 7, 20]);
    assert_eq!(values_of(&response, "isCancelled"), [false, true, false]);
    assert!(response["items"][0]["startTime"].is_string());
    assert_eq!(response["nextCursor"], json!(null));
}

#[tokio::test]
async fn up_to_a_hundred_valid_ids_are_accepted() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let ids: Vec<_> = (0..101).map(|_| Uuid::now_v7().to_string()).collect();
    let path_with_hundred_ids = format!("/api/classes/availability?ids={}", ids[..100].join(","));
    assert_eq!(
        get_ok(&visitor, &path_with_hundred_ids).await["items"],
        json!([])
    );
    for invalid_ids in [
        ids.join(","),
        String::new(),
        ",".to_owned(),
        format!("{},", ids[0]),
        "1".to_owned(),
        "x".repeat(5_000),
        format!("{{{}}}", ids[0]),
        format!("urn:uuid:{}", ids[0]),
    ] {
        let path = format!("/api/classes/availability?ids={invalid_ids}");
        let response = visitor.get(&path).await;
        let body = response.expect_code(400, "validation_failed");
        assert!(body["details"]["ids"].is_array(), "{invalid_ids}");
    }
    let response = visitor.get("/api/classes/availability").await;
    response.expect_code(400, "validation_failed");
}
