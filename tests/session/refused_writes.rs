//! Sessions while Redis responds but refuses writes.

use std::time::Duration;

use redis_endpoint::FaultMode;
use serde_json::{Value, json};

use crate::harness::{TestApp, TestClient, wait_until};

const LOGOUT_EXECUTABLE: &str = env!("CARGO_BIN_EXE_auth-logout");

/// A reason for which Redis refuses writes.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Replica,
    FullMemory,
    ReadOnlyToken,
}

impl Fault {
    const ALL: [Self; 3] = [Self::Replica, Self::FullMemory, Self::ReadOnlyToken];

    /// Returns the first word of the error.
    fn kind(self) -> &'static str {
        match self {
            Self::Replica => "READONLY",
            Self::FullMemory => "OOM",
            Self::ReadOnlyToken => "NOPERM",
        }
    }

    async fn begin(self, app: &TestApp) {
        let run = async |words: &[&str]| app.redis.command(words).await.unwrap();
        match self {
            Self::Replica => drop(run(&["REPLICAOF", "127.0.0.1", "1"]).await),
            Self::FullMemory => {
                run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
                run(&["CONFIG", "SET", "maxmemory", "1"]).await;
            }
            Self::ReadOnlyToken => {
                let mode = app.redis.set_mode(FaultMode::ReadOnlyToken);
                mode.await.unwrap();
            }
        }
    }

    async fn end(self, app: &TestApp) {
        let run = async |words: &[&str]| app.redis.command(words).await.unwrap();
        match self {
            Self::Replica => drop(run(&["REPLICAOF", "NO", "ONE"]).await),
            Self::FullMemory => drop(run(&["CONFIG", "SET", "maxmemory", "0"]).await),
            Self::ReadOnlyToken => app.redis.set_mode(FaultMode::Normal).await.unwrap(),
        }
    }
}

/// Registers a member whose session is cached in Redis.
async fn cached_member(app: &TestApp) -> TestClient {
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    ana
}

async fn health(app: &TestApp) -> Value {
    app.visitor().get("/api/health").await.expect(200)
}

fn count_lines(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn refused_writes_are_logged_once_and_shown_by_the_health_check() {
    for fault in Fault::ALL {
        let Some((app, _server)) = TestApp::start_on_own_redis().await else {
            return;
        };
        let ana = cached_member(&app).await;
        let copy_with_old_cookie = ana.copy();
        let function = app.start_function(LOGOUT_EXECUTABLE).await;
        fault.begin(&app).await;
        app.redis.clear_log();
        let ana_at_function = ana.connected_to_url(&function.url);
        ana_at_function
            .post("/api/auth/logout", json!({}))
            .await
            .expect(200);
        // Waits for the first attempt and two retries.
        wait_until(async || app.redis.count("DEL") >= 3).await;
        wait_until(async || count_lines(&function.log(), "Redis refuses writes") == 1).await;
        let log = function.log();
        assert_eq!(
            count_lines(&log, "failed to invalidate cache entries"),
            1,
            "{log}"
        );
        assert_eq!(count_lines(&log, "Redis refuses writes"), 1, "{log}");
        assert!(log.contains(fault.kind()), "{log}");
        // The keys of Redis contain session keys.
        assert!(!log.contains("change:"), "{log}");

        // This process has not written to Redis since the fault began. It learns of the refusal from its own
        // health check, which writes to Redis.
        let body = health(&app).await;
        assert_eq!(body["status"], "degraded", "{fault:?}");
        let kv = &body["services"]["kv"];
        assert_eq!(kv["status"], "connected");
        assert_eq!(kv["refusedWrite"]["kind"], fault.kind());
        assert!(kv["refusedWrite"]["at"].is_string(), "{kv}");
        // A process that knows of the refusal does not trust the records in Redis.
        assert!(!copy_with_old_cookie.is_signed_in().await, "{fault:?}");

        fault.end(&app).await;
        let body = health(&app).await;
        assert_eq!(body["status"], "healthy", "{fault:?}");
        assert_eq!(body["services"]["kv"]["refusedWrite"], Value::Null);
    }
}

#[tokio::test]
async fn an_invocation_ends_while_redis_refuses_writes_and_its_retries_resume_later() {
    let app = TestApp::start().await;
    let ana = cached_member(&app).await;
    let copy_with_old_cookie = ana.copy();
    let mut function = app.start_function(LOGOUT_EXECUTABLE).await;
    app.redis.set_mode(FaultMode::ReadOnly).await.unwrap();
    let ana_at_function = ana.connected_to_url(&function.url);
    let request = ana_at_function
        .request(reqwest::Method::POST, "/api/auth/logout")
        .header("x-vercel-internal-invocation-id", "i")
        .header("x-vercel-internal-request-id", "7")
        .json(&json!({}));
    ana_at_function.send(request).await.expect(200);
    let end = tokio::time::timeout(Duration::from_secs(60), function.next_message()).await;
    assert_eq!(end.expect("the invocation must end")["type"], "end");

    app.redis.set_mode(FaultMode::Normal).await.unwrap();
    let visitor_at_function = app.visitor().connected_to_url(&function.url);
    wait_until(async || {
        // The function runs again during a request of another visitor.
        let response = visitor_at_function.post("/api/auth/logout", json!({}));
        response.await.expect(200);
        !copy_with_old_cookie.is_signed_in().await
    })
    .await;
}
