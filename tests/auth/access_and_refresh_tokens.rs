//! Access and refresh tokens: `api/auth/refresh.rs` and `mode: "token"`.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, USER_AGENT};
use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApp, TestClient, TestResponse, decode_claims, wait_until};

/// An API client that is signed in as Ana, with its tokens.
struct ApiClient {
    person: TestClient,
    access_token: String,
    refresh_token: String,
}

impl ApiClient {
    fn new(person: TestClient, tokens: &Value) -> Self {
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Self {
            person,
            access_token: text("accessToken"),
            refresh_token: text("refreshToken"),
        }
    }

    /// Signs in as Ana, who is registered already.
    async fn sign_in(app: &TestApp) -> Self {
        let person = app.visitor();
        let form = json!({ "email": "ana@example.com", "password": PASSWORD, "mode": "token" });
        let tokens = person.post("/api/auth/login", form).await.expect(200);
        Self::new(person, &tokens)
    }

    async fn call(&self, method: Method, path: &str) -> TestResponse {
        let request = self.person.request(method, path);
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.access_token));
        self.person.send(request).await
    }

    async fn is_signed_in(&self) -> bool {
        let response = self.call(Method::GET, "/api/auth/session").await;
        assert!(matches!(response.status, 200 | 401), "{response:?}");
        response.status == 200
    }
}

async fn refresh(person: &TestClient, token: &str) -> TestResponse {
    let form = json!({ "refreshToken": token });
    person.post("/api/auth/refresh", form).await
}

#[tokio::test]
async fn an_api_client_signs_in_with_tokens_and_gets_no_cookie() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let person = app.visitor();
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "mode": "token" });
    let response = person.post("/api/auth/login", form).await;
    let body = response.expect(200);
    assert!(response.header("set-cookie").is_none());
    assert_eq!(body["expiresIn"], 900);
    assert_eq!(body["user"]["email"], "ana@example.com");
    let client = ApiClient::new(person, &body);
    let session = client
        .call(Method::GET, "/api/auth/session")
        .await
        .expect(200);
    let days =
        day_number(&session["session"]["expiresAt"]) - day_number(&session["session"]["createdAt"]);
    assert_eq!(days, 30);
    // A write with a bearer token is accepted from any origin, because browsers do not add
    // the `Authorization` header by themselves.
    let request = client.person.request(Method::PATCH, "/api/auth/me");
    let request = request
        .header(AUTHORIZATION, format!("bearer {}", client.access_token))
        .header("origin", "https://elsewhere.example")
        .json(&json!({ "phone": "+1 303 555 0100" }));
    client.person.send(request).await.expect(200);
}

fn day_number(time: &Value) -> i64 {
    let time: DateTime<Utc> = time.as_str().unwrap().parse().unwrap();
    time.timestamp() / 86_400
}

#[tokio::test]
async fn registration_and_sign_in_create_separate_sessions() {
    let app = TestApp::start().await;
    let person = app.visitor();
    let form = json!({
        "email": "ana@example.com", "password": PASSWORD, "name": "Ana Reyes", "mode": "token",
    });
    let tokens = person.post("/api/auth/register", form).await.expect(201);
    let first_client = ApiClient::new(person, &tokens);
    let second_client = ApiClient::sign_in(&app).await;
    assert_eq!(app.count("select count(*) from user_sessions").await, 2);
    let list = first_client
        .call(Method::GET, "/api/sessions")
        .await
        .expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let token_sessions = "select count(*) from user_sessions where session_key = 'sid:' || id";
    assert_eq!(app.count(token_sessions).await, 2);
    // Signing out ends one session and not the other.
    first_client
        .call(Method::POST, "/api/auth/logout")
        .await
        .expect(200);
    assert!(!first_client.is_signed_in().await);
    assert!(second_client.is_signed_in().await);
    let rejected = refresh(&first_client.person, &first_client.refresh_token).await;
    rejected.expect_code(401, "refresh_token_refused");
}

#[tokio::test]
async fn ending_all_sessions_ends_their_tokens() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let (first_client, second_client) = (
        ApiClient::sign_in(&app).await,
        ApiClient::sign_in(&app).await,
    );
    // This writes both session records to Redis.
    assert!(first_client.is_signed_in().await && second_client.is_signed_in().await);
    ana.delete("/api/sessions?scope=all").await.expect(200);
    for client in [&first_client, &second_client] {
        assert!(!client.is_signed_in().await);
        let rejected = refresh(&client.person, &client.refresh_token).await;
        rejected.expect_code(401, "refresh_token_refused");
    }
    assert_eq!(app.count("select count(*) from refresh_tokens").await, 0);
}

