//! The `Idempotency-Key` header on bookings.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use sabor::http::{IdempotencyKey, StoredResponse};
use sabor::{Error, ErrorCode};
use serde_json::{Value, json};
use uuid::Uuid;

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
    let requests =
        (0..16).map(|_| post_with_key(&ana, "/api/bookings/create", "once", payload.clone()));
    let responses: Vec<Value> = join_all(requests)
        .await
        .iter()
        .map(|response| response.expect(201))
        .collect();
    assert!(responses.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(app.count("select count(*) from bookings").await, 1);
    let cancellation = json!({ "bookingId": responses[0]["id"] });
    let first_response = post_with_key(
        &ana,
        "/api/bookings/cancel",
        "cancel-once",
        cancellation.clone(),
    )
    .await
    .expect(200);
    let second_response = post_with_key(&ana, "/api/bookings/cancel", "cancel-once", cancellation)
        .await
        .expect(200);
    assert_eq!(first_response, second_response);
    // The cancellation does not change the stored response.
    let repeated_response = post_with_key(&ana, "/api/bookings/create", "once", payload)
        .await
        .expect(201);
    assert_eq!(repeated_response["status"], "booked");
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
    let other_payload = json!({ "scheduledClassId": app.create_class(20).await });
    post_with_key(&ana, "/api/bookings/create", "once", other_payload)
        .await
        .expect_code(409, "idempotency_key_reused");
    // Each member has their own keys.
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
    let first_error = post_with_key(&ben, path, "once", payload.clone()).await;
    let first_error = first_error.expect_code(409, "class_full");
    super::cancel(&ana, &booking).await.expect(200);
    let second_response = post_with_key(&ben, path, "once", payload.clone()).await;
    assert_eq!(
        second_response.expect_code(409, "class_full")["error"],
        first_error["error"]
    );
    post_with_key(&ben, path, "another", payload)
        .await
        .expect(201);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_request_with_an_invalid_key_books_nothing() {
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

/// Errors that depend on the session, the rate limit or the servers are not stored, because
/// the next attempt may succeed.
#[tokio::test]
async fn only_errors_with_status_400_404_or_409_are_stored() {
    let app = TestApp::start().await;
    let conflict = Error::Conflict {
        code: ErrorCode::ClassFull,
        message: "The class is full",
    };
    let throttled = Error::TooManyRequests {
        retry_after: Duration::from_secs(1),
        exceeded: Vec::new(),
        started: Vec::new(),
    };
    for (number, (error, is_stored)) in [
        (Error::SessionGone, false),
        (Error::FORBIDDEN, false),
        (throttled, false),
        (Error::unavailable("an outage"), false),
        (Error::internal("a defect"), false),
        (Error::malformed("The body is malformed"), true),
        (Error::NotFound, true),
        (conflict, true),
    ]
    .into_iter()
    .enumerate()
    {
        let key = IdempotencyKey {
            key: number.to_string(),
            request_hash: "0".repeat(64),
        };
        let error = Mutex::new(Some(error));
        let request = || {
            let transaction = app.app.transaction();
            let transaction = transaction.idempotent(Uuid::nil(), Some(key.clone()));
            transaction.run(async |_| match error.lock().unwrap().take() {
                Some(error) => Err(error),
                None => StoredResponse::ok(&"done"),
            })
        };
        let rejected = request().await.unwrap_err();
        let repeated = request().await;
        match is_stored {
            true => assert_eq!(repeated.unwrap_err().code(), rejected.code()),
            false => assert_eq!(repeated.unwrap().body, json!("done"), "{rejected}"),
        }
    }
}
