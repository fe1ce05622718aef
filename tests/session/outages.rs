//! Sessions while Redis or Postgres is unavailable, slow, or outdated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis_endpoint::{FaultMode, WhileHeld};
use serde_json::json;

use crate::harness::{Settings, TestApp, wait_until};

/// Every kind of failure of Redis.
const REDIS_FAILURES: [FaultMode; 9] = [
    FaultMode::Unreachable,
    FaultMode::Slow(Duration::from_secs(2)),
    FaultMode::ReadOnly,
    FaultMode::ReadOnlyToken,
    FaultMode::Silent,
    FaultMode::NotJson,
    FaultMode::CutOff,
    FaultMode::Unauthorized,
    FaultMode::CommandErrors,
];

#[tokio::test]
async fn every_kind_of_redis_failure_only_slows_requests_down() {
    for mode in REDIS_FAILURES {
        let app = TestApp::start().await;
        let ana = app.member("ana").await;
        app.redis.set_mode(mode).await.unwrap();
        assert!(ana.is_signed_in().await, "{mode:?}");
        let visits = ana.get("/api/session/test-session").await.expect(200);
        assert_eq!(visits["visits"], 1, "{mode:?}");
        let phone = app.visitor();
        phone.sign_in_as("ana").await.expect(200);
        ana.delete("/api/sessions").await.expect(200);
        assert!(!phone.is_signed_in().await, "{mode:?}");
        let old_client = ana.copy();
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        assert!(!old_client.is_signed_in().await, "{mode:?}");
        // The sign-out also holds after Redis has recovered.
        app.redis.set_mode(FaultMode::Normal).await.unwrap();
        assert!(!old_client.is_signed_in().await, "{mode:?}");
    }
}

#[tokio::test]
async fn a_sign_out_during_a_redis_outage_reaches_other_processes_afterwards() {
    for mode in [
        FaultMode::Unreachable,
        FaultMode::ReadOnly,
        FaultMode::Silent,
    ] {
        let app = TestApp::start().await;
        let other = app.start_another().await;
        let ana = app.member("ana").await;
        let elsewhere = ana.connected_to(&other);
        assert!(elsewhere.is_signed_in().await);
        app.wait_for_session_records(1).await;
        let old_client = ana.copy();
        app.redis.set_mode(mode).await.unwrap();
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        app.redis.set_mode(FaultMode::Normal).await.unwrap();
        // The sign-out takes effect immediately in the same process, and in other
        // processes once Redis has the invalidation.
        assert!(!old_client.is_signed_in().await, "{mode:?}");
        wait_until(async || !elsewhere.is_signed_in().await).await;
    }
}

#[tokio::test]
async fn a_revocation_waits_at_most_a_second_for_its_invalidation() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.redis.set_mode(FaultMode::Silent).await.unwrap();
    let sign_out = ana.post("/api/auth/logout", json!({}));
    // The limit is longer than a second because the test machine may be busy.
    let response = tokio::time::timeout(Duration::from_secs(30), sign_out).await;
    response
        .expect("the sign-out must get a response although the invalidation hangs")
        .expect(200);
}

#[tokio::test]
async fn a_session_read_while_redis_was_unresponsive_is_not_cached() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let held = app
        .redis
        .hold_next(|command| command[0] == "MGET", WhileHeld::Wait);
    // The current generation is unknown, so no record can be written.
    assert!(ana.is_signed_in().await);
    held.release().await;
    app.app.db().close();
    for _ in 0..3 {
        let response = ana.get("/api/auth/session").await;
        response.expect_code(503, "unavailable");
    }
}

#[tokio::test]
async fn an_empty_redis_ends_no_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let luis = app.member("luis").await;
    assert!(ana.is_signed_in().await);
    let old_client = luis.copy();
    luis.post("/api/auth/logout", json!({})).await.expect(200);
    app.redis.flush().await.unwrap();
    assert!(ana.is_signed_in().await);
    assert!(!old_client.is_signed_in().await);
}

#[tokio::test]
async fn stale_redis_records_do_not_undo_a_sign_out() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let old_client = ana.copy();
    assert!(old_client.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let old = app.redis.snapshot().await.unwrap();
    app.redis.set_mode(FaultMode::Unreachable).await.unwrap();
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    app.redis.restore(&old).await.unwrap();
    app.redis.set_mode(FaultMode::Normal).await.unwrap();
    for _ in 0..20 {
        assert!(!old_client.is_signed_in().await);
    }
    let other = app.start_another().await;
    wait_until(async || !old_client.connected_to(&other).is_signed_in().await).await;
}

