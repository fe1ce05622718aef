//! `api/auth/register.rs`

use serde_json::json;

use crate::harness::{PASSWORD, TestApp, hex, wait_until};

#[tokio::test]
async fn a_visitor_registers_and_is_signed_in() {
    let app = TestApp::start().await;
    let ana = app.visitor();
    let form = json!({
        "email": " Ana@Example.com ",
        "password": PASSWORD,
        "confirmPassword": PASSWORD,
        "firstName": "Ana",
        "lastName": "Reyes",
        "phone": "+1 303 555 0100",
        "dateOfBirth": "1990-02-28",
        "experienceLevel": "intermediate",
        "mode": "cookie",
    });
    let body = ana.post("/api/auth/register", form).await.expect(201);
    assert_eq!(body["success"], true);
    assert_eq!(body["user"]["email"], "ana@example.com");
    assert_eq!(body["user"]["name"], "Ana Reyes");
    assert_eq!(body["user"]["experienceLevel"], "intermediate");
    assert_eq!(body["user"]["isAdmin"], false);
    assert!(ana.is_signed_in().await);
}

#[tokio::test]
async fn the_first_word_of_a_full_name_is_the_first_name() {
    let app = TestApp::start().await;
    for (email, full_name, first_name, last_name) in [
        ("ana@example.com", "Ana María Reyes", "Ana", "María Reyes"),
        ("cher@example.com", "Cher", "Cher", ""),
    ] {
        let form = json!({ "email": email, "password": PASSWORD, "name": full_name });
        let body = app
            .visitor()
            .post("/api/auth/register", form)
            .await
            .expect(201);
        assert_eq!(body["user"]["firstName"], first_name);
        assert_eq!(body["user"]["lastName"], last_name);
    }
}

#[tokio::test]
async fn a_taken_email_is_rejected_in_any_letter_case() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let form = json!({ "email": "ANA@example.com", "password": PASSWORD, "name": "Otra" });
    let response = app.visitor().post("/api/auth/register", form).await;
    let body = response.expect_code(409, "email_taken");
    assert_eq!(body["error"], "User with this email already exists");
    assert!(response.header("set-cookie").is_none());
}

#[tokio::test]
async fn the_last_of_five_concurrent_registrations_with_the_same_email_remains() {
    let app = TestApp::start().await;
    let requests = (0..5).map(|_| {
        let visitor = app.visitor();
        tokio::spawn(async move {
            let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
            loop {
                let response = visitor.post("/api/auth/register", form.clone()).await;
                // A busy server responds with 503 when too many passwords wait to be hashed.
                if response.status != 503 {
                    response.expect(201);
                    return visitor;
                }
            }
        })
    });
    let mut visitors = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        visitors.push(request.await.unwrap());
    }
    let mut signed_in = 0;
    for visitor in visitors {
        signed_in += usize::from(visitor.is_signed_in().await);
    }
    assert_eq!(signed_in, 1);
    assert_eq!(app.count("select count(*) from users").await, 1);
    assert_eq!(app.count("select count(*) from user_sessions").await, 1);
    // Another registration is rejected, because its message would exceed the limit of the
    // mailbox.
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    let rejected = app.visitor().post("/api/auth/register", form).await;
    rejected.expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn a_registration_replaces_one_that_is_made_at_the_same_time() {
    let app = TestApp::start().await;
    // The other registration, up to its commit.
    let registration = app
        .hold_locks(
            "select pg_advisory_xact_lock(hashtextextended('address:ana@example.com', 0));
            insert into users (id, email, first_name, last_name, password_hash)
            values (gen_random_uuid(), 'ana@example.com', 'Mallory', '', 'x')",
        )
        .await;
    let ana = app.visitor();
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    let (registered, ()) = tokio::join!(ana.post("/api/auth/register", form), async {
        wait_until(async || app.blocked_statements().await == 1).await;
        registration.commit().await;
    });
    assert_eq!(registered.expect(201)["user"]["firstName"], "Ana");
    assert_eq!(app.count("select count(*) from users").await, 1);
}

