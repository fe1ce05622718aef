//! Links in e-mails: `api/auth/forgot-password.rs`, `reset-password.rs`,
//! `verify-email.rs` and `change-email.rs`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    MailServer, PASSWORD, SITE, Settings, TestApp, TestClient, TestResponse, wait_until,
};

const NEW_PASSWORD: &str = "otra contraseña larga";

async fn request_reset(person: &TestClient, email: &str) -> TestResponse {
    let form = json!({ "email": email });
    person.post("/api/auth/forgot-password", form).await
}

async fn reset_password(person: &TestClient, token: &str, password: &str) -> TestResponse {
    let form = json!({ "token": token, "newPassword": password });
    person.post("/api/auth/reset-password", form).await
}

async fn verify_email(person: &TestClient, token: &str) -> TestResponse {
    let form = json!({ "token": token });
    person.post("/api/auth/verify-email", form).await
}

/// Requests a password reset for Ana; returns the token from the e-mail.
async fn request_reset_token(app: &TestApp) -> String {
    request_reset(&app.visitor(), "ana@example.com")
        .await
        .expect(202);
    app.mailed_token("reset_password", "ana@example.com").await
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_a_mailed_link() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    app.member("ana").await;
    request_reset(&app.visitor(), "Ana@Example.com ")
        .await
        .expect(202);
    let mails = server.wait_for_mails(1).await;
    let mail = &mails[0];
    assert_eq!(mail["to"], json!(["ana@example.com"]));
    let text = mail["text"].as_str().unwrap();
    let link_prefix = format!("{SITE}/reset-password#token=");
    let token = text
        .split(&link_prefix)
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    assert!(
        mail["html"]
            .as_str()
            .unwrap()
            .contains(&format!("{link_prefix}{token}"))
    );
    reset_password(&app.visitor(), token, NEW_PASSWORD)
        .await
        .expect(200);
    app.visitor().sign_in_as("ana").await.expect(401);
    app.visitor()
        .sign_in("ana@example.com", NEW_PASSWORD)
        .await
        .expect(200);
    let mails: Vec<Value> = server.wait_for_mails(3).await;
    let subjects: Vec<_> = mails
        .iter()
        .map(|mail| mail["headers"]["subject"].as_str().unwrap())
        .collect();
    assert!(
        subjects.contains(&"Your password has been reset"),
        "{subjects:?}"
    );
    assert!(
        subjects.contains(&"A new sign-in to your account"),
        "{subjects:?}"
    );
}

#[tokio::test]
async fn a_reset_request_gets_the_same_response_with_or_without_an_account() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let mut responses = Vec::new();
    for email in ["ana@example.com", "nobody@example.com"] {
        let response = request_reset(&app.visitor(), email).await;
        responses.push((response.status, response.text));
    }
    responses.dedup();
    assert_eq!(responses.len(), 1);
    assert_eq!(app.mail_count("reset_password").await, 1);
    assert_eq!(
        app.count("select count(*) from one_time_tokens where purpose = 'reset_password'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_reset_link_works_once_for_an_hour_and_a_newer_link_replaces_it() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let (older_token, newer_token) = (
        request_reset_token(&app).await,
        request_reset_token(&app).await,
    );
    reset_password(&app.visitor(), &older_token, NEW_PASSWORD)
        .await
        .expect_code(400, "link_ended");
    reset_password(&app.visitor(), &newer_token, NEW_PASSWORD)
        .await
        .expect(200);
    reset_password(&app.visitor(), &newer_token, NEW_PASSWORD)
        .await
        .expect_code(400, "link_ended");
    let expired_token = request_reset_token(&app).await;
    let minutes = "select extract(epoch from expires_at - created_at)::bigint / 60
        from one_time_tokens where purpose = 'reset_password'";
    assert_eq!(app.count(minutes).await, 60);
    app.sql("update one_time_tokens set expires_at = now()")
        .await;
    reset_password(&app.visitor(), &expired_token, NEW_PASSWORD)
        .await
        .expect_code(400, "link_ended");
}

