//! Links in mails: `api/auth/forgot-password.rs`, `reset-password.rs`,
//! `verify-email.rs`, `change-email.rs`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, MailServer, PASSWORD, Person, SITE, Settings, TestApp, until};

const NEW: &str = "otra contraseña larga";

async fn forget(person: &Person, email: &str) -> Answer {
    let form = json!({ "email": email });
    person.post("/api/auth/forgot-password", form).await
}

async fn reset(person: &Person, token: &str, password: &str) -> Answer {
    let form = json!({ "token": token, "newPassword": password });
    person.post("/api/auth/reset-password", form).await
}

async fn verify(person: &Person, token: &str) -> Answer {
    let form = json!({ "token": token });
    person.post("/api/auth/verify-email", form).await
}

/// A link to a new password for Ana, as it was mailed.
async fn forgotten(app: &TestApp) -> String {
    forget(&app.visitor(), "ana@example.com").await.expect(202);
    app.mailed_token("reset_password", "ana@example.com").await
}

#[tokio::test]
async fn whoever_forgot_their_password_gets_a_link_and_sets_another() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    app.member("ana").await;
    forget(&app.visitor(), "Ana@Example.com ").await.expect(202);
    let mails = server.wait_for(1).await;
    let mail = &mails[0];
    assert_eq!(mail["to"], json!(["ana@example.com"]));
    let text = mail["text"].as_str().unwrap();
    let begin = format!("{SITE}/reset-password.html#token=");
    let token = text
        .split(&begin)
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    assert!(
        mail["html"]
            .as_str()
            .unwrap()
            .contains(&format!("{begin}{token}"))
    );
    reset(&app.visitor(), token, NEW).await.expect(200);
    app.visitor().sign_in_as("ana").await.expect(401);
    app.visitor()
        .sign_in("ana@example.com", NEW)
        .await
        .expect(200);
    let told: Vec<Value> = server.wait_for(3).await;
    let subjects: Vec<_> = told
        .iter()
        .map(|mail| mail["headers"]["subject"].as_str().unwrap())
        .collect();
    assert!(
        subjects.contains(&"You have a new password"),
        "{subjects:?}"
    );
    assert!(
        subjects.contains(&"A new sign-in to your account"),
        "{subjects:?}"
    );
}

#[tokio::test]
async fn line_19_a_link_is_asked_for_alike_whether_or_not_there_is_an_account() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let mut answers = Vec::new();
    for email in ["ana@example.com", "nobody@example.com"] {
        let answer = forget(&app.visitor(), email).await;
        answers.push((answer.status, answer.text));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(app.mails_of("reset_password").await, 1);
    assert_eq!(
        app.count("select count(*) from one_time_tokens where purpose = 'reset_password'")
            .await,
        1
    );
}

#[tokio::test]
async fn line_22_a_link_is_good_once_and_for_an_hour_and_the_newer_ends_the_older() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let (older, newer) = (forgotten(&app).await, forgotten(&app).await);
    reset(&app.visitor(), &older, NEW)
        .await
        .expect_code(400, "link_ended");
    reset(&app.visitor(), &newer, NEW).await.expect(200);
    reset(&app.visitor(), &newer, NEW)
        .await
        .expect_code(400, "link_ended");
    let late = forgotten(&app).await;
    let minutes = "select extract(epoch from expires_at - created_at)::bigint / 60
        from one_time_tokens where purpose = 'reset_password'";
    assert_eq!(app.count(minutes).await, 60);
    app.sql("update one_time_tokens set expires_at = now()")
        .await;
    reset(&app.visitor(), &late, NEW)
        .await
        .expect_code(400, "link_ended");
}