#[tokio::test]
async fn all_invalid_fields_are_reported_at_once() {
    let app = TestApp::start().await;
    let form = json!({
        "email": "nobody",
        "password": "short",
        "confirmPassword": "shorter",
        "name": "",
        "phone": "call me",
        "dateOfBirth": "2999-01-01",
        "medicalConditions": "x".repeat(2_001),
    });
    let response = app.visitor().post("/api/auth/register", form).await;
    let body = response.expect_code(400, "validation_failed");
    let fields: Vec<_> = body["details"].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "confirmPassword",
            "dateOfBirth",
            "email",
            "medicalConditions",
            "name",
            "password",
            "phone"
        ]
    );
}

#[tokio::test]
async fn common_and_personal_passwords_are_rejected() {
    let app = TestApp::start().await;
    for password in [
        "password123",
        "Qwertyuiop",
        "maximiliana@example.com",
        "Maximiliana",
        "2026-maximiliana!",
        "Sabor con Flow",
    ] {
        let form = json!({
            "email": "maximiliana@example.com",
            "password": password,
            "name": "Maximiliana",
        });
        let body = app
            .visitor()
            .post("/api/auth/register", form)
            .await
            .expect(400);
        assert!(body["details"]["password"].is_array(), "{password}");
    }
}

#[tokio::test]
async fn registration_moves_session_data_to_the_new_session() {
    let app = TestApp::start().await;
    let ana = app.visitor();
    ana.visit_twice().await;
    let copy_with_old_cookie = ana.copy();
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    ana.post("/api/auth/register", form).await.expect(201);
    let session_data = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(session_data["visits"], 3);
    // The anonymous session has ended, so its cookie counts from 1 again.
    let old_session_data = copy_with_old_cookie
        .get("/api/session/test-session")
        .await
        .expect(200);
    assert_eq!(old_session_data["visits"], 1);
}

#[tokio::test]
async fn postgres_and_redis_contain_no_plaintext_credentials_or_medical_conditions() {
    let app = TestApp::start().await;
    let ana = app.visitor();
    let form = json!({
        "email": "ana@example.com",
        "password": PASSWORD,
        "name": "Ana",
        "medicalConditions": "asma leve",
    });
    ana.post("/api/auth/register", form).await.expect(201);
    assert!(ana.is_signed_in().await);
    let rows = app
        .sql(
            "select (select string_agg(u::text, '') from users u)
            || (select string_agg(s::text, '') from user_sessions s)
            || (select string_agg(e::text, '') from security_events e)",
        )
        .await;
    let dump: String = rows[0].get(0);
    let redis_keys = app.redis.command(&["KEYS", "*"]).await.unwrap();
    let mut contents = dump + &redis_keys.to_string();
    for key in redis_keys.as_array().unwrap() {
        contents += &app.redis.get(key.as_str().unwrap()).await.unwrap().unwrap();
    }
    let cookie = ana.cookie().unwrap();
    let token = cookie.split(['=', '.']).nth(1).unwrap();
    for secret in [token, PASSWORD, "asma", &hex(b"asma leve")] {
        assert!(!contents.contains(secret), "{secret}");
    }
    assert!(contents.contains("ana@example.com"));
}

#[tokio::test]
async fn a_first_or_last_name_is_validated_even_with_a_full_name() {
    let app = TestApp::start().await;
    for field in ["firstName", "lastName"] {
        let form = json!({
            "email": "ana@example.com",
            "password": PASSWORD,
            "name": "Ana Reyes",
            field: "a".repeat(101),
        });
        let rejected = app.visitor().post("/api/auth/register", form).await;
        let body = rejected.expect(400);
        assert!(body["details"].get(field).is_some(), "{body}");
    }
}
