//! `api/auth/me.rs`

use reqwest::Method;
use serde_json::json;

use crate::harness::{PASSWORD, TestApp};

#[tokio::test]
async fn a_member_sees_and_changes_the_whole_profile() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let patch = json!({
        "firstName": "  Anita ",
        "phone": "+1 303 555 0100",
        "dateOfBirth": "1990-02-28",
        "emergencyContactName": "Luis",
        "emergencyContactPhone": "+1 303 555 0101",
        "experienceLevel": "advanced",
        "medicalConditions": "asma\r\nleve",
        "marketingConsent": true,
    });
    let profile = ana.patch("/api/auth/me", patch).await.expect(200);
    assert_eq!(profile["name"], "Anita Reyes");
    assert_eq!(profile["medicalConditions"], "asma\nleve");
    assert_eq!(ana.get("/api/auth/me").await.expect(200), profile);
    // Omitted fields keep their value; null clears a field.
    let patch = json!({ "phone": null, "medicalConditions": "" });
    let profile = ana.patch("/api/auth/me", patch).await.expect(200);
    assert_eq!(profile["phone"], json!(null));
    assert_eq!(profile["medicalConditions"], json!(null));
    assert_eq!(profile["emergencyContactName"], "Luis");
}

#[tokio::test]
async fn a_profile_change_is_visible_immediately_in_every_session_and_process() {
    let app = TestApp::start().await;
    let other_app = app.start_another().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let phone = phone.connected_to(&other_app);
    for _ in 0..2 {
        phone.get("/api/auth/session").await.expect(200);
    }
    ana.patch("/api/auth/me", json!({ "lastName": "Soto" }))
        .await
        .expect(200);
    let session = phone.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["name"], "ana Soto");
}

#[tokio::test]
async fn fields_reserved_for_the_studio_are_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for field in ["isAdmin", "isStaff", "email", "emailVerified", "password"] {
        let response = ana.patch("/api/auth/me", json!({ field: true })).await;
        let body = response.expect_code(400, "validation_failed");
        assert!(body["details"][field].is_array(), "{field}");
    }
}

#[tokio::test]
async fn closing_an_account_requires_the_password_and_ends_all_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let close = |password: &str| {
        let body = json!({ "currentPassword": password });
        ana.request(Method::DELETE, "/api/auth/me").json(&body)
    };
    ana.send(close("guess"))
        .await
        .expect_code(403, "wrong_password");
    assert!(phone.is_signed_in().await);
    ana.send(close(PASSWORD)).await.expect(200);
    assert_eq!(ana.cookie(), None);
    assert!(!phone.is_signed_in().await);
    app.visitor().sign_in_as("ana").await.expect(401);
    assert_eq!(app.count("select count(*) from users").await, 1);
}
