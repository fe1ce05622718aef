//! `api/admin/cleanup-sessions.rs`

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{
    CRON_SECRET, MailServer, Settings, TestApp, TestClient, TestResponse, connect,
};

const PATH: &str = "/api/admin/cleanup-sessions";

async fn call_clean_up(client: &TestClient, method: Method, secret: &str) -> TestResponse {
    client
        .send(client.request(method, PATH).bearer_auth(secret))
        .await
}

async fn add_sessions(app: &TestApp, expired: u32, alive: u32) {
    let insert = |count: u32, offset: &str, key_prefix: &str| {
        format!(
            "insert into user_sessions (id, session_key, login_method, expires_at, absolute_expires_at)
            select gen_random_uuid(), '{key_prefix}' || n, 'anonymous', now() {offset}, now() {offset}
            from generate_series(1, {count}) n"
        )
    };
    app.sql(&insert(expired, "- interval '1 second'", "expired"))
        .await;
    app.sql(&insert(alive, "+ interval '1 hour'", "alive"))
        .await;
}

/// Inserts one token of each kind for a new account. Each expires at `now() {offset}`.
async fn add_tokens(app: &TestApp, offset: &str) {
    app.sql(&format!(
        "with member as (
            insert into users (id, email, first_name, last_name)
            select id, id || '@example.com', 'Ana', '' from gen_random_uuid() id
            returning id, now() {offset} as ends
        ), link as (
            insert into one_time_tokens (id, purpose, user_id, token_hash, email, epoch, expires_at)
            select id, 'verify_email', id, id, '', 0, ends from member
        ), challenge as (
            insert into sign_in_challenges
                (id, token_hash, user_id, epoch, method, remember, expires_at)
            select id, id, id, 0, 'password', false, ends from member
        ), device as (
            insert into remembered_devices (id, user_id, token_hash, epoch, expires_at)
            select id, id, id, 0, ends from member
        )
        insert into oauth_states (state_hash, provider, browser_hash, verifier, nonce,
            return_path, remember, expires_at)
        select id, 'google', '', '', '', '/', false, ends from member"
    ))
    .await;
}

