//! `api/auth/change-password.rs`

use serde_json::json;

use crate::harness::{PASSWORD, TestApp};

const NEW_PASSWORD: &str = "otra contraseña larga";

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    ana.post("/api/auth/change-password", form)
        .await
        .expect(200);
    assert!(ana.is_signed_in().await);
    assert!(!phone.is_signed_in().await);
    phone.sign_in_as("ana").await.expect(401);
    phone
        .sign_in("ana@example.com", NEW_PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn changing_the_password_requires_the_current_one_and_guesses_are_limited() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let form = json!({ "currentPassword": "guess", "newPassword": NEW_PASSWORD });
    for _ in 0..5 {
        let response = ana.post("/api/auth/change-password", form.clone()).await;
        response.expect_code(403, "wrong_password");
    }
    ana.post("/api/auth/change-password", form)
        .await
        .expect(429);
    assert!(ana.is_signed_in().await);
    app.visitor().sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn a_weak_new_password_is_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for weak_password in ["short", "password123", "ana@example.com"] {
        let form = json!({ "currentPassword": PASSWORD, "newPassword": weak_password });
        let body = ana
            .post("/api/auth/change-password", form)
            .await
            .expect(400);
        assert!(body["details"]["newPassword"].is_array());
    }
}