#[tokio::test]
async fn expired_sessions_are_cleaned_up_with_their_tokens() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    app.sql(
        "update user_sessions set absolute_expires_at = now() - interval '1 s',
        expires_at = now() - interval '1 s' where session_key like 'sid:%'",
    )
    .await;
    let cleaned = sabor::cleanup::run(&app.app).await.unwrap();
    assert_eq!(cleaned.deleted_count, 1);
    assert_eq!(app.count("select count(*) from refresh_tokens").await, 0);
}

#[tokio::test]
async fn a_refresh_token_can_sign_out_after_the_access_token_has_expired() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    app.app.clock().advance(TimeDelta::minutes(16));
    assert!(!client.is_signed_in().await);
    let form = json!({ "refreshToken": client.refresh_token });
    client
        .person
        .post("/api/auth/logout", form)
        .await
        .expect(200);
    let rejected = refresh(&client.person, &client.refresh_token).await;
    rejected.expect_code(401, "refresh_token_refused");
    // Unknown tokens get the same response.
    for token in ["", "nonsense", &"0".repeat(64)] {
        let form = json!({ "refreshToken": token });
        client
            .person
            .post("/api/auth/logout", form)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_refresh_token_can_end_all_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let form = json!({ "refreshToken": client.refresh_token, "all": true });
    app.visitor()
        .post("/api/auth/logout", form)
        .await
        .expect(200);
    assert!(!ana.is_signed_in().await && !client.is_signed_in().await);
}

#[tokio::test]
async fn each_refresh_token_works_once_and_returns_its_successor() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let mut client = ApiClient::sign_in(&app).await;
    for _ in 0..3 {
        let old_token = client.refresh_token.clone();
        let tokens = refresh(&client.person, &old_token).await.expect(200);
        assert_eq!(tokens["user"]["email"], "ana@example.com");
        client = ApiClient::new(client.person, &tokens);
        assert_ne!(client.refresh_token, old_token);
        assert!(client.is_signed_in().await);
    }
    let live_tokens = "select count(*) from refresh_tokens where replaced_at is null";
    assert_eq!(app.count(live_tokens).await, 1);
    assert_eq!(
        app.count("select count(*) from user_sessions where session_key like 'sid:%'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_replayed_refresh_token_ends_the_family_and_its_access_tokens() {
    let app = TestApp::start().await;
    let other_app = app.start_another().await;
    app.member("ana").await;
    let first_client = ApiClient::sign_in(&app).await;
    let tokens = refresh(&first_client.person, &first_client.refresh_token)
        .await
        .expect(200);
    let second_client = ApiClient::new(first_client.person.copy(), &tokens);
    assert!(second_client.is_signed_in().await);
    // The successor is used, so the first response was not lost.
    let tokens = refresh(&second_client.person, &second_client.refresh_token)
        .await
        .expect(200);
    let second_client = ApiClient::new(second_client.person, &tokens);
    let rejected = refresh(&first_client.person, &first_client.refresh_token).await;
    rejected.expect_code(401, "refresh_token_refused");
    assert!(!second_client.is_signed_in().await);
    let client_of_other_app = ApiClient {
        person: second_client.person.connected_to(&other_app),
        access_token: second_client.access_token.clone(),
        refresh_token: second_client.refresh_token.clone(),
    };
    assert!(!client_of_other_app.is_signed_in().await);
    let rejected = refresh(&second_client.person, &second_client.refresh_token).await;
    rejected.expect_code(401, "refresh_token_refused");
    let log_entries = "select count(*) from security_events where kind = 'refresh_replayed'";
    wait_until(async || app.count(log_entries).await == 1).await;
}

#[tokio::test]
async fn a_lost_response_is_repeated_only_for_the_same_client() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let first_tokens = refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    let repeated_tokens = refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    assert_eq!(
        first_tokens["refreshToken"],
        repeated_tokens["refreshToken"]
    );
    // Another client sends the token.
    let form = json!({ "refreshToken": client.refresh_token });
    let request = client.person.request(Method::POST, "/api/auth/refresh");
    let request = request.header(USER_AGENT, "thief/1.0").json(&form);
    let rejected = client.person.send(request).await;
    rejected.expect_code(401, "refresh_token_refused");
    let client_after_replay = ApiClient::new(client.person.copy(), &repeated_tokens);
    assert!(!client_after_replay.is_signed_in().await);
}

