//! `Idempotency-Key`, on bookings.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_consistent, book};
use crate::harness::{Answer, Person, TestApp};

async fn keyed(person: &Person, path: &str, key: &str, body: Value) -> Answer {
    let request = person
        .request(Method::POST, path)
        .header("idempotency-key", key);
    person.send(request.json(&body)).await
}

#[tokio::test]
async fn the_same_key_and_body_give_the_first_answer_again() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let wish = json!({ "scheduledClassId": app.class(20).await });
    let tries = (0..16).map(|_| keyed(&ana, "/api/bookings/create", "once", wish.clone()));
    let answers: Vec<Value> = join_all(tries)
        .await
        .iter()
        .map(|a| a.expect(201))
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(app.count("select count(*) from bookings").await, 1);
    let regret = json!({ "bookingId": answers[0]["id"] });
    let first = keyed(&ana, "/api/bookings/cancel", "regret", regret.clone())
        .await
        .expect(200);
    let again = keyed(&ana, "/api/bookings/cancel", "regret", regret)
        .await
        .expect(200);
    assert_eq!(first, again);
    // The booking is gone; the answer to the request that made it stays.
    let replayed = keyed(&ana, "/api/bookings/create", "once", wish)
        .await
        .expect(201);
    assert_eq!(replayed["status"], "booked");
    assert_consistent(&app).await;
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let wish = json!({ "scheduledClassId": app.class(20).await });
    keyed(&ana, "/api/bookings/create", "once", wish.clone())
        .await
        .expect(201);
    let other = json!({ "scheduledClassId": app.class(20).await });
    keyed(&ana, "/api/bookings/create", "once", other)
        .await
        .expect_code(409, "idempotency_key_reused");
    // Another member's key is another key.
    let ben = app.member("ben").await;
    keyed(&ben, "/api/bookings/create", "once", wish)
        .await
        .expect(201);
}

#[tokio::test]
async fn a_refusal_is_given_again_too() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let wish = json!({ "scheduledClassId": class });
    let path = "/api/bookings/create";
    let first = keyed(&ben, path, "once", wish.clone()).await;
    let first = first.expect_code(409, "class_full");
    super::cancel(&ana, &booking).await.expect(200);
    let again = keyed(&ben, path, "once", wish.clone()).await;
    assert_eq!(
        again.expect_code(409, "class_full")["error"],
        first["error"]
    );
    keyed(&ben, path, "another", wish).await.expect(201);
    assert_consistent(&app).await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_before_anything_is_done() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let wish = json!({ "scheduledClassId": app.class(1).await });
    for key in ["", " ", &"x".repeat(256)] {
        keyed(&ana, "/api/bookings/create", key, wish.clone())
            .await
            .expect_code(400, "malformed_request");
    }
    assert_eq!(app.count("select count(*) from bookings").await, 0);
}