#[tokio::test]
async fn a_verification_link_works_once_for_a_day_and_a_newer_link_replaces_it() {
    let app = TestApp::start().await;
    let ana = app.unconfirmed_member("ana").await;
    let older_token = app.mailed_token("verify_email", "ana@example.com").await;
    let hours = "select extract(epoch from expires_at - created_at)::bigint / 3600
        from one_time_tokens";
    assert_eq!(app.count(hours).await, 24);
    ana.post("/api/auth/verify-email", json!({}))
        .await
        .expect(202);
    let newer_token = app.mailed_token("verify_email", "ana@example.com").await;
    verify_email(&app.visitor(), &older_token)
        .await
        .expect_code(400, "link_ended");
    let session = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["emailVerified"], false);
    verify_email(&ana, &newer_token).await.expect(200);
    // The session shows the change immediately.
    let session = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["emailVerified"], true);
    verify_email(&app.visitor(), &newer_token)
        .await
        .expect_code(400, "link_ended");
    let repeated_request = ana.post("/api/auth/verify-email", json!({})).await;
    repeated_request.expect_code(409, "email_verified");
    let visitor = app.visitor();
    let response = visitor.post("/api/auth/verify-email", json!({})).await;
    response.expect_code(401, "not_signed_in");
}

#[tokio::test]
async fn one_of_sixty_four_concurrent_redemptions_succeeds() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let token = app.mailed_token("verify_email", "ana@example.com").await;
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let (visitor, token) = (app.visitor(), token.clone());
            tokio::spawn(async move { verify_email(&visitor, &token).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![400; 63]].concat());
    // The same holds for eight resets with different passwords.
    let token = request_reset_token(&app).await;
    let requests: Vec<_> = (0..8)
        .map(|number| {
            let (visitor, token) = (app.visitor(), token.clone());
            let password = format!("otra contraseña {number}");
            tokio::spawn(async move {
                let response = reset_password(&visitor, &token, &password).await;
                (response.status == 200).then_some(password)
            })
        })
        .collect();
    let mut accepted_passwords = Vec::new();
    for request in requests {
        accepted_passwords.extend(request.await.unwrap());
    }
    assert_eq!(accepted_passwords.len(), 1);
    app.visitor()
        .sign_in("ana@example.com", &accepted_passwords[0])
        .await
        .expect(200);
}

#[tokio::test]
async fn get_and_head_requests_and_rejected_passwords_do_not_consume_a_link() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let token = request_reset_token(&app).await;
    let visitor = app.visitor();
    for path in ["/api/auth/reset-password", "/api/auth/verify-email"] {
        for method in [Method::GET, Method::HEAD] {
            let path = format!("{path}?token={token}");
            let response = visitor.send(visitor.request(method, &path)).await;
            assert_eq!(response.status, 405);
        }
    }
    for weak_password in ["short", "password123", "ana@example.com"] {
        let body = reset_password(&visitor, &token, weak_password)
            .await
            .expect(400);
        assert!(body["details"]["newPassword"].is_array(), "{body}");
    }
    // A reset token does not verify an address.
    verify_email(&visitor, &token)
        .await
        .expect_code(400, "link_ended");
    reset_password(&visitor, &token, NEW_PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn the_database_contains_no_link_token() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let tokens = [
        request_reset_token(&app).await,
        app.mailed_token("verify_email", "ana@example.com").await,
    ];
    for table in ["one_time_tokens", "mail_outbox", "security_events", "users"] {
        let rows = app
            .sql(&format!("select row_to_json(t)::text from {table} t"))
            .await;
        for row in rows {
            let text: String = row.get(0);
            assert!(tokens.iter().all(|token| !text.contains(token)), "{table}");
        }
    }
}

#[tokio::test]
async fn a_reset_ends_all_sessions_and_notifies_the_owner_without_signing_in() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let token = request_reset_token(&app).await;
    let visitor = app.visitor();
    reset_password(&visitor, &token, NEW_PASSWORD)
        .await
        .expect(200);
    assert_eq!(visitor.cookie(), None);
    assert!(!ana.is_signed_in().await);
    assert_eq!(app.mail_count("password_reset").await, 1);
    let log_entries = "select count(*) from security_events where kind = 'password_reset'";
    assert_eq!(app.count(log_entries).await, 1);
}