#[tokio::test]
async fn a_lost_response_is_repeated_for_as_long_as_the_successor_is_unused() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let lost_tokens = refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    // The phone was offline for a week.
    app.sql(
        "update refresh_tokens set replaced_at = replaced_at - interval '7 days'
        where replaced_at is not null",
    )
    .await;
    for _ in 0..2 {
        let repeated = refresh(&client.person, &client.refresh_token)
            .await
            .expect(200);
        assert_eq!(repeated["refreshToken"], lost_tokens["refreshToken"]);
    }
    let next_client = ApiClient::new(client.person.copy(), &lost_tokens);
    refresh(&next_client.person, &next_client.refresh_token)
        .await
        .expect(200);
    let rejected = refresh(&client.person, &client.refresh_token).await;
    rejected.expect_code(401, "refresh_token_refused");
    assert_eq!(app.count("select count(*) from refresh_tokens").await, 0);
}

#[tokio::test]
async fn a_response_is_not_repeated_when_the_successor_is_used() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let tokens = refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    let next_client = ApiClient::new(client.person.copy(), &tokens);
    refresh(&next_client.person, &next_client.refresh_token)
        .await
        .expect(200);
    let rejected = refresh(&client.person, &client.refresh_token).await;
    rejected.expect_code(401, "refresh_token_refused");
    assert_eq!(app.count("select count(*) from refresh_tokens").await, 0);
}

#[tokio::test]
async fn changing_a_credential_invalidates_copied_tokens() {
    let app = TestApp::start().await;
    let browser = app.member("ana").await;
    let mut client = ApiClient::sign_in(&app).await;
    let new_password = "otra contraseña larga";
    for (path, form) in [
        (
            "/api/auth/change-email",
            json!({ "currentPassword": PASSWORD, "newEmail": "nueva@example.com" }),
        ),
        (
            "/api/auth/change-password",
            json!({ "currentPassword": PASSWORD, "newPassword": new_password }),
        ),
        (
            "/api/auth/two-factor",
            json!({ "currentPassword": new_password }),
        ),
    ] {
        let request = client.person.request(Method::POST, path).json(&form);
        let request = request.bearer_auth(&client.access_token);
        let response = client.person.send(request).await;
        assert!(matches!(response.status, 200 | 202), "{path}: {response:?}");
        assert_eq!(response.header("set-cookie"), None, "{path}");
        let tokens: Value = serde_json::from_str(&response.text).unwrap();
        assert_eq!(tokens["expiresIn"], 900, "{path}");
        let renewed = ApiClient::new(client.person.copy(), &tokens);
        assert!(!client.is_signed_in().await, "{path}");
        let rejected = refresh(&client.person, &client.refresh_token).await;
        rejected.expect_code(401, "refresh_token_refused");
        assert!(renewed.is_signed_in().await, "{path}");
        let tokens = refresh(&renewed.person, &renewed.refresh_token)
            .await
            .expect(200);
        client = ApiClient::new(renewed.person, &tokens);
    }
    // The family still ends thirty days after the sign-in.
    let tokens_with_session_expiry = "select count(*) from refresh_tokens r join user_sessions s
        on s.id = r.session_id and s.absolute_expires_at = r.expires_at
        where s.absolute_expires_at = s.created_at + interval '30 days'";
    assert_eq!(app.count(tokens_with_session_expiry).await, 2);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn sixty_four_concurrent_refreshes_create_one_successor() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let (person, token) = (client.person.copy(), client.refresh_token.clone());
            tokio::spawn(async move { refresh(&person, &token).await })
        })
        .collect();
    let mut successors = Vec::new();
    for request in requests {
        let body = request.await.unwrap().expect(200);
        successors.push(body["refreshToken"].as_str().unwrap().to_owned());
    }
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_eq!(app.count("select count(*) from refresh_tokens").await, 2);
}

#[tokio::test]
async fn a_refresh_token_family_has_an_absolute_expiry() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let tokens = refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    let shared_expiries = "select count(distinct r.expires_at) from refresh_tokens r
        join user_sessions s on s.id = r.session_id and s.absolute_expires_at = r.expires_at";
    assert_eq!(app.count(shared_expiries).await, 1);
    // The thirty days have passed, and the clean-up has not run yet.
    app.sql(
        "update user_sessions set created_at = created_at - interval '30 days',
            expires_at = now(), absolute_expires_at = now() where session_key like 'sid:%'",
    )
    .await;
    app.sql("update refresh_tokens set expires_at = now()")
        .await;
    let next_client = ApiClient::new(client.person, &tokens);
    let rejected = refresh(&next_client.person, &next_client.refresh_token).await;
    rejected.expect_code(401, "refresh_token_refused");
}