#[tokio::test]
async fn only_expired_rows_are_deleted_and_the_response_counts_them() {
    let app = TestApp::start().await;
    add_sessions(&app, 15, 4).await;
    app.sql("insert into login_throttle (key, tries, window_ends_at, expires_at)
        values ('a', 1, now(), now() - interval '1 second'), ('b', 1, now(), now() + interval '1 hour')").await;
    app.sql(
        "insert into idempotency_keys (owner, key, request_hash, expires_at)
        values ('o', 'k', '', now() - interval '1 second')",
    )
    .await;
    add_tokens(&app, "- interval '1 second'").await;
    add_tokens(&app, "+ interval '1 hour'").await;
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(
        body,
        json!({
            "success": true,
            "message": "Cleaned up 15 expired sessions",
            "deletedCount": 15,
            "details": {
                "throttle": 1, "tokens": 4, "idempotencyKeys": 1, "mail": 0, "memberEvents": 0,
                "staffEvents": 0, "reminderRecords": 0, "classRemindersQueued": 0, "passRemindersQueued": 0,
                "webhookEvents": 0, "securityEvents": 0, "contactSubmissions": 0,
                "accountsErased": 0, "classesGenerated": 0, "classConflicts": 0, "daysSummed": 0, "visitsUpdated": 0, "crossAppArchived": 0, "archiveMonthsDropped": 0,
                "paymentsSettled": 0, "membershipsSynced": 0, "paymentsRefunded": 0, "refundsDue": 0, "courseOrdersRefunded": 0, "providerEntries": 0, "mailSent": 0, "mailDue": 0, "mailFailed": 0, "mailGivenUp": 0,
                "mailExpired": 0, "mailCapped": 0,
                "failed": [],
            },
            "remaining": false,
        })
    );
    let live_sessions = "select count(*) from user_sessions where session_key like 'alive%'";
    assert_eq!(app.count(live_sessions).await, 4);
    assert_eq!(app.count("select count(*) from user_sessions").await, 4);
    let second_run = call_clean_up(&app.visitor(), Method::POST, CRON_SECRET)
        .await
        .expect(200);
    assert_eq!(second_run["deletedCount"], 0);
}

#[tokio::test]
async fn cron_authenticates_by_secret_and_administrators_by_session() {
    let app = TestApp::start().await;
    for method in [Method::GET, Method::POST] {
        let visitor = app.visitor();
        let request = visitor.request(method.clone(), PATH);
        visitor
            .send(request)
            .await
            .expect_code(401, "not_signed_in");
        for wrong_secret in ["", "cron", &CRON_SECRET[1..], &CRON_SECRET.to_uppercase()] {
            call_clean_up(&visitor, method.clone(), wrong_secret)
                .await
                .expect_code(401, "not_signed_in");
        }
    }
    let admin = app.admin("admin").await;
    admin.post(PATH, json!({})).await.expect(200);
    // Cookies do not authorize a GET request, since any website can trigger one.
    admin.get(PATH).await.expect(401);
    let ana = app.member("ana").await;
    ana.post(PATH, json!({}))
        .await
        .expect_code(403, "forbidden");
}

#[tokio::test]
async fn without_a_configured_secret_every_cron_request_is_rejected() {
    let app = TestApp::start_with(Settings::default().with("CRON_SECRET", "")).await;
    for secret in ["", "null", "undefined", CRON_SECRET] {
        call_clean_up(&app.visitor(), Method::GET, secret)
            .await
            .expect(401);
    }
}

#[tokio::test]
async fn in_development_the_endpoint_needs_no_credentials() {
    let app = TestApp::start_with(Settings::default().with("SABOR_ENV", "development")).await;
    app.visitor().get(PATH).await.expect(200);
}

#[tokio::test]
async fn two_concurrent_runs_share_the_work() {
    let app = TestApp::start().await;
    add_sessions(&app, 12_000, 10).await;
    let (client, other_client) = (app.visitor(), app.visitor());
    let (first_run, second_run) = tokio::join!(
        call_clean_up(&client, Method::GET, CRON_SECRET),
        call_clean_up(&other_client, Method::GET, CRON_SECRET)
    );
    let deleted_count =
        |response: TestResponse| response.expect(200)["deletedCount"].as_u64().unwrap();
    assert_eq!(deleted_count(first_run) + deleted_count(second_run), 12_000);
    assert_eq!(app.count("select count(*) from user_sessions").await, 10);
}

#[tokio::test]
async fn work_left_at_the_deadline_is_done_by_the_next_run() {
    let app = TestApp::start().await;
    add_sessions(&app, 10, 0).await;
    let first_run = sabor::cleanup::run_for(&app.app, Duration::ZERO)
        .await
        .unwrap();
    assert!(first_run.remaining && first_run.deleted_count == 0);
    let second_run = sabor::cleanup::run(&app.app).await.unwrap();
    assert!(!second_run.remaining && second_run.deleted_count == 10);
}

#[tokio::test]
async fn session_events_are_counted_per_day() {
    let app = TestApp::start().await;
    app.member("ana").await;
    add_sessions(&app, 3, 0).await;
    app.run_clean_up().await.expect(200);
    app.app.counters().write().await;
    // The work can begin on one day and end on the next.
    let count_query = "select sum(count)::bigint from daily_counters where name = ";
    assert_eq!(
        app.count(&format!("{count_query} 'sessions_expired'"))
            .await,
        3
    );
    assert_eq!(
        app.count(&format!("{count_query} 'sessions_created'"))
            .await,
        1
    );
}

#[tokio::test]
async fn locked_rows_are_left_for_the_next_run() {
    let app = TestApp::start().await;
    add_sessions(&app, 5, 0).await;
    let mut client = connect(&app.database).await;
    let transaction = client.transaction().await.unwrap();
    let lock = "select from user_sessions where session_key = 'expired1' for update";
    transaction.execute(lock, &[]).await.unwrap();
    let run = app.run_clean_up();
    let response = tokio::time::timeout(Duration::from_secs(10), run).await;
    let body = response
        .expect("the run must not wait for the row lock")
        .expect(200);
    assert_eq!(body["deletedCount"], 4);
    transaction.rollback().await.unwrap();
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["deletedCount"], 1);
}

