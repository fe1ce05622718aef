//! The `Idempotency-Key` header on bookings.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_bookings_consistent, book};
use crate::harness::{TestApp, TestClient, TestResponse};

async fn post_with_key(person: &TestClient, path: &str, key: &str, body: Value) -> TestResponse {
    let request = person
        .request(Method::POST, path)
        .header("idempotency-key", key);
    person.send(request.json(&body)).await
}

#[tokio::test]
async fn the_same_key_and_body_return_the_first_response() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let payload = json!({ "scheduledClassId": app.create_class(20).await });
    let tries =
        (0..16).map(|_| post_with_key(&ana, "/api/bookings/create", "once", payload.clone()));
    let responses: Vec<Value> = join_all(tries)
        .await
        .iter()
        .map(|a| a.expect(201))
        .collect();
    assert!(responses.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(app.count("select count(*) from bookings").await, 1);
    let cancellation = json!({ "bookingId": responses[0]["id"] });
    let first = post_with_key(&ana, "/api/bookings/cancel", "regret", cancellation.clone())
        .await
        .expect(200);
    let again = post_with_key(&ana, "/api/bookings/cancel", "regret", cancellation)
        .await
        .expect(200);
    assert_eq!(first, again);
    // The booking is cancelled, but the stored response stays.
    let replayed = post_with_key(&ana, "/api/bookings/create", "once", payload)
        .await
        .expect(201);
    assert_eq!(replayed["status"], "booked");
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn the_same_key_with_another_body_is_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let payload = json!({ "scheduledClassId": app.create_class(20).await });
    post_with_key(&ana, "/api/bookings/create", "once", payload.clone())
        .await
        .expect(201);
    let other = json!({ "scheduledClassId": app.create_class(20).await });
    post_with_key(&ana, "/api/bookings/create", "once", other)
        .await
        .expect_code(409, "idempotency_key_reused");
    // Keys are separate for each member.
    let ben = app.member("ben").await;
    post_with_key(&ben, "/api/bookings/create", "once", payload)
        .await
        .expect(201);
}

#[tokio::test]
async fn an_error_response_is_repeated_too() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let payload = json!({ "scheduledClassId": class });
    let path = "/api/bookings/create";
    let first = post_with_key(&ben, path, "once", payload.clone()).await;
    let first = first.expect_code(409, "class_full");
    super::cancel(&ana, &booking).await.expect(200);
    let again = post_with_key(&ben, path, "once", payload.clone()).await;
    assert_eq!(
        again.expect_code(409, "class_full")["error"],
        first["error"]
    );
    post_with_key(&ben, path, "another", payload)
        .await
        .expect(201);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn an_invalid_key_is_rejected_before_anything_happens() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let payload = json!({ "scheduledClassId": app.create_class(1).await });
    for key in ["", " ", &"x".repeat(256)] {
        post_with_key(&ana, "/api/bookings/create", key, payload.clone())
            .await
            .expect_code(400, "malformed_request");
    }
    assert_eq!(app.count("select count(*) from bookings").await, 0);
}
