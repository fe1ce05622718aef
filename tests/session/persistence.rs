//! Sessions survive restarts, and all processes share them.

use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn a_session_survives_a_restart_and_works_in_a_second_process() {
    let app = TestApp::start().await;
    // 1. A member registers. 2. The member is signed in.
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    // 3. The session is in the database.
    assert_eq!(app.count("select count(*) from user_sessions").await, 1);
    // 4. A second process accepts the session.
    let second = app.start_another().await;
    assert!(ana.connected_to(&second).is_signed_in().await);
    // 5. The session survives a restart with an empty Redis.
    app.redis.flush().await.unwrap();
    let third = app.start_another().await;
    app.stop().await;
    assert!(ana.connected_to(&third).is_signed_in().await);
    // 6. One process reads what the other writes.
    let (second_client, third_client) = (ana.connected_to(&second), ana.connected_to(&third));
    second_client
        .get("/api/session/test-session")
        .await
        .expect(200);
    let body = third_client
        .get("/api/session/test-session")
        .await
        .expect(200);
    assert_eq!(body["visits"], 2);
    // 7. Signing out in one process ends the session in the other.
    second_client
        .post("/api/auth/logout", json!({}))
        .await
        .expect(200);
    assert!(!third_client.is_signed_in().await);
    // 8. The member can sign in again.
    third_client.sign_in_as("ana").await.expect(200);
    assert!(third_client.connected_to(&second).is_signed_in().await);
}

#[tokio::test]
async fn a_rotated_secret_keeps_sessions_and_a_removed_secret_ends_them() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let old_secret = "the secret of the tests is long enough";
    let new_secret = "another secret of the tests is long too";
    let settings = crate::harness::Settings::default();
    let both_secrets = settings
        .clone()
        .with("SESSION_SECRET", format!("{new_secret},{old_secret}"));
    assert!(
        ana.connected_to(&app.start_another_with(both_secrets).await)
            .is_signed_in()
            .await
    );
    let only_new_secret = settings.with("SESSION_SECRET", new_secret);
    assert!(
        !ana.connected_to(&app.start_another_with(only_new_secret).await)
            .is_signed_in()
            .await
    );
}