#[tokio::test]
async fn old_emails_and_events_are_deleted_after_thirty_days() {
    let app = TestApp::start().await;
    app.member("ana").await;
    app.sql("delete from member_events").await;
    app.sql("delete from mail_outbox").await;
    for age in [29, 31] {
        let created_at = format!("now() - interval '{age} days'");
        for statement in [
            format!(
                "insert into member_events (id, user_id, kind, created_at) select gen_random_uuid(), id, 'class_moved', {created_at} from users"
            ),
            format!(
                "insert into webhook_events (id, kind, created_at) values ('e{age}', 'k', {created_at})"
            ),
            format!(
                "insert into mail_outbox (id, recipient, kind, payload, sent_at) values (gen_random_uuid(), 'a@example.com', 'k', '{{}}', {created_at})"
            ),
            format!(
                "insert into mail_outbox (id, recipient, kind, payload, next_attempt_at, created_at) values (gen_random_uuid(), 'a@example.com', 'k', '{{}}', 'infinity', {created_at})"
            ),
        ] {
            app.sql(&statement).await;
        }
    }
    let body = app.run_clean_up().await.expect(200);
    let details = &body["details"];
    assert_eq!(details["memberEvents"], 1);
    assert_eq!(details["webhookEvents"], 1);
    assert_eq!(details["mail"], 2);
    assert_eq!(app.count("select count(*) from member_events").await, 1);
    assert_eq!(app.count("select count(*) from webhook_events").await, 1);
    assert_eq!(app.count("select count(*) from mail_outbox").await, 2);
}

#[tokio::test]
async fn accounts_that_the_previous_version_has_closed_are_erased() {
    let app = TestApp::start().await;
    let admin = app.admin("vera").await;
    let ben = app.member("ben").await.user_id().await;
    for name in ["ana", "carla"] {
        let member = app.member(name).await;
        let details = json!({ "phone": "+1 303 555 0142", "medicalConditions": "asma" });
        member.patch("/api/auth/me", details).await.expect(200);
    }
    // An administrator deactivates Ben, and reactivates Carla after she had closed her account.
    let deactivate = json!({ "id": ben, "isActive": false });
    admin
        .patch("/api/admin/users", deactivate)
        .await
        .expect(200);
    app.sql(
        "insert into security_events (id, user_id, kind)
        select gen_random_uuid(), id, 'account_deactivated' from users
        where email in ('ana@example.com', 'carla@example.com')",
    )
    .await;
    app.sql("update users set is_active = false where email in ('ana@example.com', 'carla@example.com')")
        .await;
    let carla = admin.get("/api/admin/users?search=carla").await.expect(200);
    let reactivate = json!({ "id": carla["items"][0]["id"], "isActive": true });
    admin
        .patch("/api/admin/users", reactivate)
        .await
        .expect(200);
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["details"]["accountsErased"], 1);
    let erased = "select count(*) from users where email like 'closed:%' and phone is null
        and medical_conditions is null and password_hash is null and closed_at is not null";
    assert_eq!(app.count(erased).await, 1);
    let kept = "select count(*) from users where email in ('ben@example.com', 'carla@example.com')
        and closed_at is null";
    assert_eq!(app.count(kept).await, 2);
    let carla_kept = "select count(*) from users where phone is not null";
    assert_eq!(app.count(carla_kept).await, 1);
    // Ana can register again with the same address.
    app.unconfirmed_member("ana").await;
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["details"]["accountsErased"], 0);
}