#[tokio::test]
async fn line_22_a_confirmation_is_good_once_and_for_a_day_and_the_newer_ends_the_older() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let older = app.mailed_token("verify_email", "ana@example.com").await;
    let hours = "select extract(epoch from expires_at - created_at)::bigint / 3600
        from one_time_tokens";
    assert_eq!(app.count(hours).await, 24);
    ana.post("/api/auth/verify-email", json!({}))
        .await
        .expect(202);
    let newer = app.mailed_token("verify_email", "ana@example.com").await;
    verify(&app.visitor(), &older)
        .await
        .expect_code(400, "link_ended");
    let seen = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["emailVerified"], false);
    verify(&app.visitor(), &newer).await.expect(200);
    // Every session shows it at once.
    let seen = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["emailVerified"], true);
    verify(&app.visitor(), &newer)
        .await
        .expect_code(400, "link_ended");
    let again = ana.post("/api/auth/verify-email", json!({})).await;
    again.expect_code(409, "email_verified");
    let visitor = app.visitor();
    let answer = visitor.post("/api/auth/verify-email", json!({})).await;
    answer.expect_code(401, "not_signed_in");
}

#[tokio::test]
async fn line_22_of_sixty_four_redemptions_at_once_one_wins() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let link = app.mailed_token("verify_email", "ana@example.com").await;
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let (visitor, link) = (app.visitor(), link.clone());
            tokio::spawn(async move { verify(&visitor, &link).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for one in tries {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![400; 63]].concat());
    // So too of eight who each bring another password: each is hashed first.
    let link = forgotten(&app).await;
    let tries: Vec<_> = (0..8)
        .map(|number| {
            let (visitor, link) = (app.visitor(), link.clone());
            let password = format!("otra contraseña {number}");
            tokio::spawn(async move {
                let answer = reset(&visitor, &link, &password).await;
                (answer.status == 200).then_some(password)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for one in tries {
        winners.extend(one.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    app.visitor()
        .sign_in("ana@example.com", &winners[0])
        .await
        .expect(200);
}

#[tokio::test]
async fn line_22_neither_get_nor_head_nor_a_refused_password_uses_a_link_up() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let link = forgotten(&app).await;
    let visitor = app.visitor();
    for path in ["/api/auth/reset-password", "/api/auth/verify-email"] {
        for method in [Method::GET, Method::HEAD] {
            let path = format!("{path}?token={link}");
            let answer = visitor.send(visitor.request(method, &path)).await;
            assert_eq!(answer.status, 405);
        }
    }
    for bad in ["short", "password123", "ana@example.com"] {
        let body = reset(&visitor, &link, bad).await.expect(400);
        assert!(body["details"]["newPassword"].is_array(), "{body}");
    }
    // Nor is it good for anything else.
    verify(&visitor, &link).await.expect_code(400, "link_ended");
    reset(&visitor, &link, NEW).await.expect(200);
}

#[tokio::test]
async fn line_22_no_dump_of_the_stores_has_a_link_in_it() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let links = [
        forgotten(&app).await,
        app.mailed_token("verify_email", "ana@example.com").await,
    ];
    for table in ["one_time_tokens", "mail_outbox", "security_events", "users"] {
        let rows = app
            .sql(&format!("select row_to_json(t)::text from {table} t"))
            .await;
        for row in rows {
            let text: String = row.get(0);
            assert!(links.iter().all(|link| !text.contains(link)), "{table}");
        }
    }
}

#[tokio::test]
async fn line_23_a_reset_signs_nobody_in_ends_all_sessions_and_tells_the_owner() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let link = forgotten(&app).await;
    let visitor = app.visitor();
    reset(&visitor, &link, NEW).await.expect(200);
    assert_eq!(visitor.cookie(), None);
    assert!(!ana.is_signed_in().await);
    assert_eq!(app.mails_of("password_reset").await, 1);
    let noted = "select count(*) from security_events where kind = 'password_reset'";
    assert_eq!(app.count(noted).await, 1);
}

#[tokio::test]
async fn line_24_a_forged_host_does_not_alter_a_mailed_link() {
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
    let mails = server.wait_for(1).await;
    for part in ["text", "html"] {
        let part = mails[0][part].as_str().unwrap();
        assert!(part.contains(&format!("{SITE}/reset-password.html#token=")));
        assert!(!part.contains("evil.example"));
    }
}

#[tokio::test]
async fn a_link_from_before_a_password_change_leads_nowhere() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let link = forgotten(&app).await;
    let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
    ana.post("/api/auth/change-password", form)
        .await
        .expect(200);
    assert_eq!(app.mails_of("password_changed").await, 1);
    let refused = reset(&app.visitor(), &link, "una tercera contraseña").await;
    refused.expect_code(400, "link_ended");
}

#[tokio::test]
async fn a_change_of_address_that_somebody_began_ends_with_all_sessions() {
    for way in ["reset", "password", "sessions"] {
        let app = TestApp::start().await;
        let ana = app.member("ana").await;
        // Whoever has her password asks for a change, and waits.
        let thief = app.visitor();
        thief.sign_in_as("ana").await.expect(200);
        let form = json!({ "newEmail": "thief@example.com", "currentPassword": PASSWORD });
        thief.post("/api/auth/change-email", form).await.expect(202);
        let link = app.mailed_token("verify_email", "thief@example.com").await;
        match way {
            "reset" => {
                let reset_link = forgotten(&app).await;
                reset(&ana, &reset_link, NEW).await.expect(200);
            }
            "password" => {
                let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
                ana.post("/api/auth/change-password", form)
                    .await
                    .expect(200);
            }
            _ => drop(ana.delete("/api/sessions?scope=all").await.expect(200)),
        }
        verify(&thief, &link).await.expect_code(400, "link_ended");
        let kept = "select count(*) from users where email = 'ana@example.com'";
        assert_eq!(app.count(kept).await, 1, "{way}");
    }
}

#[tokio::test]
async fn whoever_registered_a_foreign_address_is_out_when_its_owner_resets() {
    let app = TestApp::start().await;
    app.member("ana").await;
    // A stranger did, and linked a provider of their own.
    app.sql(
        "insert into user_identities (id, user_id, provider, subject)
        select gen_random_uuid(), id, 'google', '7' from users",
    )
    .await;
    // Its owner has confirmed the address meanwhile, as the mail asked for.
    let link = app.mailed_token("verify_email", "ana@example.com").await;
    verify(&app.visitor(), &link).await.expect(200);
    let link = forgotten(&app).await;
    reset(&app.visitor(), &link, NEW).await.expect(200);
    app.visitor()
        .sign_in("ana@example.com", NEW)
        .await
        .expect(200);
    assert_eq!(app.count("select count(*) from user_identities").await, 0);
}

#[tokio::test]
async fn to_ask_for_a_taken_address_looks_the_same_to_what_was_asked_before() {
    let app = TestApp::start().await;
    let (ana, _luis) = (app.member("ana").await, app.member("luis").await);
    let ask = |new: &str| {
        let form = json!({ "newEmail": new, "currentPassword": PASSWORD });
        ana.post("/api/auth/change-email", form)
    };
    ask("first@example.com").await.expect(202);
    let link = app.mailed_token("verify_email", "first@example.com").await;
    ask("luis@example.com").await.expect(202);
    // As after any newer one.
    verify(&ana, &link).await.expect_code(400, "link_ended");
}

#[tokio::test]
async fn a_closed_account_gets_no_link() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let link = forgotten(&app).await;
    app.sql("update users set is_active = false").await;
    forget(&app.visitor(), "ana@example.com").await.expect(202);
    assert_eq!(app.mails_of("reset_password").await, 1);
    reset(&app.visitor(), &link, NEW)
        .await
        .expect_code(400, "link_ended");
    let link = app.mailed_token("verify_email", "ana@example.com").await;
    verify(&app.visitor(), &link)
        .await
        .expect_code(400, "link_ended");
}

#[tokio::test]
async fn line_9_an_address_changes_when_the_new_one_is_confirmed_and_the_old_one_is_told() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let link_of_old = forgotten(&app).await;
    let ask = |new: &str, password: &str| {
        let form = json!({ "newEmail": new, "currentPassword": password });
        ana.post("/api/auth/change-email", form)
    };
    ask("anita@example.com", "guess")
        .await
        .expect_code(403, "wrong_password");
    ask("ana@example.com", PASSWORD).await.expect(400);
    ask("nonsense", PASSWORD).await.expect(400);
    ask("Anita@Example.com", PASSWORD).await.expect(202);
    // Not yet.
    let seen = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["email"], "ana@example.com");
    assert_eq!(app.mails_of("email_change_asked").await, 1);
    let link = app.mailed_token("verify_email", "anita@example.com").await;
    verify(&app.visitor(), &link).await.expect(200);
    let seen = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["email"], "anita@example.com");
    assert_eq!(seen["user"]["emailVerified"], true);
    let told = "select count(*) from mail_outbox
        where kind = 'email_changed' and recipient = 'ana@example.com'";
    assert_eq!(app.count(told).await, 1);
    // What had been mailed to the old address leads nowhere.
    reset(&app.visitor(), &link_of_old, NEW)
        .await
        .expect_code(400, "link_ended");
    app.visitor().sign_in_as("ana").await.expect(401);
    app.visitor().sign_in_as("anita").await.expect(200);
}

