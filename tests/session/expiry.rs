//! Idle and absolute expiry of sessions.

use std::time::Duration;

use chrono::TimeDelta;
use sabor::session::NewAnonymousSession;

use crate::harness::{PASSWORD, TestApp};

/// Moves all timestamps of every session into the past by `interval`.
async fn age_sessions(app: &TestApp, interval: &str) {
    app.redis.flush().await.unwrap();
    let statement = format!(
        "update user_sessions set created_at = created_at - interval '{interval}',
            last_activity = last_activity - interval '{interval}',
            expires_at = expires_at - interval '{interval}',
            absolute_expires_at = absolute_expires_at - interval '{interval}'"
    );
    app.sql(&statement).await;
}

#[tokio::test]
async fn a_session_expires_after_a_day_without_use() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    age_sessions(&app, "23 hours 50 minutes").await;
    assert!(ana.is_signed_in().await);
    // That request extended the session by another day.
    age_sessions(&app, "23 hours 50 minutes").await;
    assert!(ana.is_signed_in().await);
    age_sessions(&app, "24 hours").await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_session_ends_after_seven_days_regardless_of_use() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for _ in 0..8 {
        age_sessions(&app, "20 hours").await;
        assert!(ana.is_signed_in().await);
    }
    age_sessions(&app, "8 hours").await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_remembered_session_may_idle_for_seven_days_and_ends_after_thirty() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let ana = app.visitor();
    let form =
        serde_json::json!({ "email": "ana@example.com", "password": PASSWORD, "remember": true });
    ana.post("/api/auth/login", form).await.expect(200);
    for _ in 0..4 {
        age_sessions(&app, "6 days 23 hours").await;
        assert!(ana.is_signed_in().await);
    }
    age_sessions(&app, "2 days 4 hours").await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_redis_record_expires_with_its_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.sql("update user_sessions set expires_at = now() + interval '1 minute'")
        .await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    // The record is used although the session has ended in Postgres.
    app.sql("update user_sessions set expires_at = now() - interval '1 second'")
        .await;
    assert!(ana.is_signed_in().await);
    app.app.clock().advance(TimeDelta::minutes(1));
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn activity_is_recorded_at_most_every_four_minutes() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let idle_seconds =
        "select extract(epoch from now() - last_activity)::bigint from user_sessions";
    age_sessions(&app, "3 minutes").await;
    assert!(ana.is_signed_in().await);
    assert!(app.count(idle_seconds).await >= 180);
    age_sessions(&app, "2 minutes").await;
    assert!(ana.is_signed_in().await);
    assert!(app.count(idle_seconds).await < 60);
}

#[tokio::test]
async fn a_custom_time_to_live_is_honored() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let new_session = NewAnonymousSession {
        ttl: Some(Duration::from_secs(600)),
        ..NewAnonymousSession::default()
    };
    let (token, _) = sessions.create(new_session).await.unwrap();
    let key = token.key();
    assert!(sessions.get(&key).await.unwrap().is_some());
    // `get` writes the record in the background. If the write were still pending, it could
    // store the record again after `age_sessions` has flushed Redis.
    app.wait_for_session_records(1).await;
    age_sessions(&app, "11 minutes").await;
    assert!(sessions.get(&key).await.unwrap().is_none());
    assert!(sessions.touch(&key).await.is_err());
}

#[tokio::test]
async fn reading_an_ended_session_does_not_revive_it() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    age_sessions(&app, "25 hours").await;
    for _ in 0..3 {
        assert!(!ana.is_signed_in().await);
    }
    let active_sessions = "select count(*) from user_sessions where expires_at > now()";
    assert_eq!(app.count(active_sessions).await, 0);
}

#[tokio::test]
async fn an_ended_session_cannot_be_written() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let (token, _) = sessions
        .create(NewAnonymousSession::default())
        .await
        .unwrap();
    let key = token.key();
    age_sessions(&app, "25 hours").await;
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
async fn a_touch_extends_the_idle_expiry_up_to_the_absolute_expiry() {
    let app = TestApp::start().await;
    let sessions = app.app.sessions();
    let (token, created) = sessions
        .create(NewAnonymousSession::default())
        .await
        .unwrap();
    age_sessions(&app, "20 hours").await;
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
async fn a_redis_record_never_outlives_its_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.sql("update user_sessions set expires_at = now() + interval '1 minute'")
        .await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let log = app.redis.log();
    let mut commands = log.iter().flat_map(|entry| &entry.commands);
    let set_command = commands
        .find(|command| command[0] == "SET" && command[1].starts_with("session:"))
        .unwrap();
    let record_expiry_ms: i64 = set_command.last().unwrap().parse().unwrap();
    let session_expiry_ms =
        "select (extract(epoch from expires_at) * 1000)::bigint from user_sessions";
    assert!(
        record_expiry_ms <= app.count(session_expiry_ms).await,
        "{set_command:?}"
    );
}
