//! Internal errors: the caller gets an error code and a request id, but no details.

use sabor::{Result, Routes};
use serde_json::json;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::path::Operation;

use crate::harness::{LocalServer, SITE, Settings, TestApp, TestResponse};

async fn panicking_handler() -> Result<()> {
    panic!("the address of the database is secret");
}

#[tokio::test]
async fn a_panicking_handler_returns_a_documented_500() {
    let app = TestApp::start().await;
    let routes = Routes::new().add(
        "/api/broken".to_owned(),
        &[HttpMethod::Get],
        &Operation::default(),
        panicking_handler,
    );
    let router = sabor::http::router(app.app.clone(), vec![routes]);
    let server = LocalServer::start(router).await;
    let url = format!("{}/api/broken", server.url);
    // The second request shows that the process continues after a panic.
    for _ in 0..2 {
        let request = reqwest::Client::new().get(&url).header("origin", SITE);
        let response = TestResponse::read(request.send().await.unwrap()).await;
        let body = response.expect_code(500, "internal");
        assert_eq!(body["error"], "Something went wrong on our side");
        assert_eq!(response.header("x-request-id"), body["requestId"].as_str());
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert!(!response.text.contains("secret"));
        // Error responses have CORS headers too.
        assert_eq!(response.header("access-control-allow-origin"), Some(SITE));
    }
}

#[tokio::test]
async fn driver_errors_are_not_shown_to_the_caller() {
    // A failed statement is an internal error.
    let app = TestApp::start().await;
    app.sql("alter table users rename column first_name to another")
        .await;
    let response = app.visitor().sign_in_as("ana").await;
    let body = response.expect_code(500, "internal");
    assert_eq!(body["error"], "Something went wrong on our side");
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
    // An unreachable database is an outage.
    let unreachable_url = "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable";
    let settings = Settings::default().with("POSTGRES_URL", unreachable_url);
    let app = TestApp::start_with(settings).await;
    let response = app.visitor().sign_in_as("ana").await;
    let body = response.expect_code(503, "unavailable");
    let message = "The service is temporarily unavailable; please try again";
    assert_eq!(body["error"], message);
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
}

#[tokio::test]
async fn an_encrypted_value_copied_to_another_row_cannot_be_decrypted() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let luis = app.member("luis").await;
    let patch = json!({ "medicalConditions": "asma leve" });
    ana.patch("/api/auth/me", patch).await.expect(200);
    app.sql(
        "update users set medical_conditions =
            (select medical_conditions from users where email = 'ana@example.com')",
    )
    .await;
    let me = ana.get("/api/auth/me").await.expect(200);
    assert_eq!(me["medicalConditions"], "asma leve");
    let response = luis.get("/api/auth/me").await;
    let me = response.expect(200);
    assert_eq!(me["medicalConditions"], json!(null));
    assert_eq!(me["medicalConditionsUnreadable"], true);
    assert!(!response.text.contains("asma"));
}
