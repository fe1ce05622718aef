//! Where there is room.

use serde_json::json;
use uuid::Uuid;

use super::{each, get};
use crate::bookings::{book, wait_for};
use crate::harness::{Class, TestApp};

#[tokio::test]
async fn places_and_waitlists_of_several_classes_come_at_once() {
    let app = TestApp::start().await;
    let full = app.class(1).await;
    let later = app
        .class_like(Class {
            starts_in: 90.0,
            ..Class::default()
        })
        .await;
    let off = app.class(7).await;
    app.sql(&format!(
        "update scheduled_classes set is_cancelled = true where id = '{off}'"
    ))
    .await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    book(&ana, full).await.expect(201);
    wait_for(&ben, full).await.expect(201);
    let nowhere = Uuid::now_v7();
    let path = format!("/api/classes/availability?ids={later},{full},{nowhere},{off},{full}");
    let answer = get(&app.visitor(), &path).await;
    // In the order of their start, each once, and only those that there are.
    assert_eq!(each(&answer, "id"), [json!(full), json!(off), json!(later)]);
    assert_eq!(each(&answer, "placesLeft"), [0, 0, 20]);
    assert_eq!(each(&answer, "waitlistLength"), [1, 0, 0]);
    assert_eq!(each(&answer, "maxParticipants"), [1, 7, 20]);
    assert_eq!(each(&answer, "isCancelled"), [false, true, false]);
    assert!(answer["items"][0]["startTime"].is_string());
    assert_eq!(answer["nextCursor"], json!(null));
}

#[tokio::test]
async fn up_to_a_hundred_ids_are_taken_and_nothing_else() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let ids: Vec<_> = (0..101).map(|_| Uuid::now_v7().to_string()).collect();
    let hundred = format!("/api/classes/availability?ids={}", ids[..100].join(","));
    assert_eq!(get(&visitor, &hundred).await["items"], json!([]));
    for ids in [
        ids.join(","),
        String::new(),
        ",".to_owned(),
        format!("{},", ids[0]),
        "1".to_owned(),
        "x".repeat(5_000),
        format!("{{{}}}", ids[0]),
        format!("urn:uuid:{}", ids[0]),
    ] {
        let path = format!("/api/classes/availability?ids={ids}");
        let failure = visitor.get(&path).await;
        let failure = failure.expect_code(400, "validation_failed");
        assert!(failure["details"]["ids"].is_array(), "{ids}");
    }
    let answer = visitor.get("/api/classes/availability").await;
    answer.expect_code(400, "validation_failed");
}
