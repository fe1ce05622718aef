//! Provokes every known race of the session model.
//!
//! The Redis endpoint can hold a command back and run it later, even after its
//! sender has exited.

use std::time::Duration;

use chrono::TimeDelta;
use redis_endpoint::{FaultMode, HeldRequests, WhileHeld};
use reqwest::{Method, RequestBuilder};
use sabor::models::user::AuthenticationProof;
use sabor::session::{Credential, NewSession, Token};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{PASSWORD, Settings, TestApp, TestClient, TestResponse, connect, wait_until};

const NEW_PASSWORD: &str = "otra contraseña larga";

/// Holds back the next record that a reader writes to Redis. The reader gets a
/// response and continues.
fn hold_write_back(app: &TestApp) -> HeldRequests {
    app.redis.hold_next(
        |command| command[0] == "SET" && command[1].starts_with("session:"),
        WhileHeld::Acknowledge,
    )
}

/// Registers a member, and holds back the member's session record.
async fn member_with_late_record(app: &TestApp) -> (TestClient, HeldRequests) {
    let ana = app.member("ana").await;
    let held = hold_write_back(app);
    assert!(ana.is_signed_in().await);
    held.wait().await;
    (ana, held)
}

async fn session_key(app: &TestApp) -> String {
    app.sql("select session_key from user_sessions").await[0].get(0)
}

#[tokio::test]
async fn a_sign_out_wins_over_a_concurrent_read() {
    let app = TestApp::start().await;
    let (ana, held) = member_with_late_record(&app).await;
    let old_client = ana.copy();
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    held.release().await;
    assert!(!old_client.is_signed_in().await);
}

#[tokio::test]
async fn a_cache_write_that_arrives_minutes_late_is_ignored() {
    let app = TestApp::start().await;
    let (ana, held) = member_with_late_record(&app).await;
    let old_client = ana.copy();
    let key = session_key(&app).await;
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    // The record arrives after the generation has expired.
    app.app.clock().advance(TimeDelta::seconds(361));
    assert!(app.redis.evict(&format!("change:{key}")).await.unwrap());
    held.release().await;
    assert!(!old_client.is_signed_in().await);
}

#[tokio::test]
async fn a_profile_change_wins_over_a_concurrent_cache_write() {
    let app = TestApp::start().await;
    let (ana, held) = member_with_late_record(&app).await;
    ana.patch("/api/auth/me", json!({ "firstName": "Anita" }))
        .await
        .expect(200);
    held.release().await;
    let seen = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["firstName"], "Anita");
    // The same applies when a generation exists already.
    let second = hold_write_back(&app);
    app.redis
        .evict(&format!("session:{}", session_key(&app).await))
        .await
        .unwrap();
    assert!(ana.is_signed_in().await);
    second.wait().await;
    ana.patch("/api/auth/me", json!({ "firstName": "Ana" }))
        .await
        .expect(200);
    second.release().await;
    let seen = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["firstName"], "Ana");
}

#[tokio::test]
async fn a_password_change_wins_over_a_sign_in_with_the_old_password() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let user_id: Uuid = app.sql("select id from users").await[0].get(0);
    // The sign-in verifies the password, and then its insert waits for this lock.
    let mut client = connect(&app.database).await;
    let transaction = client.transaction().await.unwrap();
    transaction
        .execute("select from users where id = $1 for update", &[&user_id])
        .await
        .unwrap();
    let attacker = app.visitor();
    let mut sign_in = tokio::task::JoinSet::new();
    sign_in.spawn(async move {
        attacker
            .sign_in_as("ana")
            .await
            .expect_code(401, "invalid_credentials");
        attacker
    });
    wait_until(async || app.blocked_statements().await == 1).await;
    // The transaction that holds the lock changes the password.
    transaction
        .batch_execute(
            "update users set session_epoch = session_epoch + 1, password_hash = null;
            delete from user_sessions",
        )
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let attacker = sign_in.join_next().await.unwrap().unwrap();
    assert!(!attacker.is_signed_in().await);
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_proof_of_the_old_password_creates_no_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let proof = create_proof(&app).await;
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    ana.post("/api/auth/change-password", form)
        .await
        .expect(200);
    assert!(sign_in_with(&app, proof).await.is_none());
}

