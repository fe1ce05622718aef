//! `api/auth/login.rs`

use serde_json::json;

use crate::harness::{PASSWORD, Settings, TestApp};

#[tokio::test]
async fn every_wrong_email_or_password_gets_the_same_response() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let mut bodies = Vec::new();
    for (email, password) in [
        ("ana@example.com", "not the password"),
        ("nobody@example.com", PASSWORD),
        ("not an address", PASSWORD),
        ("ana@example.com", ""),
    ] {
        let response = app.visitor().sign_in(email, password).await;
        assert!(response.header("set-cookie").is_none());
        let mut body = response.expect_code(401, "invalid_credentials");
        assert_eq!(body["error"], "Invalid credentials");
        body["requestId"] = json!(null);
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn signing_in_creates_a_new_session_and_ends_the_previous_one() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let old_client = ana.copy();
    ana.sign_in_as("ana").await.expect(200);
    assert_ne!(ana.cookie(), old_client.cookie());
    assert!(ana.is_signed_in().await);
    assert!(!old_client.is_signed_in().await);
}

#[tokio::test]
async fn a_session_id_chosen_by_the_client_is_never_adopted() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let ana = app.visitor();
    let chosen_cookie = format!("__Host-sabor_session={0}.{0}", "ab".repeat(32));
    ana.set_cookie(Some(chosen_cookie.clone()));
    ana.sign_in_as("ana").await.expect(200);
    assert_ne!(ana.cookie(), Some(chosen_cookie));
}

#[tokio::test]
async fn the_session_cookie_is_secure_http_only_and_bound_to_the_host() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let form = json!({ "email": "ana@example.com", "password": PASSWORD });
    let response = app.visitor().post("/api/auth/login", form).await;
    let cookie = response.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-sabor_session="));
    // Without "remember me", the browser deletes the cookie when it is closed.
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Secure");
    assert!(
        !response
            .text
            .contains(pair.split(['=', '.']).nth(1).unwrap())
    );

    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "remember": true });
    let response = app.visitor().post("/api/auth/login", form).await;
    assert!(
        response
            .header("set-cookie")
            .unwrap()
            .contains("Max-Age=2592000;")
    );
}

#[tokio::test]
async fn in_development_the_cookie_works_over_plain_http() {
    let settings = Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    assert!(ana.cookie().unwrap().starts_with("sabor_session="));
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn a_member_with_a_bcrypt_hash_can_sign_in_and_gets_an_argon2id_hash() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let bcrypt_hash = bcrypt::hash("imported password", 10).unwrap();
    app.sql(&format!("update users set password_hash = '{bcrypt_hash}'"))
        .await;
    app.visitor()
        .sign_in("ana@example.com", "another password")
        .await
        .expect(401);
    app.visitor()
        .sign_in("ana@example.com", "imported password")
        .await
        .expect(200);
    crate::harness::wait_until(async || {
        let hash: String = app.sql("select password_hash from users").await[0].get(0);
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    })
    .await;
    app.visitor()
        .sign_in("ana@example.com", "imported password")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_deactivated_account_cannot_sign_in() {
    let app = TestApp::start().await;
    app.member("ana").await;
    app.sql("update users set is_active = false").await;
    let response = app.visitor().sign_in_as("ana").await;
    response.expect_code(401, "invalid_credentials");
}

#[tokio::test]
async fn a_shared_tablet_is_a_known_device_of_twelve_accounts() {
    let app = TestApp::start().await;
    let tablet = app.visitor();
    let names: Vec<String> = (0..12).map(|number| format!("member{number}")).collect();
    for name in &names {
        let form = json!({
            "email": format!("{name}@example.com"), "password": PASSWORD, "name": name,
        });
        tablet.post("/api/auth/register", form).await.expect(201);
    }
    assert_eq!(tablet.devices().len(), 12);
    for name in &names {
        tablet.sign_in_as(name).await.expect(200);
    }
    assert_eq!(app.mail_count("new_device").await, 0);
    app.visitor().sign_in_as("member0").await.expect(200);
    assert_eq!(app.mail_count("new_device").await, 1);
}

#[tokio::test]
async fn successful_and_failed_sign_ins_are_logged() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    ana.sign_in_as("ana").await.expect(200);
    app.visitor()
        .sign_in("ana@example.com", "guess")
        .await
        .expect(401);
    let events =
        "select string_agg(kind || ' ' || host(ip), ', ' order by kind) from security_events";
    crate::harness::wait_until(async || {
        let text: Option<String> = app.sql(events).await[0].get(0);
        text.as_deref()
            == Some("sign_in_failed 198.18.0.2, signed_in 198.18.0.1, signed_up 198.18.0.1")
    })
    .await;
}

