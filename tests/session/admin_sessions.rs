//! `api/session/sessions.rs`

use crate::harness::{Settings, TestApp, wait_until};

#[tokio::test]
async fn an_administrator_lists_and_clears_all_sessions() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    app.visitor().visit_twice().await;
    app.sql("update user_sessions set expires_at = now() where user_id is null")
        .await;
    app.visitor().visit_twice().await;

    let body = admin.get("/api/session/sessions?limit=2").await.expect(200);
    assert_eq!(body["items"].as_array().unwrap().len(), 2);
    assert!(body["nextCursor"].is_string());
    let statistics = &body["statistics"];
    assert_eq!(statistics["total"], 4);
    assert_eq!(statistics["active"], 3);
    assert_eq!(statistics["expired"], 1);
    assert_eq!(statistics["anonymous"], 1);
    assert_eq!(statistics["users"], 2);
    assert_eq!(statistics["perUser"], 1.0);

    assert!(ana.is_signed_in().await);
    let body = admin.delete("/api/session/sessions").await.expect(200);
    assert_eq!(body["deletedCount"], 4);
    assert!(!ana.is_signed_in().await && !admin.is_signed_in().await);
}

#[tokio::test]
async fn members_and_visitors_may_not_list_or_clear_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let path = "/api/session/sessions";
    ana.get(path).await.expect_code(403, "forbidden");
    ana.delete(path).await.expect_code(403, "forbidden");
    app.visitor()
        .get(path)
        .await
        .expect_code(401, "not_signed_in");
    app.visitor()
        .delete(path)
        .await
        .expect_code(401, "not_signed_in");
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn in_development_everyone_may_list_and_clear_sessions() {
    let app = TestApp::start_with(Settings::default().with("SABOR_ENV", "development")).await;
    app.visitor().visit_twice().await;
    let body = app.visitor().get("/api/session/sessions").await.expect(200);
    assert_eq!(body["statistics"]["active"], 1);
    app.visitor()
        .delete("/api/session/sessions")
        .await
        .expect(200);
}

#[tokio::test]
async fn clearing_ends_a_session_that_is_being_written() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let locks = app.hold_locks("select from user_sessions for update").await;
    let sessions = app.app.sessions().clone();
    let clearing = tokio::spawn(async move { sessions.clear(None).await.unwrap() });
    wait_until(async || clearing.is_finished() || app.blocked_statements().await == 1).await;
    locks.release().await;
    assert_eq!(clearing.await.unwrap(), 1);
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
}

#[tokio::test]
async fn a_signed_out_administrator_cannot_clear_sessions() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    assert!(admin.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let snapshot = app.redis.snapshot().await.unwrap();
    let old_client = admin.copy();
    admin
        .post("/api/auth/logout", serde_json::json!({}))
        .await
        .expect(200);
    // A replica that lacks the sign-out takes over. Its outdated record allows reads only.
    app.redis.restore(&snapshot).await.unwrap();
    assert!(old_client.is_signed_in().await);
    old_client.delete("/api/session/sessions").await.expect(401);
    assert!(ana.is_signed_in().await);
}
