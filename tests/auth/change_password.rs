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
async fn a_new_password_invalidates_copied_cookies() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    ana.get("/api/session/test-session").await.expect(200);
    let session = ana.get("/api/auth/session").await.expect(200)["session"].clone();
    let copy = ana.copy();
    assert!(copy.is_signed_in().await);
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    let response = ana.post("/api/auth/change-password", form).await;
    assert_eq!(response.expect(200), json!({ "success": true }));
    assert_ne!(ana.cookie(), copy.cookie());
    assert!(!copy.is_signed_in().await);
    // The session has a new id. Its creation time and its data stay, and the browser still
    // deletes the cookie when the browser is closed.
    let renewed = ana.get("/api/auth/session").await.expect(200)["session"].clone();
    assert_ne!(renewed["id"], session["id"]);
    assert_eq!(renewed["createdAt"], session["createdAt"]);
    assert!(!response.header("set-cookie").unwrap().contains("Max-Age"));
    let visits = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(visits["visits"], 2);
    assert_eq!(app.count("select count(*) from user_sessions").await, 1);
}

#[tokio::test]
async fn the_new_cookie_of_a_remembered_session_expires_with_the_session() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let ana = app.visitor();
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "remember": true });
    ana.post("/api/auth/login", form).await.expect(200);
    app.redis.flush().await.unwrap();
    app.sql(
        "update user_sessions set created_at = created_at - interval '10 days',
            absolute_expires_at = absolute_expires_at - interval '10 days' where remembered",
    )
    .await;
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    let response = ana.post("/api/auth/change-password", form).await;
    response.expect(200);
    let cookie = response.header("set-cookie").unwrap();
    let (_, age) = cookie.split_once("Max-Age=").unwrap();
    let age: u64 = age.split(';').next().unwrap().parse().unwrap();
    let twenty_days = 20 * 24 * 3_600;
    assert!((twenty_days - 60..=twenty_days).contains(&age), "{age}");
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn a_rejected_password_change_keeps_the_cookie() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let form = json!({ "currentPassword": "guess", "newPassword": NEW_PASSWORD });
    let response = ana.post("/api/auth/change-password", form).await;
    response.expect_code(403, "wrong_password");
    assert_eq!(response.header("set-cookie"), None);
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn one_of_two_concurrent_password_changes_renews_the_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let (first, second) = (ana.copy(), ana.copy());
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    let (one, two) = tokio::join!(
        first.post("/api/auth/change-password", form.clone()),
        second.post("/api/auth/change-password", form),
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(matches!(statuses[1], 401 | 403), "{statuses:?}");
    let signed_in = [first.is_signed_in().await, second.is_signed_in().await];
    assert_eq!(signed_in.iter().filter(|signed_in| **signed_in).count(), 1);
    assert!(!ana.is_signed_in().await);
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