#[tokio::test]
async fn a_proof_from_before_a_revocation_creates_no_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let outdated_proof = create_proof(&app).await;
    ana.delete("/api/sessions").await.expect(200);
    assert!(sign_in_with(&app, outdated_proof).await.is_none());
    assert!(ana.is_signed_in().await);
    // The member can sign in again.
    app.visitor().sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn concurrent_sign_ins_and_revocations_leave_no_old_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for _ in 0..40 {
        let proof = create_proof(&app).await;
        let (token, revoked) = tokio::join!(sign_in_with(&app, proof), ana.delete("/api/sessions"));
        revoked.expect(200);
        if let Some(token) = token {
            let session = app.app.sessions().get(&token.key()).await.unwrap();
            // The revocation ends the sessions created before it.
            assert!(session.is_none());
        }
    }
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn a_sign_in_between_deletion_and_commit_is_ended_too() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let proof = create_proof(&app).await;
    // The lock stops the password change after it has deleted the sessions and before it
    // commits.
    let locks = app
        .hold_locks("lock table security_events in exclusive mode")
        .await;
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    let password_change = tokio::spawn(async move {
        let response = ana.post("/api/auth/change-password", form).await;
        response.expect(200)
    });
    wait_until(async || app.blocked_statements().await == 1).await;
    // A client that verified the old password signs in now and reads its session.
    let sessions = app.app.sessions().clone();
    let late_sign_in = tokio::spawn(async move {
        let credential = Credential::cookie(false);
        let key = credential.key();
        let created = sessions.sign_in(NewSession::new(proof, credential)).await;
        if !created.unwrap() {
            return None;
        }
        sessions.get(&key).await.unwrap();
        Some(key)
    });
    wait_until(async || late_sign_in.is_finished() || app.blocked_statements().await == 2).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    locks.release().await;
    password_change.await.unwrap();
    if let Some(key) = late_sign_in.await.unwrap() {
        let seen = app.app.sessions().get(&key).await.unwrap();
        assert!(seen.is_none(), "signed in with the old password");
    }
}

#[tokio::test]
async fn concurrent_revocations_from_one_session_both_succeed() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let locks = app.hold_locks("select from users for update").await;
    let requests: Vec<_> = (0..2)
        .map(|_| {
            let ana = ana.copy();
            tokio::spawn(async move { ana.delete("/api/sessions").await })
        })
        .collect();
    wait_until(async || app.blocked_statements().await == 2).await;
    locks.release().await;
    for request in requests {
        request.await.unwrap().expect(200);
    }
}

#[tokio::test]
async fn a_concurrent_sign_out_everywhere_ends_the_current_session_too() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let locks = app.hold_locks("select from users for update").await;
    let (first, second) = (ana.copy(), ana.copy());
    let revocation = tokio::spawn(async move { first.delete("/api/sessions").await });
    wait_until(async || app.blocked_statements().await == 1).await;
    let form = json!({ "all": true });
    let sign_out = tokio::spawn(async move { second.post("/api/auth/logout", form).await });
    wait_until(async || app.blocked_statements().await == 2).await;
    locks.release().await;
    revocation.await.unwrap().expect(200);
    sign_out.await.unwrap().expect(200);
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_sign_out_during_a_revocation_keeps_the_counters_correct() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let locks = app.hold_locks("select from users for update").await;
    let (first, second) = (ana.copy(), ana.copy());
    let revocation = tokio::spawn(async move { first.delete("/api/sessions").await });
    wait_until(async || app.blocked_statements().await == 1).await;
    second.post("/api/auth/logout", json!({})).await.expect(200);
    locks.release().await;
    revocation.await.unwrap().expect_code(401, "session_gone");
    assert!(!ana.is_signed_in().await);
    app.app.counters().write().await;
    let largest_counter = "select coalesce(max(count), 0) from daily_counters";
    assert!(app.count(largest_counter).await < 10);
}