/// The browser of the registration keeps what it has set up, so only the link ends.
#[tokio::test]
async fn a_reset_ends_an_earlier_confirmation_link() {
    let app = TestApp::start().await;
    let ana = app.unconfirmed_member("ana").await;
    let confirmation_token = app.mailed_token("verify_email", "ana@example.com").await;
    let reset_token = request_reset_token(&app).await;
    reset_password(&ana, &reset_token, NEW_PASSWORD)
        .await
        .expect(200);
    verify_email(&ana, &confirmation_token)
        .await
        .expect_code(400, "link_ended");
}

#[tokio::test]
async fn a_forged_host_header_does_not_change_a_mailed_link() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    app.member("ana").await;
    let visitor = app.visitor();
    let request = visitor.request(Method::POST, "/api/auth/forgot-password");
    let request = request
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "http")
        .header("forwarded", "host=evil.example")
        .json(&json!({ "email": "ana@example.com" }));
    visitor.send(request).await.expect(202);
    let mails = server.wait_for_mails(1).await;
    for part in ["text", "html"] {
        let content = mails[0][part].as_str().unwrap();
        assert!(content.contains(&format!("{SITE}/reset-password#token=")));
        assert!(!content.contains("evil.example"));
    }
}

#[tokio::test]
async fn a_password_change_invalidates_earlier_links() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let token = request_reset_token(&app).await;
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    ana.post("/api/auth/change-password", form)
        .await
        .expect(200);
    assert_eq!(app.mail_count("password_changed").await, 1);
    let rejected = reset_password(&app.visitor(), &token, "una tercera contraseña").await;
    rejected.expect_code(400, "link_ended");
}

#[tokio::test]
async fn a_pending_email_change_ends_when_all_sessions_end() {
    for cause in ["reset", "password", "sessions"] {
        let app = TestApp::start().await;
        let ana = app.member("ana").await;
        // A thief who knows the password requests an email change.
        let thief = app.visitor();
        thief.sign_in_as("ana").await.expect(200);
        let form = json!({ "newEmail": "thief@example.com", "currentPassword": PASSWORD });
        thief.post("/api/auth/change-email", form).await.expect(202);
        let token = app.mailed_token("verify_email", "thief@example.com").await;
        match cause {
            "reset" => {
                let mailed_reset_token = request_reset_token(&app).await;
                reset_password(&ana, &mailed_reset_token, NEW_PASSWORD)
                    .await
                    .expect(200);
            }
            "password" => {
                let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
                ana.post("/api/auth/change-password", form)
                    .await
                    .expect(200);
            }
            _ => drop(ana.delete("/api/sessions?scope=all").await.expect(200)),
        }
        verify_email(&thief, &token)
            .await
            .expect_code(400, "link_ended");
        let unchanged_accounts = "select count(*) from users where email = 'ana@example.com'";
        assert_eq!(app.count(unchanged_accounts).await, 1, "{cause}");
    }
}

#[tokio::test]
async fn a_reset_of_a_confirmed_account_keeps_the_providers_and_the_second_factor() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let feed = ana.post("/api/calendar/token", json!({})).await.expect(201);
    // The provider was linked two years ago, before the address changed.
    app.sql(
        "insert into user_identities (id, user_id, provider, subject, linked_at)
        select gen_random_uuid(), id, 'google', '7', now() - interval '2 years' from users",
    )
    .await;
    app.sql("update users set totp_secret = 'x', totp_confirmed_at = now()")
        .await;
    let form = json!({ "newEmail": "anita@example.com", "currentPassword": PASSWORD });
    ana.post("/api/auth/change-email", form).await.expect(202);
    let token = app.mailed_token("verify_email", "anita@example.com").await;
    verify_email(&ana, &token).await.expect(200);

    request_reset(&app.visitor(), "anita@example.com")
        .await
        .expect(202);
    let token = app
        .mailed_token("reset_password", "anita@example.com")
        .await;
    reset_password(&app.visitor(), &token, NEW_PASSWORD)
        .await
        .expect(200);
    assert_eq!(app.count("select count(*) from user_identities").await, 1);
    app.visitor()
        .sign_in("anita@example.com", NEW_PASSWORD)
        .await
        .expect_code(401, "two_factor_required");
    let path = format!("/api/calendar?token={}", feed["token"].as_str().unwrap());
    assert_eq!(app.visitor().get(&path).await.status, 404);
    assert_eq!(
        access_in_the_message(&app).await,
        json!({ "ended": ["the calendar feed"], "remaining": ["sign-in with google"] })
    );
}