#[tokio::test]
async fn the_demo_account_works_read_only_without_postgres_and_redis() {
    let settings = Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(
        settings
            .with(
                "POSTGRES_URL",
                "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable",
            )
            .with("KV_REST_API_URL", "http://127.0.0.1:1"),
    )
    .await;
    let demo = app.visitor();
    let body = demo
        .sign_in("demo@sabor.dev", "password123")
        .await
        .expect(200);
    assert_eq!(body["user"]["email"], "demo@sabor.dev");
    demo.get("/api/auth/session").await.expect(200);
    let profile = demo.get("/api/auth/me").await.expect(200);
    assert_eq!(profile["medicalConditions"], json!(null));
    let response = demo
        .patch("/api/auth/me", json!({ "firstName": "Otra" }))
        .await;
    response.expect_code(403, "demo_account");
    app.app.clock().advance(chrono::TimeDelta::minutes(15));
    demo.get("/api/auth/session")
        .await
        .expect_code(401, "not_signed_in");
}

#[tokio::test]
async fn the_demo_account_does_not_exist_outside_development() {
    let app = TestApp::start_with(Settings::default().with("DEMO_ACCOUNT", "true")).await;
    app.visitor()
        .sign_in("demo@sabor.dev", "password123")
        .await
        .expect(401);
}

#[tokio::test]
async fn a_forged_demo_cookie_signs_nobody_in() {
    let settings = Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(settings).await;
    let visitor = app.visitor();
    for signature in ["00".repeat(32), String::new(), "demo".to_owned()] {
        let cookie = format!("sabor_session=demo.99999999999999.{signature}");
        visitor.set_cookie(Some(cookie));
        assert!(!visitor.is_signed_in().await);
    }
    // A changed expiry invalidates the signature of a genuine cookie.
    let demo = app.visitor();
    demo.sign_in("demo@sabor.dev", "password123")
        .await
        .expect(200);
    assert!(demo.is_signed_in().await);
    let cookie = demo.cookie().unwrap();
    let (_, signature) = cookie.rsplit_once('.').unwrap();
    demo.set_cookie(Some(format!(
        "sabor_session=demo.99999999999999.{signature}"
    )));
    assert!(!demo.is_signed_in().await);
}

#[tokio::test]
async fn a_demo_cookie_from_development_is_rejected_in_production() {
    let settings = Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(settings).await;
    let demo = app.visitor();
    demo.sign_in("demo@sabor.dev", "password123")
        .await
        .expect(200);
    // Production has the same secrets, as if its environment had been copied.
    let production = app.start_another_with(Settings::default()).await;
    let production_client = demo.connected_to(&production);
    production_client.set_cookie(demo.cookie().map(|cookie| format!("__Host-{cookie}")));
    assert!(!production_client.is_signed_in().await);
}

#[tokio::test]
async fn signing_in_to_an_unknown_account_hashes_the_password_too() {
    let app = TestApp::start().await;
    let hasher = app.app.hasher();
    // A verification that skips hashing would be ready at the first poll.
    let password = sabor::crypto::password::Password::submitted("guess");
    let mut verification = std::pin::pin!(hasher.verify(password, None));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(verification.as_mut().poll(&mut context).is_pending());
    assert_eq!(
        verification.await.unwrap(),
        sabor::crypto::password::PasswordCheck::Wrong
    );
}

#[tokio::test]
async fn a_rehash_does_not_overwrite_a_newer_password() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let id = app.sql("select id from users").await[0].get(0);
    let client = app.app.db().client().await.unwrap();
    let rehash = sabor::models::user::rehash(&client, id, "old hash", "new hash");
    rehash.await.unwrap();
    app.visitor().sign_in_as("ana").await.expect(200);
}