/// Returns a proof that the first account was authenticated by its password.
async fn create_proof(app: &TestApp) -> AuthenticationProof {
    let rows = app.sql("select id, session_epoch from users").await;
    AuthenticationProof {
        user_id: rows[0].get(0),
        epoch: rows[0].get(1),
        method: "password".to_owned(),
    }
}

async fn sign_in_with(app: &TestApp, proof: AuthenticationProof) -> Option<Token> {
    let token = Token::generate();
    let credential = Credential::Cookie {
        token: token.clone(),
        remembered: false,
    };
    let new_session = NewSession::new(proof, credential);
    let created = app.app.sessions().sign_in(new_session).await;
    created.unwrap().then_some(token)
}

#[tokio::test]
async fn a_revocation_completes_when_the_caller_disconnects() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    let key = session_key(&app).await;
    let locks = app.hold_locks("select from user_sessions for update").await;
    let client = ana.copy();
    let request = tokio::spawn(async move { client.post("/api/auth/logout", json!({})).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    request.abort();
    assert!(request.await.is_err());
    locks.release().await;
    let generation = format!("change:{key}");
    wait_until(async || app.redis.get(&generation).await.unwrap().is_some()).await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_transaction_completes_when_the_caller_disconnects() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let locks = app.hold_locks("select from user_sessions for update").await;
    let client = ana.copy();
    let form = json!({ "all": true });
    let request = tokio::spawn(async move { client.post("/api/auth/logout", form).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    request.abort();
    assert!(request.await.is_err());
    locks.release().await;
    wait_until(async || app.count("select count(*) from user_sessions").await == 0).await;
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_commit_completes_when_the_caller_disconnects() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    // A deferred trigger makes the commit wait for a lock.
    app.sql(
        "create function wait() returns trigger language plpgsql
        as 'begin perform pg_advisory_xact_lock(1); return null; end'",
    )
    .await;
    app.sql(
        "create constraint trigger wait after delete on user_sessions
        deferrable initially deferred for each row execute function wait()",
    )
    .await;
    let locks = app.hold_locks("select pg_advisory_xact_lock(1)").await;
    let client = ana.copy();
    let form = json!({ "all": true });
    let request = tokio::spawn(async move { client.post("/api/auth/logout", form).await });
    let waiting_commits = "select count(*) from pg_stat_activity
        where datname = current_database() and query = 'commit' and wait_event_type = 'Lock'";
    wait_until(async || app.count(waiting_commits).await == 1).await;
    request.abort();
    assert!(request.await.is_err());
    assert_eq!(generations_sent(&app), Vec::<String>::new());
    locks.release().await;
    wait_until(async || !generations_sent(&app).is_empty()).await;
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_destroyed_session_is_never_read_again_in_either_process() {
    let app = TestApp::start().await;
    let other = app.start_another().await;
    app.member("ana").await;
    for round in 0..150_u64 {
        let token = sign_in_with(&app, create_proof(&app).await).await.unwrap();
        let key = token.key();
        let readers: Vec<_> = (0..4)
            .map(|reader| {
                let process = if reader % 2 == 0 { &app } else { &other };
                let (sessions, key) = (process.app.sessions().clone(), key.clone());
                tokio::spawn(async move {
                    while sessions.get(&key).await.unwrap().is_some() {
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..round % 17 {
            tokio::task::yield_now().await;
        }
        assert!(app.app.sessions().destroy(&key).await.unwrap().is_some());
        // After the response no process returns the session.
        for process in [&app, &other] {
            for _ in 0..3 {
                assert!(process.app.sessions().get(&key).await.unwrap().is_none());
            }
        }
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_session_check_costs_one_redis_command_and_no_query() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    app.redis.clear_log();
    // Postgres is unreachable, so there can be no query.
    app.app.db().close();
    for _ in 0..10 {
        assert!(ana.is_signed_in().await);
    }
    assert_eq!(app.redis.request_count(), 10);
    assert_eq!(app.redis.count("MGET"), 10);
}

// Each of the following tests of the cache fails with a simpler protocol. A model checker found
// these failures.

#[tokio::test]
async fn a_late_record_is_replaced_by_a_newer_one() {
    // With `SET NX`, the late record would prevent the newer one from being stored.
    let app = TestApp::start().await;
    let (ana, held) = member_with_late_record(&app).await;
    let old_client = ana.copy();
    ana.patch("/api/auth/me", json!({ "firstName": "Anita" }))
        .await
        .expect(200);
    held.release().await;
    // The newer record replaces the late one.
    let seen = old_client.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["firstName"], "Anita");
    let record = format!("session:{}", session_key(&app).await);
    wait_until(async || {
        app.redis
            .get(&record)
            .await
            .unwrap()
            .unwrap()
            .contains("Anita")
    })
    .await;
}

#[tokio::test]
async fn a_records_lifetime_counts_from_its_creation_not_its_arrival() {
    let app = TestApp::start().await;
    let (ana, held) = member_with_late_record(&app).await;
    app.app.clock().advance(TimeDelta::seconds(301));
    held.release().await;
    app.sql("delete from user_sessions").await;
    // The row was deleted by SQL, so there is no generation. Only the expiry of the
    // late record prevents its use.
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_generation_outlives_the_record_that_it_invalidates() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    let key = session_key(&app).await;
    let record = format!("session:{key}");
    wait_until(async || app.redis.get(&record).await.unwrap().is_some()).await;
    let remaining_ms = async |name: &str| {
        let response = app.redis.command(&["PTTL", name]).await.unwrap();
        response.as_i64().unwrap()
    };
    let record_ms = remaining_ms(&record).await;
    assert!((1..=300_000).contains(&record_ms), "{record_ms}");
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    let generation_ms = remaining_ms(&format!("change:{key}")).await;
    assert!(
        (300_001..=360_000).contains(&generation_ms),
        "{generation_ms}"
    );
}

#[tokio::test]
async fn a_change_removes_the_record_instead_of_writing_it() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    let record = format!("session:{}", session_key(&app).await);
    wait_until(async || app.redis.get(&record).await.unwrap().is_some()).await;
    ana.get("/api/session/test-session").await.expect(200);
    assert!(app.redis.get(&record).await.unwrap().is_none());
}

#[tokio::test]
async fn every_retry_of_an_invalidation_uses_a_new_generation() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.redis.set_mode(FaultMode::ReadOnly).await.unwrap();
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    wait_until(async || generations_sent(&app).len() >= 2).await;
    app.redis.set_mode(FaultMode::Normal).await.unwrap();
    let mut generations = generations_sent(&app);
    let sent = generations.len();
    generations.sort();
    generations.dedup();
    assert_eq!(generations.len(), sent);
}

#[tokio::test]
async fn an_invalidation_is_sent_after_the_commit() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let locks = app.hold_locks("select from user_sessions for update").await;
    let client = ana.copy();
    let response = tokio::spawn(async move { client.post("/api/auth/logout", json!({})).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    assert_eq!(generations_sent(&app), Vec::<String>::new());
    locks.release().await;
    response.await.unwrap().expect(200);
    assert_eq!(generations_sent(&app).len(), 1);
}

/// Returns the values of all generations that were sent to Redis.
fn generations_sent(app: &TestApp) -> Vec<String> {
    let log = app.redis.log();
    let commands = log.iter().flat_map(|entry| &entry.commands);
    commands
        .filter(|command| command[0] == "SET" && command[1].starts_with("change:"))
        .map(|command| command[2].clone())
        .collect()
}

#[tokio::test]
async fn a_stale_redis_record_authenticates_reads_until_it_expires_but_no_writes() {
    let app = TestApp::start().await;
    let other = app.start_another().await;
    let ana = app.member("ana").await;
    let old_client = ana.connected_to(&other);
    assert!(old_client.is_signed_in().await);
    let record = format!("session:{}", session_key(&app).await);
    wait_until(async || app.redis.get(&record).await.unwrap().is_some()).await;
    let snapshot = app.redis.snapshot().await.unwrap();
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    assert!(!old_client.is_signed_in().await);
    // A replica that lacks the sign-out takes over.
    app.redis.restore(&snapshot).await.unwrap();
    assert!(old_client.is_signed_in().await);
    for (method, path) in [
        (Method::PATCH, "/api/auth/me"),
        (Method::DELETE, "/api/sessions"),
    ] {
        let request = old_client.copy().request(method, path).json(&json!({}));
        let response = old_client.copy().send(request).await;
        assert_eq!(response.status, 401, "{path}: {}", response.text);
    }
    app.redis.restore(&snapshot).await.unwrap();
    other.app.clock().advance(TimeDelta::seconds(301));
    assert!(!old_client.is_signed_in().await);
}

#[tokio::test]
async fn a_session_that_revokes_the_others_can_still_write() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for round in 0..20 {
        let (first, second) = (ana.copy(), ana.copy());
        let (revoked, changed) = tokio::join!(
            first.delete("/api/sessions"),
            second.patch(
                "/api/auth/me",
                json!({ "firstName": format!("Ana {round}") })
            )
        );
        revoked.expect(200);
        changed.expect(200);
    }
}

/// Asserts that every write with the cookie of an ended session is rejected.
async fn assert_every_write_rejected(person: &TestClient, other_session_id: Uuid) {
    let other_session_path = format!("/api/sessions/{other_session_id}");
    let password = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    for (method, path, body) in [
        (Method::PATCH, "/api/auth/me", json!({ "firstName": "X" })),
        (Method::POST, "/api/auth/change-password", password.clone()),
        (
            Method::DELETE,
            "/api/auth/me",
            json!({ "currentPassword": PASSWORD }),
        ),
        (Method::DELETE, "/api/sessions", json!({})),
        (Method::DELETE, &other_session_path, json!({})),
    ] {
        let person = person.copy();
        let response = person
            .send(person.request(method.clone(), path).json(&body))
            .await;
        assert_eq!(response.status, 401, "{method} {path}: {}", response.text);
    }
}

#[tokio::test]
async fn a_session_that_exists_only_in_redis_cannot_write() {
    let statements = [
        "delete from user_sessions where id = '{id}'",
        "update user_sessions set expires_at = now() where id = '{id}'",
        "update user_sessions set epoch = epoch - 1 where id = '{id}'",
    ];
    for statement in statements {
        let app = TestApp::start().await;
        let ana = app.member("ana").await;
        let session = ana.get("/api/auth/session").await.expect(200)["session"].clone();
        app.wait_for_session_records(1).await;
        let phone = app.visitor();
        phone.sign_in_as("ana").await.expect(200);
        let newest_first = "select id from user_sessions order by created_at desc";
        let other_session_id = app.sql(newest_first).await[0].get(0);
        // Direct SQL sets no generation, as if the invalidation had been lost.
        app.sql(&statement.replace("{id}", session["id"].as_str().unwrap()))
            .await;
        assert!(ana.is_signed_in().await, "{statement}");
        assert_every_write_rejected(&ana, other_session_id).await;
        // The rejected requests changed nothing.
        assert!(phone.is_signed_in().await, "{statement}");
        let me = phone.get("/api/auth/me").await.expect(200);
        assert_eq!(me["firstName"], "ana");
        app.visitor().sign_in_as("ana").await.expect(200);
    }
}

#[tokio::test]
async fn a_session_cannot_end_another_members_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.member("luis").await;
    let token = sign_in_with(&app, create_proof(&app).await).await.unwrap();
    let luis: Uuid = app
        .sql("select id from users where email = 'luis@example.com'")
        .await[0]
        .get(0);
    let sessions = app.app.sessions();
    let outcome = sessions.delete_all_of(&token.key(), luis, false).await;
    assert!(matches!(outcome, Err(sabor::Error::SessionGone)));
    assert!(ana.is_signed_in().await);
}

/// Starts a process with one connection to Postgres.
async fn start_with_one_connection() -> TestApp {
    let settings = Settings::default().with("POSTGRES_POOL_MAX", "1");
    TestApp::start_with(settings).await
}

/// Sends a request that verifies a password, and runs the SQL `change` after the
/// verification. The pool gives its only connection to the request, then to this
/// function, and then to the request again.
async fn run_after_verification(
    app: &TestApp,
    request: RequestBuilder,
    change: &str,
) -> TestResponse {
    let first_connection = app.app.db().client().await.unwrap();
    let response = tokio::spawn(request.send());
    wait_until(async || app.app.db().state().waiting == 1).await;
    let process = app.app.clone();
    let second_connection = tokio::spawn(async move { process.db().client().await.unwrap() });
    wait_until(async || app.app.db().state().waiting == 2).await;
    drop(first_connection);
    let second_connection = second_connection.await.unwrap();
    let client = connect(&app.database).await;
    client.batch_execute(change).await.unwrap();
    drop(second_connection);
    TestResponse::read(response.await.unwrap().unwrap()).await
}

#[tokio::test]
async fn a_password_proof_is_invalid_after_a_concurrent_password_change() {
    for (method, path) in [
        (Method::POST, "/api/auth/change-password"),
        (Method::DELETE, "/api/auth/me"),
    ] {
        let app = start_with_one_connection().await;
        let ana = app.member("ana").await;
        assert!(ana.is_signed_in().await);
        app.wait_for_session_records(1).await;
        let mut form = json!({ "currentPassword": PASSWORD });
        if method == Method::POST {
            form["newPassword"] = json!(NEW_PASSWORD);
        }
        let request = ana.request(method, path).json(&form);
        let change = "
            update users set session_epoch = session_epoch + 1, password_hash = 'another';
            update user_sessions set epoch = epoch + 1";
        let response = run_after_verification(&app, request, change).await;
        response.expect_code(403, "wrong_password");
        let changed =
            "select count(*) from users where password_hash <> 'another' or not is_active";
        assert_eq!(app.count(changed).await, 0, "{path}");
    }
}

#[tokio::test]
async fn a_sign_in_during_a_revocation_verifies_the_password_again() {
    let app = start_with_one_connection().await;
    app.member("ana").await;
    let form = json!({ "email": "ana@example.com", "password": PASSWORD });
    let visitor = app.visitor();
    let request = visitor.request(Method::POST, "/api/auth/login").json(&form);
    let change = "update users set session_epoch = session_epoch + 1; delete from user_sessions";
    run_after_verification(&app, request, change)
        .await
        .expect(200);
    // After a password change, the second verification fails.
    let visitor = app.visitor();
    let request = visitor.request(Method::POST, "/api/auth/login").json(&form);
    let other_hash = bcrypt::hash("another password", 4).unwrap();
    let change = format!(
        "update users set session_epoch = session_epoch + 1, password_hash = '{other_hash}';
        delete from user_sessions"
    );
    let response = run_after_verification(&app, request, &change).await;
    response.expect_code(401, "invalid_credentials");
    assert_eq!(app.count("select count(*) from user_sessions").await, 0);
}

#[tokio::test]
async fn a_proof_for_a_deactivated_account_creates_no_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let proof = create_proof(&app).await;
    app.sql("update users set is_active = false").await;
    assert!(sign_in_with(&app, proof).await.is_none());
    // The existing session is rejected too.
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn a_read_does_not_wait_for_a_row_lock() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.sql("update user_sessions set last_activity = now() - interval '10 minutes'")
        .await;
    let locks = app.hold_locks("select from user_sessions for update").await;
    let read = tokio::time::timeout(Duration::from_secs(10), ana.is_signed_in());
    assert!(read.await.expect("the read must not wait for the row lock"));
    locks.release().await;
}

#[tokio::test]
async fn a_deactivated_member_cannot_write() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let newest_first = "select id from user_sessions order by created_at desc";
    let other_session_id: Uuid = app.sql(newest_first).await[0].get(0);
    app.sql("update users set is_active = false").await;
    let other_session_path = format!("/api/sessions/{other_session_id}");
    for (method, path) in [
        (Method::PATCH, "/api/auth/me"),
        (Method::DELETE, "/api/sessions"),
        (Method::DELETE, &other_session_path),
    ] {
        let person = ana.copy();
        let request = person.request(method.clone(), path).json(&json!({}));
        let response = person.send(request).await;
        response.expect_code(401, "session_gone");
    }
    assert_eq!(app.count("select count(*) from user_sessions").await, 2);
}
