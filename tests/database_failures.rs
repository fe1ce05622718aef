//! The connection pool and transactions when the connection or Postgres fails.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use sabor::Error;
use sabor::models::idempotency_key::{IdempotencyKey, StoredResponse};
use sabor::store::client::Client;
use sabor_testing::faulty_proxy::ProxyMode;
use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::harness::{FaultyProxy, Settings, TestApp, wait_until};

/// Starts another process, which connects to the database of `app` through a faulty
/// proxy.
async fn start_behind_faulty_proxy(app: &TestApp) -> (TestApp, FaultyProxy) {
    let proxy = FaultyProxy::start(&app.database).await.unwrap();
    let settings = Settings::default().with("POSTGRES_URL", proxy.url());
    (app.start_another_with(settings).await, proxy)
}

#[tokio::test]
async fn a_rolled_back_transaction_changes_nothing() {
    let app = TestApp::start().await;
    let insert = "insert into user_sessions (id, session_key, login_method, expires_at,
        absolute_expires_at) values (gen_random_uuid(), 'k', 'anonymous', now(), now())";
    let outcome = app.app.transaction().run(async |tx| {
        tx.batch_execute(insert).await?;
        Err::<(), _>(Error::FORBIDDEN)
    });
    assert!(matches!(outcome.await, Err(Error::Forbidden { .. })));
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
    // The connection is no longer in a transaction when it is used next.
    let outcome = app.app.transaction().run(async |tx| {
        tx.batch_execute(insert).await?;
        Ok(())
    });
    outcome.await.unwrap();
    assert_eq!(app.count("select count(*) from user_sessions").await, 1);
}

#[tokio::test]
async fn a_request_that_gets_no_connection_in_time_returns_503() {
    let settings = Settings::default()
        .with("POSTGRES_POOL_MAX", "1")
        .with("POSTGRES_POOL_TIMEOUT_MS", "100");
    let app = TestApp::start_with(settings).await;
    let only_connection = app.app.db().client().await.unwrap();
    let visitor = app.visitor();
    let response = visitor.sign_in_as("ana");
    let response = tokio::time::timeout(Duration::from_secs(60), response).await;
    let response = response.expect("the request must get a response without a free connection");
    response.expect_code(503, "unavailable");
    assert!(response.header("retry-after").is_some());
    drop(only_connection);
    // On a busy machine, a new connection may take longer than 100 ms, so several attempts
    // may be needed.
    wait_until(async || visitor.sign_in_as("ana").await.status == 401).await;
}

#[tokio::test]
async fn a_read_on_a_broken_connection_is_retried() {
    let app = TestApp::start().await;
    let (proxied_app, proxy) = start_behind_faulty_proxy(&app).await;
    let ana = app.member("ana").await;
    // The statement that reads a session begins with this text.
    proxy.disconnect_before("with stale as");
    assert!(ana.connected_to(&proxied_app).is_signed_in().await);
}

#[tokio::test]
async fn a_write_succeeds_although_its_connection_died_while_idle() {
    // After 5 seconds, the pool probes the connection. After 31 seconds, it discards the
    // connection without a probe.
    for pause in [5, 31] {
        let app = TestApp::start().await;
        let (proxied_app, proxy) = start_behind_faulty_proxy(&app).await;
        let ana = app.member("ana").await.connected_to(&proxied_app);
        ana.get("/api/session/test-session").await.expect(200);
        proxy.stall_open_connections();
        proxied_app.app.clock().advance(TimeDelta::seconds(pause));
        let started = Instant::now();
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        // A statement on the dead connection would wait for 15 seconds.
        assert!(started.elapsed() < Duration::from_secs(15));
    }
}

