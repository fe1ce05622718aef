//! What holds when a store is away, slow, or lies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis_endpoint::{Meanwhile, Mode};
use serde_json::json;

use crate::harness::{Settings, TestApp, until};

/// Everything that a Redis can do wrong while it is there, or not.
const TROUBLE: [Mode; 8] = [
    Mode::Away,
    Mode::Slow(Duration::from_secs(2)),
    Mode::ReadOnly,
    Mode::Silent,
    Mode::NotJson,
    Mode::CutOff,
    Mode::Unauthorized,
    Mode::CommandErrors,
];

#[tokio::test]
async fn whatever_redis_does_nobody_notices_but_by_the_clock() {
    for mode in TROUBLE {
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
        let before = ana.copy();
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        assert!(!before.is_signed_in().await, "{mode:?}");
        // Nor when it is well again.
        app.redis.set_mode(Mode::Normal).await.unwrap();
        assert!(!before.is_signed_in().await, "{mode:?}");
    }
}

#[tokio::test]
async fn a_sign_out_that_redis_did_not_hear_of_holds_in_other_processes_too_once_it_is_back() {
    for mode in [Mode::Away, Mode::ReadOnly, Mode::Silent] {
        let app = TestApp::start().await;
        let other = app.another().await;
        let ana = app.member("ana").await;
        let there = ana.at(&other);
        assert!(there.is_signed_in().await);
        until(async || app.redis.count("SET") >= 1).await;
        let before = ana.copy();
        app.redis.set_mode(mode).await.unwrap();
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        app.redis.set_mode(Mode::Normal).await.unwrap();
        // At once where it was made, and as soon as the mark is heard elsewhere.
        assert!(!before.is_signed_in().await, "{mode:?}");
        until(async || !there.is_signed_in().await).await;
    }
}

#[tokio::test]
async fn a_revocation_waits_a_second_for_its_marks_and_no_longer() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.redis.set_mode(Mode::Silent).await.unwrap();
    let leaving = ana.post("/api/auth/logout", json!({}));
    let answer = tokio::time::timeout(Duration::from_secs(8), leaving).await;
    answer.expect("an answer without marks").expect(200);
}

#[tokio::test]
async fn what_was_read_while_redis_did_not_answer_is_not_written_back() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let held = app
        .redis
        .hold_next(|command| command[0] == "MGET", Meanwhile::Waiting);
    // The mark that stands is not known: under which would it be written?
    assert!(ana.is_signed_in().await);
    held.release().await;
    app.app.db().close();
    for _ in 0..3 {
        let answer = ana.get("/api/auth/session").await;
        answer.expect_code(503, "unavailable");
    }
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_costs_nobody_their_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let luis = app.member("luis").await;
    assert!(ana.is_signed_in().await);
    let before = luis.copy();
    luis.post("/api/auth/logout", json!({})).await.expect(200);
    app.redis.flush().await.unwrap();
    assert!(ana.is_signed_in().await);
    assert!(!before.is_signed_in().await);
}

#[tokio::test]
async fn a_redis_that_comes_back_with_old_records_ends_nobodys_sign_out_here() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let before = ana.copy();
    assert!(before.is_signed_in().await);
    until(async || app.redis.count("SET") >= 1).await;
    let old = app.redis.snapshot().await.unwrap();
    app.redis.set_mode(Mode::Away).await.unwrap();
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    app.redis.restore(&old).await.unwrap();
    app.redis.set_mode(Mode::Normal).await.unwrap();
    for _ in 0..20 {
        assert!(!before.is_signed_in().await);
    }
    let other = app.another().await;
    until(async || !before.at(&other).is_signed_in().await).await;
}

#[tokio::test]
async fn a_dead_redis_costs_its_deadline_a_few_times_and_no_more() {
    let settings = Settings::default().with("KV_TIMEOUT_MS", "200");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    app.redis.set_mode(Mode::Silent).await.unwrap();
    let mut waited = 0;
    for _ in 0..30 {
        let started = Instant::now();
        assert!(ana.is_signed_in().await);
        waited += u32::from(started.elapsed() >= Duration::from_millis(200));
    }
    assert!(waited <= 4, "{waited} of 30 waited");
    // And it is found again by itself.
    app.redis.set_mode(Mode::Normal).await.unwrap();
    app.redis.clear_log();
    until(async || {
        assert!(ana.is_signed_in().await);
        app.redis.count("MGET") > 0
    })
    .await;
}

#[tokio::test]
async fn without_redis_sessions_live_in_postgres_alone() {
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
    assert_eq!(app.redis.requests(), 0);
}

#[tokio::test]
async fn with_postgres_down_a_known_session_goes_on_and_nothing_is_taken_for_no() {
    let (app, cluster) = TestApp::on_own_cluster().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    until(async || app.redis.count("SET") >= 1).await;
    let unknown = app.visitor();
    unknown.sign_in_as("ana").await.expect(200);
    let health = app.visitor().get("/api/health").await.expect(200);
    assert_eq!(health["status"], "healthy");
    cluster.stop().await.unwrap();

    assert!(ana.is_signed_in().await);
    for (person, path) in [(&unknown, "/api/auth/session"), (&ana, "/api/auth/me")] {
        let answer = person.get(path).await;
        answer.expect_code(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
        assert!(answer.header("set-cookie").is_none());
    }
    ana.post("/api/auth/logout", json!({}))
        .await
        .expect_code(503, "unavailable");
    assert!(ana.cookie().is_some());
    // A write that never reached Postgres takes nothing away.
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
    assert!(unknown.is_signed_in().await);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
}

#[tokio::test]
async fn postgres_restarted_under_load_costs_some_503_and_nothing_else() {
    let (app, cluster) = TestApp::on_own_cluster().await;
    let ana = app.member("ana").await;
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (ana, stop) = (ana.copy(), stop.clone());
            tokio::spawn(async move {
                let mut counted = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let answer = ana.get("/api/session/test-session").await;
                    assert!(matches!(answer.status, 200 | 503), "{}", answer.text);
                    counted += u64::from(answer.status == 200);
                }
                counted
            })
        })
        .collect();
    let visits = "select coalesce((session_data ->> 'visits')::bigint, 0) from user_sessions";
    until(async || app.count(visits).await > 50).await;
    cluster.restart().await.unwrap();
    let after = app.count(visits).await;
    until(async || app.count(visits).await > after + 50).await;
    stop.store(true, Ordering::Relaxed);
    let mut confirmed = 0;
    for one in load {
        confirmed += one.await.unwrap();
    }
    // A visit that was answered is there; one that was not may be there too.
    let there = u64::try_from(app.count(visits).await).unwrap();
    assert!(there >= confirmed, "{there} of {confirmed}");
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn a_postgres_that_says_nothing_is_503_and_not_a_hang() {
    // Somebody listens there, and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let settings = Settings::default()
        .with(
            "POSTGRES_URL",
            format!("postgres://u:p@127.0.0.1:{port}/d?sslmode=disable"),
        )
        .with("POSTGRES_CONNECT_TIMEOUT_MS", "300");
    let app = TestApp::start_with(settings).await;
    let answer = app.visitor().sign_in_as("ana").await;
    answer.expect_code(503, "unavailable");
    assert!(!answer.text.contains(&port.to_string()));
}
