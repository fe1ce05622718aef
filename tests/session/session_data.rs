//! `api/session/test-session.rs`

use sabor::models::user::AuthenticationProof;
use sabor::session::{Credential, NewAnonymousSession, NewSession};
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn visits_are_counted_and_the_token_stays_in_the_cookie() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let first = visitor.get("/api/session/test-session").await;
    let cookie = visitor.visitor_cookie().unwrap();
    let token = cookie.split('.').next().unwrap();
    assert_eq!(first.expect(200), json!({ "sessionId": null, "visits": 1 }));
    let second = visitor.get("/api/session/test-session").await;
    assert_eq!(second.expect(200)["visits"], 2);
    assert!(!first.text.contains(token) && !second.text.contains(token));
    let third = visitor.get("/api/session/test-session").await;
    assert_eq!(third.header("set-cookie"), None);
    assert_eq!(third.expect(200)["visits"], 3);
    assert_eq!(
        second.expect(200)["sessionId"],
        third.expect(200)["sessionId"]
    );
}

#[tokio::test]
async fn a_first_visit_creates_no_session() {
    let app = TestApp::start().await;
    for _ in 0..50 {
        let body = app.visitor().get("/api/session/test-session").await;
        assert_eq!(body.expect(200)["visits"], 1);
    }
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
}

#[tokio::test]
async fn the_anonymous_sessions_of_an_ip_address_are_limited() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    for _ in 0..60 {
        visitor.copy().visit_twice().await;
    }
    let browser = visitor.copy();
    browser.get("/api/session/test-session").await.expect(200);
    let response = browser.get("/api/session/test-session").await;
    response.expect_code(429, "too_many_requests");
    assert_eq!(app.count("select count(*) from user_sessions").await, 60);
    app.visitor().visit_twice().await;
}

#[tokio::test]
async fn a_repeated_first_visit_creates_one_session() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor.get("/api/session/test-session").await.expect(200);
    for visits in 2..6 {
        // Each copy still has the cookie of the first visit.
        let response = visitor.copy().get("/api/session/test-session").await;
        assert_eq!(response.expect(200)["visits"], visits);
    }
    assert_eq!(app.count("select count(*) from user_sessions").await, 1);
}

#[tokio::test]
async fn concurrent_visits_are_all_counted() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor.get("/api/session/test-session").await.expect(200);
    let visits: Vec<_> = (0..32)
        .map(|_| {
            let visitor = visitor.copy();
            tokio::spawn(async move { visitor.get("/api/session/test-session").await.status })
        })
        .collect();
    for visit in visits {
        assert_eq!(visit.await.unwrap(), 200);
    }
    let body = visitor.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 34);
}

#[tokio::test]
async fn anonymous_session_data_moves_to_one_signed_in_session_only() {
    let app = TestApp::start().await;
    app.member("ana").await;
    app.member("luis").await;
    let visitor = app.visitor();
    visitor.visit_twice().await;
    assert!(!visitor.is_signed_in().await);
    let (ana, luis) = (visitor.copy(), visitor.copy());
    ana.sign_in_as("ana").await.expect(200);
    luis.sign_in_as("luis").await.expect(200);
    let body = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 3);
    let body = luis.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 1);
}

#[tokio::test]
async fn rejected_requests_keep_the_anonymous_session() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor.visit_twice().await;
    for path in ["/api/auth/session", "/api/auth/me", "/api/sessions"] {
        let response = visitor.get(path).await;
        response.expect_code(401, "not_signed_in");
        assert_eq!(response.header("set-cookie"), None);
    }
    let body = visitor.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 3);
}

#[tokio::test]
async fn session_data_of_a_member_is_not_passed_on_to_another_member() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.member("luis").await;
    ana.get("/api/session/test-session").await.expect(200);
    ana.sign_in_as("luis").await.expect(200);
    let body = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 1);
}

#[tokio::test]
async fn a_stale_cookie_gets_a_new_session() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor.visit_twice().await;
    let stale = visitor.visitor_cookie();
    visitor
        .copy()
        .post("/api/auth/logout", json!({}))
        .await
        .expect(200);
    let body = visitor.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 1);
    assert_ne!(visitor.visitor_cookie(), stale);
}

#[tokio::test]
async fn reading_the_session_keeps_the_anonymous_session() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor.visit_twice().await;
    // Every page starts with this request.
    let response = visitor.get("/api/auth/session").await;
    response.expect_code(401, "not_signed_in");
    assert_eq!(response.header("set-cookie"), None);
    let body = visitor.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 3);
}

#[tokio::test]
async fn a_failed_sign_in_keeps_the_anonymous_session_data() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let sessions = app.app.sessions();
    let anonymous = NewAnonymousSession {
        data: json!({ "basket": 1 }),
        ..NewAnonymousSession::default()
    };
    let (token, _) = sessions.create(anonymous).await.unwrap();
    let outdated_proof = AuthenticationProof {
        user_id: app.sql("select id from users").await[0].get(0),
        epoch: -1,
        method: "password".to_owned(),
    };
    let mut new_session = NewSession::new(outdated_proof, Credential::cookie(false));
    new_session.replaces = vec![token.key()];
    assert!(!sessions.sign_in(new_session).await.unwrap());
    let remaining = sessions.get(&token.key()).await.unwrap();
    assert_eq!(
        remaining.map(|session| session.data),
        Some(json!({ "basket": 1 }))
    );
}