#[tokio::test]
async fn a_reset_unlinks_all_providers_on_request_and_the_message_lists_them() {
    let app = TestApp::start().await;
    app.member("ana").await;
    app.sql(
        "insert into user_identities (id, user_id, provider, subject)
        select gen_random_uuid(), id, provider, '7'
        from users, unnest(array['google', 'github']) provider",
    )
    .await;
    let form = json!({
        "token": request_reset_token(&app).await,
        "newPassword": NEW_PASSWORD,
        "unlinkProviders": true,
    });
    app.visitor()
        .post("/api/auth/reset-password", form)
        .await
        .expect(200);
    assert_eq!(app.count("select count(*) from user_identities").await, 0);
    let ended = ["sign-in with github", "sign-in with google"];
    assert_eq!(
        access_in_the_message(&app).await,
        json!({ "ended": ended, "remaining": [] })
    );
}

/// Returns the access that the message about a reset lists: what has ended, and what remains.
async fn access_in_the_message(app: &TestApp) -> Value {
    let mails = app
        .sql("select payload #> '{notice,access}' from mail_outbox where kind = 'password_reset'")
        .await;
    mails[0].get(0)
}

#[tokio::test]
async fn requesting_and_confirming_another_address_each_invalidate_copied_cookies() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let copy = ana.copy();
    let form = json!({ "newEmail": "nueva@example.com", "currentPassword": "guess" });
    let response = ana.post("/api/auth/change-email", form).await;
    response.expect_code(403, "wrong_password");
    assert!(copy.is_signed_in().await);
    let form = json!({ "newEmail": "nueva@example.com", "currentPassword": PASSWORD });
    let response = ana.post("/api/auth/change-email", form).await;
    assert_eq!(response.expect(202), json!({ "success": true }));
    assert!(ana.is_signed_in().await && !copy.is_signed_in().await);
    let copy = ana.copy();
    let token = app.mailed_token("verify_email", "nueva@example.com").await;
    let form = json!({ "token": token });
    let response = ana.post("/api/auth/verify-email", form).await;
    assert_eq!(response.expect(200), json!({ "success": true }));
    let session = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["email"], "nueva@example.com");
    assert!(!copy.is_signed_in().await);
    // Other sessions of the member stay.
    assert!(phone.is_signed_in().await);
}

#[tokio::test]
async fn requesting_a_taken_address_replaces_an_earlier_request() {
    let app = TestApp::start().await;
    let (ana, _luis) = (app.member("ana").await, app.member("luis").await);
    let request_change = |new_email: &str| {
        let form = json!({ "newEmail": new_email, "currentPassword": PASSWORD });
        ana.post("/api/auth/change-email", form)
    };
    request_change("first@example.com").await.expect(202);
    let token = app.mailed_token("verify_email", "first@example.com").await;
    request_change("luis@example.com").await.expect(202);
    // The second request invalidates the link of the first.
    verify_email(&ana, &token)
        .await
        .expect_code(400, "link_ended");
}

#[tokio::test]
async fn a_deactivated_account_gets_no_link() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let token = request_reset_token(&app).await;
    app.sql("update users set is_active = false").await;
    request_reset(&app.visitor(), "ana@example.com")
        .await
        .expect(202);
    assert_eq!(app.mail_count("reset_password").await, 1);
    reset_password(&app.visitor(), &token, NEW_PASSWORD)
        .await
        .expect_code(400, "link_ended");
    let token = app.mailed_token("verify_email", "ana@example.com").await;
    verify_email(&app.visitor(), &token)
        .await
        .expect_code(400, "link_ended");
}