#[tokio::test]
async fn a_revocation_wins_over_a_concurrent_refresh() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for _ in 0..20 {
        ana.sign_in_as("ana").await.expect(200);
        let client = ApiClient::sign_in(&app).await;
        let (refresh_response, revoke_response) = tokio::join!(
            refresh(&client.person, &client.refresh_token),
            ana.delete("/api/sessions?scope=all"),
        );
        revoke_response.expect(200);
        assert!(
            matches!(refresh_response.status, 200 | 401),
            "{refresh_response:?}"
        );
        if refresh_response.status == 200 {
            let next_client = ApiClient::new(client.person, &refresh_response.expect(200));
            assert!(!next_client.is_signed_in().await);
            refresh(&next_client.person, &next_client.refresh_token)
                .await
                .expect(401);
        }
        assert_eq!(app.count("select count(*) from refresh_tokens").await, 0);
    }
}

#[tokio::test]
async fn an_access_token_ends_after_fifteen_minutes_or_with_its_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    assert!(client.is_signed_in().await);
    let list = ana.get("/api/sessions").await.expect(200);
    let items = list["items"].as_array().unwrap();
    let other_session = items
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let path = format!("/api/sessions/{}", other_session["id"].as_str().unwrap());
    ana.delete(&path).await.expect(200);
    assert!(!client.is_signed_in().await);
    let client = ApiClient::sign_in(&app).await;
    let claims = decode_claims(&client.access_token);
    let [start, end] = ["iat", "exp"].map(|claim| claims[claim].as_i64().unwrap());
    assert_eq!(end - start, 15 * 60);
    let end = DateTime::from_timestamp_secs(end).unwrap();
    app.set_clock(end);
    assert!(
        client.is_signed_in().await,
        "within the five seconds of leeway"
    );
    app.set_clock(end + TimeDelta::seconds(6));
    assert!(!client.is_signed_in().await);
}

#[tokio::test]
async fn a_forged_access_token_is_rejected_and_writes_nothing_to_redis() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    // The API ignores the cookie of a request that has an access token.
    let request = ana.request(Method::GET, "/api/auth/session");
    let request = request.header(AUTHORIZATION, format!("Bearer {}x", client.access_token));
    let response = ana.send(request).await;
    response.expect_code(401, "not_signed_in");
    assert!(response.header("set-cookie").is_none());
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    let size_before = app.redis.command(&["DBSIZE"]).await.unwrap();
    for forged in ["", "x", "a.b.c", "Bearer", &client.refresh_token] {
        let request = app.visitor().request(Method::GET, "/api/auth/session");
        let request = request.header(AUTHORIZATION, format!("Bearer {forged}"));
        ana.copy().send(request).await.expect(401);
    }
    assert_eq!(app.redis.command(&["DBSIZE"]).await.unwrap(), size_before);
}

#[tokio::test]
async fn cookie_and_token_credentials_are_not_interchangeable() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    // Neither the refresh token nor the access token works as a cookie.
    let cookie = ana.cookie().unwrap();
    for value in [&client.refresh_token, &client.access_token] {
        ana.set_cookie(Some(format!("__Host-sabor_session={value}")));
        assert!(!ana.is_signed_in().await);
    }
    let token = cookie.split('=').nth(1).unwrap();
    let token = token.split('.').next().unwrap();
    let rejected = refresh(&app.visitor(), token).await;
    rejected.expect_code(401, "refresh_token_refused");
}

#[tokio::test]
async fn the_database_contains_no_usable_refresh_token() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let next_tokens = refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    let rows = app
        .sql("select row_to_json(t)::text from refresh_tokens t")
        .await;
    for row in rows {
        let text: String = row.get(0);
        for token in [
            &client.refresh_token,
            next_tokens["refreshToken"].as_str().unwrap(),
        ] {
            assert!(!text.contains(token));
        }
    }
}

#[tokio::test]
async fn the_library_finds_a_session_by_its_refresh_token() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let client = ApiClient::sign_in(&app).await;
    let sessions = app.app.sessions();
    let token = sabor::session::Token::parse(&client.refresh_token).unwrap();
    let session = sessions
        .find_by_refresh_token(&token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.user.unwrap().email, "ana@example.com");
    refresh(&client.person, &client.refresh_token)
        .await
        .expect(200);
    assert!(
        sessions
            .find_by_refresh_token(&token)
            .await
            .unwrap()
            .is_none()
    );
}