#[tokio::test]
async fn whether_an_address_is_taken_only_its_owner_is_told() {
    let app = TestApp::start().await;
    let (ana, _luis) = (app.member("ana").await, app.member("luis").await);
    let form = json!({ "newEmail": "luis@example.com", "currentPassword": PASSWORD });
    ana.post("/api/auth/change-email", form).await.expect(202);
    let told = "select count(*) from mail_outbox
        where kind = 'account_exists' and recipient = 'luis@example.com'";
    assert_eq!(app.count(told).await, 1);
    // Taken between the asking and the confirming.
    let form = json!({ "newEmail": "new@example.com", "currentPassword": PASSWORD });
    ana.post("/api/auth/change-email", form).await.expect(202);
    let link = app.mailed_token("verify_email", "new@example.com").await;
    app.member("new").await;
    verify(&app.visitor(), &link)
        .await
        .expect_code(409, "email_taken");
    let seen = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(seen["user"]["email"], "ana@example.com");
}

#[tokio::test]
async fn where_addresses_have_to_be_confirmed_nobody_signs_in_before() {
    let settings = Settings::default().with("REQUIRE_EMAIL_VERIFICATION", "true");
    let app = TestApp::start_with(settings).await;
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    let visitor = app.visitor();
    let first = visitor.post("/api/auth/register", form.clone()).await;
    first.expect(202);
    assert_eq!(visitor.cookie(), None);
    // Whether there is an account already is answered alike.
    let again = app.visitor().post("/api/auth/register", form).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(app.mails_of("account_exists").await, 1);
    assert_eq!(app.count("select count(*) from users").await, 1);
    // The right password is told, and a link mailed again; a wrong one is not.
    let before = app.mails_of("verify_email").await;
    visitor
        .sign_in("ana@example.com", "guess")
        .await
        .expect_code(401, "invalid_credentials");
    visitor
        .sign_in_as("ana")
        .await
        .expect_code(403, "email_not_verified");
    assert_eq!(app.mails_of("verify_email").await, before + 1);
    let link = app.mailed_token("verify_email", "ana@example.com").await;
    verify(&app.visitor(), &link).await.expect(200);
    visitor.sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn an_outage_uses_no_link_up_and_is_told_as_one() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let link = forgotten(&app).await;
    app.sql("alter table user_sessions rename to elsewhere")
        .await;
    let answer = reset(&app.visitor(), &link, NEW).await;
    assert!(answer.status >= 500, "{answer:?}");
    app.sql("alter table elsewhere rename to user_sessions")
        .await;
    reset(&app.visitor(), &link, NEW).await.expect(200);
    until(async || app.mails_of("password_reset").await == 1).await;
}