#[tokio::test]
async fn a_statement_without_a_response_times_out_and_its_connection_is_discarded() {
    let app = TestApp::start().await;
    let (proxied_app, proxy) = start_behind_faulty_proxy(&app).await;
    let ana = app.member("ana").await.connected_to(&proxied_app);
    ana.get("/api/session/test-session").await.expect(200);
    proxy.stall_open_connections();
    let sign_out = ana.post("/api/auth/logout", json!({}));
    let response = tokio::time::timeout(Duration::from_secs(60), sign_out).await;
    let response =
        response.expect("the request must get a response although Postgres does not respond");
    response.expect_code(503, "unavailable");
    assert!(ana.cookie().is_some());
    ana.post("/api/auth/logout", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_change_with_an_unknown_commit_outcome_still_invalidates_the_cache() {
    // A sign-out is one statement. A sign-out everywhere is a transaction.
    for (statement, all) in [("delete from user_sessions", false), ("commit", true)] {
        let app = TestApp::start().await;
        let (proxied_app, proxy) = start_behind_faulty_proxy(&app).await;
        let ana = app.member("ana").await;
        assert!(ana.is_signed_in().await);
        app.wait_for_session_records(1).await;
        proxy.disconnect_after(statement);
        let form = json!({ "all": all });
        let client = ana.connected_to(&proxied_app);
        let response = client.post("/api/auth/logout", form).await;
        response.expect_code(503, "unavailable");
        assert!(client.cookie().is_some(), "{statement}");
        // The change was committed, so the cached record must no longer be accepted.
        assert_eq!(app.count("select count(*) from user_sessions").await, 0);
        assert!(!ana.is_signed_in().await, "{statement}");
    }
}

/// Fails on the first try, with the error that Postgres returns to end a deadlock.
async fn fail_once(client: &Client, tries: &AtomicU32) -> Result<(), Error> {
    fail_once_with("40P01", client, tries).await
}

/// Fails on the first try with this SQL state.
async fn fail_once_with(sqlstate: &str, client: &Client, tries: &AtomicU32) -> Result<(), Error> {
    if tries.fetch_add(1, Ordering::Relaxed) > 0 {
        return Ok(());
    }
    let failing = format!("do $$ begin raise sqlstate '{sqlstate}'; end $$");
    Ok(client.batch_execute(&failing).await?)
}

#[tokio::test]
async fn a_deadlocked_transaction_is_retried() {
    let app = TestApp::start().await;
    let tries = AtomicU32::new(0);
    let done = app
        .app
        .transaction()
        .run(async |tx| fail_once(tx, &tries).await);
    done.await.unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_deadlocked_statement_is_retried() {
    let app = TestApp::start().await;
    let tries = AtomicU32::new(0);
    let done = app
        .app
        .transaction()
        .run_statement(async |client| fail_once(client, &tries).await);
    done.await.unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_change_that_ran_into_a_lock_timeout_is_retried() {
    let app = TestApp::start().await;
    let tries = AtomicU32::new(0);
    let done = app
        .app
        .transaction()
        .run(async |tx| fail_once_with("55P03", tx, &tries).await);
    done.await.unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_lock_that_is_not_free_in_time_returns_503() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let separator = if app.database.contains('?') { '&' } else { '?' };
    let url = format!(
        "{}{separator}options=-c%20lock_timeout%3D100",
        &*app.database
    );
    let app_with_short_timeout = app
        .start_another_with(Settings::default().with("POSTGRES_URL", url))
        .await;
    let ana = ana.connected_to(&app_with_short_timeout);
    let locks = app.hold_locks("select from users for update").await;
    let form = json!({ "firstName": "Anita" });
    let response = ana.patch("/api/auth/me", form.clone()).await;
    response.expect_code(503, "unavailable");
    assert!(response.header("retry-after").is_some());
    locks.release().await;
    ana.patch("/api/auth/me", form).await.expect(200);
}

#[tokio::test]
async fn a_database_that_takes_longer_to_wake_up_than_a_health_check_becomes_healthy() {
    let app = TestApp::start().await;
    let (proxied_app, proxy) = start_behind_faulty_proxy(&app).await;
    proxy.set_mode(ProxyMode::Delay(Duration::from_millis(1_500)));
    let visitor = proxied_app.visitor();
    let first = visitor.get("/api/health").await.expect(503);
    assert_eq!(first["services"]["database"]["status"], "disconnected");
    wait_until(async || visitor.get("/api/health").await.status == 200).await;
}

#[tokio::test]
async fn a_deadlocked_idempotent_transaction_is_retried_and_stores_its_response() {
    let app = TestApp::start().await;
    let key = IdempotencyKey {
        key: "a".to_owned(),
        request_hash: "0".repeat(64),
    };
    let tries = AtomicU32::new(0);
    for _ in 0..2 {
        let done = app
            .app
            .transaction()
            .idempotent(Uuid::nil(), Some(key.clone()))
            .run(async |tx| {
                fail_once(tx, &tries).await?;
                StoredResponse::ok(&"done")
            });
        assert_eq!(done.await.unwrap().body, json!("done"));
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn a_transaction_whose_future_is_dropped_is_rolled_back() {
    let settings = Settings::default().with("POSTGRES_POOL_MAX", "1");
    let app = TestApp::start_with(settings).await;
    let insert = "insert into user_sessions (id, session_key, login_method, expires_at,
        absolute_expires_at) values (gen_random_uuid(), 'k', 'anonymous', now(), now())";
    let begun = Notify::new();
    let running = app.app.transaction().run(async |tx| {
        tx.batch_execute(insert).await?;
        begun.notify_one();
        std::future::pending::<Result<(), Error>>().await
    });
    tokio::select! {
        _ = running => unreachable!("it never ends"),
        () = begun.notified() => {}
    }
    // The only connection is usable again, and no transaction is open on it.
    let client = app.app.db().client().await.unwrap();
    let row = client
        .query_one("select count(*) from user_sessions", &[])
        .await;
    assert_eq!(row.unwrap().get::<_, i64>(0), 0);
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
}
