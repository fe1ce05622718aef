//! `api/auth/logout.rs`

use reqwest::Method;
use serde_json::json;

use crate::harness::{TestApp, send_from_origin};

#[tokio::test]
async fn signing_out_ends_the_session_and_clears_the_cookie() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let old_client = ana.copy();
    assert!(old_client.is_signed_in().await);
    let response = ana.post("/api/auth/logout", json!({})).await;
    assert_eq!(response.expect(200), json!({ "success": true }));
    assert!(
        response
            .header("set-cookie")
            .unwrap()
            .contains("Max-Age=0;")
    );
    assert!(!old_client.is_signed_in().await);
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
}

#[tokio::test]
async fn signing_out_without_a_session_succeeds_too() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let request_without_body = visitor.request(Method::POST, "/api/auth/logout");
    visitor.send(request_without_body).await.expect(200);
    visitor.set_cookie(Some("__Host-sabor_session=forged.forged".to_owned()));
    visitor
        .post("/api/auth/logout", json!({}))
        .await
        .expect(200);
    assert_eq!(visitor.cookie(), None);
}

#[tokio::test]
async fn signing_out_everywhere_ends_the_sessions_on_all_devices() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let luis = app.member("luis").await;
    ana.post("/api/auth/logout", json!({ "all": true }))
        .await
        .expect(200);
    assert!(!phone.is_signed_in().await);
    assert!(luis.is_signed_in().await);
}

#[tokio::test]
async fn signing_out_deletes_an_anonymous_session() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor.visit_twice().await;
    visitor
        .post("/api/auth/logout", json!({ "all": true }))
        .await
        .expect(200);
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
}

#[tokio::test]
async fn other_sites_cannot_sign_anybody_in_or_out() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    // Browsers do not send the cookie with a form of another site, so `visitor` has none.
    for path in ["/api/auth/logout", "/api/auth/login"] {
        let visitor = app.visitor();
        let form = visitor
            .request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded");
        let response = send_from_origin(form, "https://evil.example").await;
        response.expect_code(403, "foreign_origin");
        assert!(response.header("set-cookie").is_none());
    }
    assert!(ana.is_signed_in().await);
}
