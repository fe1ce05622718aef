//! `api/session/sessions.rs`

use crate::harness::{Settings, TestApp};

#[tokio::test]
async fn an_administrator_sees_all_sessions_with_statistics_and_clears_them() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    app.visitor()
        .get("/api/session/test-session")
        .await
        .expect(200);
    app.sql("update user_sessions set expires_at = now() where user_id is null")
        .await;
    app.visitor()
        .get("/api/session/test-session")
        .await
        .expect(200);

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
async fn members_and_visitors_do_not() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for path in ["/api/session/sessions"] {
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
    }
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn in_development_the_route_is_open() {
    let app = TestApp::start_with(Settings::default().with("SABOR_ENV", "development")).await;
    app.visitor()
        .get("/api/session/test-session")
        .await
        .expect(200);
    let body = app.visitor().get("/api/session/sessions").await.expect(200);
    assert_eq!(body["statistics"]["active"], 1);
    app.visitor()
        .delete("/api/session/sessions")
        .await
        .expect(200);
}
