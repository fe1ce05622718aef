//! The executables of the functions, as the platform starts, freezes and stops
//! them.

use std::time::Duration;

use redis_endpoint::{FaultMode, WhileHeld};
use reqwest::Method;
use sabor::runtime::config::Timing;
use serde_json::json;
use tokio::process::Command;

use crate::harness::{PASSWORD, Settings, TestApp, wait_until};

const SESSION: &str = env!("CARGO_BIN_EXE_auth-session");
const LOGOUT: &str = env!("CARGO_BIN_EXE_auth-logout");
const REGISTER: &str = env!("CARGO_BIN_EXE_auth-register");
const END_SESSION: &str = env!("CARGO_BIN_EXE_sessions-id");

#[tokio::test]
async fn a_function_accepts_rewritten_paths() {
    let app = TestApp::start().await;
    let register = app.start_function(REGISTER).await;
    let ana = app.visitor().connected_to_url(&register.url);
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    ana.post("/signup", form).await.expect(201);
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let list = phone.get("/api/sessions").await.expect(200);
    let id = list["items"][1]["id"].as_str().unwrap();
    // In production the path segment may be only in the query.
    let end_session = app.start_function(END_SESSION).await;
    let path = format!("/api/sessions/[id]?id={id}");
    phone
        .connected_to_url(&end_session.url)
        .delete(&path)
        .await
        .expect(200);
    let session = app.start_function(SESSION).await;
    assert!(!ana.connected_to_url(&session.url).is_signed_in().await);
    assert!(phone.connected_to_url(&session.url).is_signed_in().await);
}

#[tokio::test]
async fn an_invocation_ends_only_after_its_background_work() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut function = app.start_function(SESSION).await;
    let held = app
        .redis
        .hold_next(|command| command[0] == "SET", WhileHeld::Wait);
    let ana = ana.connected_to_url(&function.url);
    let request = ana
        .request(Method::GET, "/api/auth/session")
        .header("x-vercel-internal-invocation-id", "i")
        .header("x-vercel-internal-request-id", "7");
    ana.send(request).await.expect(200);
    held.wait().await;
    // Redis has not accepted the record yet, so the invocation has not ended.
    let early_message =
        tokio::time::timeout(Duration::from_millis(100), function.next_message()).await;
    assert!(early_message.is_err());
    held.release().await;
    let end = function.next_message().await;
    assert_eq!(end["type"], "end");
    assert_eq!(end["payload"]["context"]["requestId"], 7);
}

#[tokio::test]
async fn a_function_recovers_from_connections_cut_while_it_was_frozen() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let function = app.start_function(SESSION).await;
    let ana = ana.connected_to_url(&function.url);
    for _ in 0..5 {
        app.redis.flush().await.unwrap();
        // Concurrent requests open several connections.
        let checks = futures_util::future::join_all((0..8).map(|_| ana.is_signed_in()));
        assert_eq!(checks.await, [true; 8]);
        function.send_signal("STOP").await;
        app.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()",
        )
        .await;
        app.redis.flush().await.unwrap();
        app.redis.close_connections().await.unwrap();
        function.send_signal("CONT").await;
    }
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn a_process_killed_before_invalidation_leaves_a_stale_record_only_until_it_expires() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let function = app.start_function(LOGOUT).await;
    let held_invalidation = app.redis.hold_all(
        |command| command.get(1).is_some_and(|key| key.starts_with("change:")),
        WhileHeld::Wait,
    );
    let client = ana.connected_to_url(&function.url);
    let request =
        tokio::spawn(async move { client.post("/api/auth/logout", json!({})).await.status });
    held_invalidation.wait().await;
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
    function.send_signal("KILL").await;
    drop(held_invalidation);
    let _ = request.await;
    let record_lifetime = Timing::default().record_lifetime;
    app.app
        .clock()
        .advance(chrono::TimeDelta::from_std(record_lifetime).unwrap());
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_function_finishes_its_requests_on_sigterm() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut function = app.start_function(LOGOUT).await;
    let held = app.hold_locks("select from user_sessions for update").await;
    let client = ana.connected_to_url(&function.url);
    let response = tokio::spawn(async move { client.post("/api/auth/logout", json!({})).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    function.send_signal("TERM").await;
    held.release().await;
    response.await.unwrap().expect(200);
    assert!(function.wait_for_exit().await.success());
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_function_finishes_its_invalidations_on_sigterm() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let mut function = app.start_function(LOGOUT).await;
    let held = app.hold_locks("select from user_sessions for update").await;
    let client = ana.connected_to_url(&function.url);
    let response = tokio::spawn(async move { client.post("/api/auth/logout", json!({})).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    function.send_signal("TERM").await;
    app.redis.set_mode(FaultMode::ReadOnly).await.unwrap();
    held.release().await;
    response.await.unwrap().expect(200);
    app.redis.set_mode(FaultMode::Normal).await.unwrap();
    assert!(function.wait_for_exit().await.success());
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_function_with_an_invalid_setting_names_it_and_does_not_start() {
    for (name, invalid) in [
        ("SESSION_SECRET", "short"),
        ("ENCRYPTION_KEY", "short"),
        ("POSTGRES_URL", ""),
        ("SABOR_ENV", "development"),
    ] {
        let output = Command::new(SESSION)
            .env_clear()
            .env("POSTGRES_URL", "postgres://u@localhost/d")
            .env("SESSION_SECRET", "0123456789abcdef0123456789abcdef")
            .env("ENCRYPTION_KEY", "11".repeat(32))
            .env("VERCEL_ENV", "production")
            .env(name, invalid)
            .output()
            .await
            .unwrap();
        assert!(!output.status.success());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with(&format!("sabor: {name}: ")), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_cookie_signed_with_another_secret_is_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let settings =
        Settings::default().with("SESSION_SECRET", "another secret of the tests is long too");
    let other = app.start_another_with(settings).await;
    let function = other.start_function(SESSION).await;
    assert!(!ana.connected_to_url(&function.url).is_signed_in().await);
}

#[tokio::test]
async fn the_log_has_one_json_line_per_request_and_no_secrets() {
    let app = TestApp::start().await;
    let function = app.start_function(REGISTER).await;
    let ana = app.visitor().connected_to_url(&function.url);
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    let path = "/api/auth/register?x-vercel-protection-bypass=token-in-the-query";
    ana.post(path, form).await.expect(201);
    app.member("ben").await;
    let taken = json!({ "email": "ben@example.com", "password": PASSWORD, "name": "Ben" });
    ana.post(path, taken).await.expect(409);
    let log = function.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        // Only lines about requests have a status.
        .filter(|line: &serde_json::Value| line["status"].is_u64())
        .collect();
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(201), Some(409)]);
    assert_eq!(lines[1]["code"], "email_taken");
    assert_eq!(lines[0]["route"], "/api/auth/register");
    let cookie = ana.cookie().unwrap();
    let token = cookie.split(['=', '.']).nth(1).unwrap();
    for secret in [PASSWORD, token, "token-in-the-query", "@example.com"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
