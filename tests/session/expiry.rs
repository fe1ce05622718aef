//! When sessions end by themselves.

use std::time::Duration;

use sabor::session::NewSession;

use crate::harness::{PASSWORD, TestApp, until};

/// Makes every session look as it would after so long without use.
async fn rest(app: &TestApp, lapse: &str) {
    app.redis.flush().await.unwrap();
    let rested = format!(
        "update user_sessions set created_at = created_at - interval '{lapse}',
            last_activity = last_activity - interval '{lapse}',
            expires_at = expires_at - interval '{lapse}',
            absolute_expires_at = absolute_expires_at - interval '{lapse}'"
    );
    app.sql(&rested).await;
}

#[tokio::test]
async fn a_session_rests_for_a_day_and_no_longer() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    rest(&app, "23 hours 50 minutes").await;
    assert!(ana.is_signed_in().await);
    // That was a use: another day.
    rest(&app, "23 hours 50 minutes").await;
    assert!(ana.is_signed_in().await);
    rest(&app, "24 hours").await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn whatever_the_use_it_ends_after_seven_days() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for _ in 0..8 {
        rest(&app, "20 hours").await;
        assert!(ana.is_signed_in().await);
    }
    rest(&app, "8 hours").await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_remembered_one_rests_for_seven_days_and_ends_after_thirty() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let ana = app.visitor();
    let form =
        serde_json::json!({ "email": "ana@example.com", "password": PASSWORD, "remember": true });
    ana.post("/api/auth/login", form).await.expect(200);
    for _ in 0..4 {
        rest(&app, "6 days 23 hours").await;
        assert!(ana.is_signed_in().await);
    }
    rest(&app, "2 days 4 hours").await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_record_in_redis_ends_with_its_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.sql("update user_sessions set expires_at = now() + interval '1 second'")
        .await;
    assert!(ana.is_signed_in().await);
    assert!(ana.is_signed_in().await);
    until(async || !ana.is_signed_in().await).await;
}

#[tokio::test]
async fn use_is_written_down_once_in_four_minutes() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let lag = "select extract(epoch from now() - last_activity)::bigint from user_sessions";
    rest(&app, "3 minutes").await;
    assert!(ana.is_signed_in().await);
    assert!(app.count(lag).await >= 180);
    rest(&app, "2 minutes").await;
    assert!(ana.is_signed_in().await);
    assert!(app.count(lag).await < 60);
}

#[tokio::test]
async fn a_callers_own_lapse_is_honoured() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let new = NewSession {
        ttl: Some(Duration::from_secs(1)),
        ..NewSession::default()
    };
    let (token, _) = sessions.create(new).await.unwrap();
    let key = token.key();
    assert!(sessions.get(&key).await.unwrap().is_some());
    until(async || sessions.get(&key).await.unwrap().is_none()).await;
    assert!(sessions.touch(&key).await.is_err());
}

#[tokio::test]
async fn one_that_has_ended_is_not_brought_back_by_asking_for_it() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    rest(&app, "25 hours").await;
    for _ in 0..3 {
        assert!(!ana.is_signed_in().await);
    }
    let alive = "select count(*) from user_sessions where expires_at > now()";
    assert_eq!(app.count(alive).await, 0);
}

#[tokio::test]
async fn one_that_has_ended_is_not_written_to() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let (token, _) = sessions.create(NewSession::default()).await.unwrap();
    let key = token.key();
    rest(&app, "25 hours").await;
    let data = serde_json::json!({ "basket": 1 });
    for outcome in [
        sessions.set(&key, data.clone()).await,
        sessions.update(&key, data).await,
        sessions.increment(&key, "visits").await,
        sessions.touch(&key).await.map(|session| session.data),
    ] {
        assert!(matches!(outcome, Err(sabor::Error::SessionGone)));
    }
    let untouched = "select count(*) from user_sessions
        where session_data = '{}' and expires_at < now()";
    assert_eq!(app.count(untouched).await, 1);
}

#[tokio::test]
async fn a_touch_moves_the_idle_end_and_never_past_the_last_one() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let (token, created) = sessions.create(NewSession::default()).await.unwrap();
    rest(&app, "20 hours").await;
    let touched = sessions.touch(&token.key()).await.unwrap();
    assert!(touched.expires_at >= created.expires_at);
    app.sql(
        "update user_sessions set expires_at = now() + interval '1 minute',
            absolute_expires_at = now() + interval '1 hour'",
    )
    .await;
    let touched = sessions.touch(&token.key()).await.unwrap();
    assert_eq!(touched.expires_at, touched.absolute_expires_at);
}

#[tokio::test]
async fn a_record_is_not_believed_for_longer_than_its_session_lives() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.sql("update user_sessions set expires_at = now() + interval '1 minute'")
        .await;
    assert!(ana.is_signed_in().await);
    until(async || app.redis.count("SET") >= 1).await;
    let log = app.redis.log();
    let mut commands = log.iter().flat_map(|entry| &entry.commands);
    let written = commands.find(|command| command[0] == "SET").unwrap();
    let until_ms: i64 = written.last().unwrap().parse().unwrap();
    let ends = "select (extract(epoch from expires_at) * 1000)::bigint from user_sessions";
    assert!(until_ms <= app.count(ends).await, "{written:?}");
}