#[tokio::test]
async fn an_unresponsive_redis_is_skipped_after_a_few_timeouts() {
    let settings = Settings::default().with("KV_TIMEOUT_MS", "200");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    app.redis.set_mode(FaultMode::Silent).await.unwrap();
    app.redis.clear_log();
    for _ in 0..30 {
        assert!(ana.is_signed_in().await);
    }
    let waited = app.redis.count("MGET");
    assert!((1..=4).contains(&waited), "{waited} of 30 waited");
    // Redis is used again once it responds.
    app.redis.set_mode(FaultMode::Normal).await.unwrap();
    app.redis.clear_log();
    wait_until(async || {
        assert!(ana.is_signed_in().await);
        app.redis.count("MGET") > 0
    })
    .await;
}

#[tokio::test]
async fn sessions_work_with_postgres_alone() {
    let settings = Settings::default().with("KV_REST_API_URL", "");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    let health = app.visitor().get("/api/health").await.expect(200);
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["services"]["kv"]["status"], "not configured");
    ana.copy()
        .post("/api/auth/logout", json!({}))
        .await
        .expect(200);
    assert!(!ana.is_signed_in().await);
    assert_eq!(app.redis.request_count(), 0);
}

#[tokio::test]
async fn without_postgres_cached_sessions_continue_and_other_requests_return_503() {
    let (app, cluster) = TestApp::start_on_own_cluster().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let uncached = app.visitor();
    uncached.sign_in_as("ana").await.expect(200);
    let health = app.visitor().get("/api/health").await.expect(200);
    assert_eq!(health["status"], "healthy");
    cluster.stop().await.unwrap();

    assert!(ana.is_signed_in().await);
    for (person, path) in [(&uncached, "/api/auth/session"), (&ana, "/api/auth/me")] {
        let response = person.get(path).await;
        response.expect_code(503, "unavailable");
        assert!(response.header("retry-after").is_some());
        assert!(response.header("set-cookie").is_none());
    }
    ana.post("/api/auth/logout", json!({}))
        .await
        .expect_code(503, "unavailable");
    assert!(ana.cookie().is_some());
    // This request counts a visit. Its write never reaches Postgres, so it does not
    // invalidate the cached record.
    ana.get("/api/session/test-session").await.expect(503);
    assert!(ana.is_signed_in().await);
    let visitor = app.visitor();
    visitor
        .sign_in_as("ana")
        .await
        .expect_code(503, "unavailable");
    let health = visitor.get("/api/health").await.expect(503);
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["services"]["database"]["status"], "disconnected");
    assert_eq!(health["services"]["kv"]["status"], "connected");

    cluster.restart().await.unwrap();
    assert!(uncached.is_signed_in().await);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_postgres_restart_under_load_loses_no_confirmed_write() {
    let (app, cluster) = TestApp::start_on_own_cluster().await;
    let ana = app.member("ana").await;
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (ana, stop) = (ana.copy(), stop.clone());
            tokio::spawn(async move {
                let mut counted = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let response = ana.get("/api/session/test-session").await;
                    assert!(matches!(response.status, 200 | 503), "{}", response.text);
                    counted += u64::from(response.status == 200);
                }
                counted
            })
        })
        .collect();
    let visits = "select coalesce((session_data ->> 'visits')::bigint, 0) from user_sessions";
    wait_until(async || app.count(visits).await > 50).await;
    cluster.restart().await.unwrap();
    let after = app.count(visits).await;
    wait_until(async || app.count(visits).await > after + 50).await;
    stop.store(true, Ordering::Relaxed);
    let mut confirmed = 0;
    for task in load {
        confirmed += task.await.unwrap();
    }
    // Every confirmed visit is stored. An unconfirmed visit may be stored too.
    let stored = u64::try_from(app.count(visits).await).unwrap();
    assert!(stored >= confirmed, "{stored} of {confirmed}");
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn an_unresponsive_postgres_returns_503() {
    // This listener accepts connections and never responds.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let settings = Settings::default()
        .with(
            "POSTGRES_URL",
            format!("postgres://u:p@127.0.0.1:{port}/d?sslmode=disable"),
        )
        .with("POSTGRES_CONNECT_TIMEOUT_MS", "300");
    let app = TestApp::start_with(settings).await;
    let response = app.visitor().sign_in_as("ana").await;
    response.expect_code(503, "unavailable");
    assert!(!response.text.contains(&port.to_string()));
}
