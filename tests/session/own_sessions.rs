//! `api/sessions.rs` and `api/sessions/[id].rs`.

use serde_json::{Value, json};

use crate::harness::{TestApp, TestClient};

async fn list_sessions(person: &TestClient) -> Vec<Value> {
    let body = person.get("/api/sessions").await.expect(200);
    body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_member_lists_their_sessions_without_tokens() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    app.member("luis").await;
    let sessions = list_sessions(&ana).await;
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0]["current"], false);
    assert_eq!(sessions[1]["current"], true);
    assert_eq!(sessions[0]["ipAddress"], "198.18.0.2");
    let cookie = phone.cookie().unwrap();
    let token = cookie.split(['=', '.']).nth(1).unwrap();
    let key: String = app.sql("select session_key from user_sessions").await[0].get(0);
    let text = json!(sessions).to_string();
    assert!(!text.contains(token) && !text.contains(&key));
}

#[tokio::test]
async fn a_member_can_end_only_their_own_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    assert!(phone.is_signed_in().await);
    let luis = app.member("luis").await;
    let path = format!(
        "/api/sessions/{}",
        list_sessions(&ana).await[0]["id"].as_str().unwrap()
    );
    luis.delete(&path).await.expect_code(404, "not_found");
    assert!(phone.is_signed_in().await);
    ana.delete(&path).await.expect(200);
    assert!(!phone.is_signed_in().await);
    assert!(ana.is_signed_in().await);
    ana.delete(&path).await.expect(404);
    ana.delete("/api/sessions/7")
        .await
        .expect_code(400, "validation_failed");
}

#[tokio::test]
async fn a_member_can_end_all_other_sessions_or_all_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let body = ana.delete("/api/sessions").await.expect(200);
    assert_eq!(body["endedCount"], 1);
    assert!(!phone.is_signed_in().await);
    assert!(ana.is_signed_in().await);
    let copy_with_old_cookie = ana.copy();
    ana.delete("/api/sessions?scope=all").await.expect(200);
    assert_eq!(ana.cookie(), None);
    assert!(!copy_with_old_cookie.is_signed_in().await);
    ana.delete("/api/sessions?scope=some").await.expect(401);
}

#[tokio::test]
async fn paging_returns_every_session_once() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.sql(
        "insert into user_sessions (id, user_id, session_key, login_method, created_at,
            expires_at, absolute_expires_at)
        select gen_random_uuid(), id, 'k' || n, 'password', now() - interval '1 second',
            now() + interval '1 day', now() + interval '1 day'
        from users, generate_series(1, 7) n",
    )
    .await;
    let sessions = ana.get_all("/api/sessions?limit=3").await;
    let mut ids: Vec<_> = sessions
        .iter()
        .map(|session| session["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 8);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    ana.get("/api/sessions?limit=0")
        .await
        .expect_code(400, "validation_failed");
    ana.get("/api/sessions?cursor=x")
        .await
        .expect_code(400, "validation_failed");
}

#[tokio::test]
async fn a_cursor_with_an_out_of_range_time_is_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    // `±8000000000000000000.<uuid>`, in Base64. The time is about 250,000 years
    // before or after 1970, in microseconds.
    for cursor in [
        "LTgwMDAwMDAwMDAwMDAwMDAwMDAuMDFhMWZiZWMtZjVhNy03NzRkLTk5M2YtYjZkZWRjNmViMjAx",
        "ODAwMDAwMDAwMDAwMDAwMDAwMC4wMWExZmJlYy1mNWE3LTc3NGQtOTkzZi1iNmRlZGM2ZWIyMDE",
    ] {
        let response = ana.get(&format!("/api/sessions?cursor={cursor}")).await;
        response.expect_code(400, "validation_failed");
    }
}

#[tokio::test]
async fn expired_sessions_are_not_listed() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    app.sql(
        "update user_sessions set expires_at = now()
            where id = (select id from user_sessions order by created_at desc limit 1)",
    )
    .await;
    let sessions = list_sessions(&ana).await;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["current"], true);
}