#[tokio::test]
async fn an_email_changes_on_confirmation_and_the_old_address_is_notified() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mailed_reset_token = request_reset_token(&app).await;
    let request_change = |new_email: &str, password: &str| {
        let form = json!({ "newEmail": new_email, "currentPassword": password });
        ana.post("/api/auth/change-email", form)
    };
    request_change("anita@example.com", "guess")
        .await
        .expect_code(403, "wrong_password");
    request_change("ana@example.com", PASSWORD)
        .await
        .expect(400);
    request_change("nonsense", PASSWORD).await.expect(400);
    request_change("Anita@Example.com", PASSWORD)
        .await
        .expect(202);
    // The address has not changed yet.
    let session = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["email"], "ana@example.com");
    assert_eq!(app.mail_count("email_change_asked").await, 1);
    let token = app.mailed_token("verify_email", "anita@example.com").await;
    // Only the member can use the link. Attempts by others do not use it up.
    for other_client in [app.visitor(), app.member("luis").await] {
        let rejected = verify_email(&other_client, &token).await;
        rejected.expect_code(403, "sign_in_to_confirm");
    }
    verify_email(&ana, &token).await.expect(200);
    let session = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["email"], "anita@example.com");
    assert_eq!(session["user"]["emailVerified"], true);
    let notices = "select count(*) from mail_outbox
        where kind = 'email_changed' and recipient = 'ana@example.com'";
    assert_eq!(app.count(notices).await, 1);
    // The reset link mailed to the old address is invalid.
    reset_password(&app.visitor(), &mailed_reset_token, NEW_PASSWORD)
        .await
        .expect_code(400, "link_ended");
    app.visitor().sign_in_as("ana").await.expect(401);
    app.visitor().sign_in_as("anita").await.expect(200);
}

#[tokio::test]
async fn only_the_owner_learns_that_an_address_is_taken() {
    let app = TestApp::start().await;
    let (ana, _luis) = (app.member("ana").await, app.member("luis").await);
    let form = json!({ "newEmail": "luis@example.com", "currentPassword": PASSWORD });
    ana.post("/api/auth/change-email", form).await.expect(202);
    let notices = "select count(*) from mail_outbox
        where kind = 'account_exists' and recipient = 'luis@example.com'";
    assert_eq!(app.count(notices).await, 1);
    // Another member registers the address before the confirmation. Ana learns this, because
    // the link proves that the mailbox is hers.
    let form = json!({ "newEmail": "new@example.com", "currentPassword": PASSWORD });
    ana.post("/api/auth/change-email", form).await.expect(202);
    let token = app.mailed_token("verify_email", "new@example.com").await;
    app.member("new").await;
    verify_email(&ana, &token)
        .await
        .expect_code(409, "email_taken");
    let session = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["email"], "ana@example.com");
}

#[tokio::test]
async fn an_unverified_member_cannot_sign_in_if_verification_is_required() {
    let settings = Settings::default().with("REQUIRE_EMAIL_VERIFICATION", "true");
    let app = TestApp::start_with(settings).await;
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    let visitor = app.visitor();
    visitor.post("/api/auth/register", form).await.expect(202);
    assert_eq!(visitor.cookie(), None);
    // Only the correct password gets the specific error and a new link.
    let earlier_mails = app.mail_count("verify_email").await;
    visitor
        .sign_in("ana@example.com", "guess")
        .await
        .expect_code(401, "invalid_credentials");
    visitor
        .sign_in_as("ana")
        .await
        .expect_code(403, "email_not_verified");
    assert_eq!(app.mail_count("verify_email").await, earlier_mails + 1);
    let token = app.mailed_token("verify_email", "ana@example.com").await;
    verify_email(&visitor, &token).await.expect(200);
    visitor.sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn a_database_error_does_not_consume_a_link() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let token = request_reset_token(&app).await;
    app.sql("alter table user_sessions rename to elsewhere")
        .await;
    let response = reset_password(&app.visitor(), &token, NEW_PASSWORD).await;
    assert!(response.status >= 500, "{response:?}");
    app.sql("alter table elsewhere rename to user_sessions")
        .await;
    reset_password(&app.visitor(), &token, NEW_PASSWORD)
        .await
        .expect(200);
    wait_until(async || app.mail_count("password_reset").await == 1).await;
}