/// Inserts security events and contact messages of this age.
async fn add_events_and_messages(app: &TestApp, age: &str, count: u32) {
    app.sql(&format!(
        "insert into security_events (id, kind, created_at)
        select gen_random_uuid(), 'sign_in_failed', now() - interval '{age}'
        from generate_series(1, {count})"
    ))
    .await;
    app.sql(&format!(
        "insert into contact_submissions (id, name, email, subject, message, is_processed, created_at)
        select gen_random_uuid(), 'Luz', 'luz@example.com', '{age}', '', n % 2 = 0, now() - interval '{age}'
        from generate_series(1, {count}) n"
    ))
    .await;
}

#[tokio::test]
async fn security_events_and_contact_messages_are_deleted_after_a_year() {
    let app = TestApp::start().await;
    add_events_and_messages(&app, "364 days", 3).await;
    // The clean-up deletes these rows in more than one batch.
    add_events_and_messages(&app, "366 days", 5_001).await;
    let details = app.run_clean_up().await.expect(200)["details"].clone();
    assert_eq!(details["securityEvents"], 5_001, "{details}");
    assert_eq!(details["contactSubmissions"], 5_001, "{details}");
    let count = "select count(*) from security_events";
    assert_eq!(app.count(count).await, 3);
    let count = "select count(*) from contact_submissions where subject = '364 days'";
    assert_eq!(app.count(count).await, 3);
    assert_eq!(
        app.count("select count(*) from contact_submissions").await,
        3
    );
}

#[tokio::test]
async fn the_retention_of_security_events_and_contact_messages_can_be_configured() {
    let settings = Settings::default()
        .with("SECURITY_LOG_RETENTION_DAYS", "30")
        .with("CONTACT_RETENTION_DAYS", "60");
    let app = TestApp::start_with(settings).await;
    for age in ["29 days", "59 days", "61 days"] {
        add_events_and_messages(&app, age, 2).await;
    }
    let details = app.run_clean_up().await.expect(200)["details"].clone();
    assert_eq!(details["securityEvents"], 4, "{details}");
    assert_eq!(details["contactSubmissions"], 2, "{details}");
}

#[tokio::test]
async fn due_emails_are_sent_by_the_clean_up() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let class = app.create_class(3).await;
    let ana = app.member("ana").await;
    let booking = crate::bookings::book(&ana, class).await.expect(201);
    app.sql("delete from mail_outbox").await;
    crate::bookings::cancel(&ana, &booking).await.expect(200);
    // The mail server rejects `later` temporarily and `gone` permanently.
    app.sql(
        "insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), name || '@example.com', 'booking_cancelled', payload
        from mail_outbox, unnest(array['later', 'gone']) name",
    )
    .await;
    let app_with_mail = app.start_another_with(server.settings()).await;
    let body = app_with_mail.run_clean_up().await.expect(200);
    let details = &body["details"];
    assert_eq!(
        (
            &details["mailSent"],
            &details["mailFailed"],
            &details["mailGivenUp"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(server.wait_for_mails(1).await.len(), 1);
    let second_run = app_with_mail.run_clean_up().await.expect(200);
    assert_eq!(second_run["details"]["mailSent"], 0);
}

#[tokio::test]
async fn a_failed_step_is_reported_and_the_others_still_run() {
    let app = TestApp::start().await;
    add_sessions(&app, 3, 0).await;
    app.sql("alter table login_throttle rename to elsewhere")
        .await;
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["success"], false);
    assert_eq!(body["deletedCount"], 3);
    assert_eq!(body["remaining"], true);
    assert_eq!(body["details"]["failed"], json!(["throttle"]));
}

#[tokio::test]
async fn when_every_step_fails_the_run_fails() {
    let app = TestApp::start().await;
    app.app.db().close();
    app.run_clean_up().await.expect_code(503, "unavailable");
}
