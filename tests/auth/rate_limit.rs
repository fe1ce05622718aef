//! Rate limits. Redis counts the attempts, or Postgres if there is no Redis.

use serde_json::json;

use crate::harness::{PASSWORD, Settings, TestApp, TestClient, TestResponse, wait_until};

/// Starts an application with Redis and one without.
async fn with_and_without_redis() -> [TestApp; 2] {
    let without = Settings::default().with("KV_REST_API_URL", "");
    [TestApp::start().await, TestApp::start_with(without).await]
}

/// Ends the lockouts of all keys with this prefix. The number of earlier
/// lockouts is kept.
async fn end_lockout(app: &TestApp, key: &str) {
    let pattern = format!("throttle:{key}*");
    let keys = app.redis.command(&["KEYS", &pattern]).await.unwrap();
    for key in keys.as_array().unwrap() {
        app.redis.evict(key.as_str().unwrap()).await.unwrap();
    }
    app.sql(&format!(
        "update login_throttle set tries = 0, window_ends_at = now(),
            blocked_until = now() - interval '1 second'
        where starts_with(key, '{key}')"
    ))
    .await;
}

async fn try_wrong_password(person: &TestClient) -> TestResponse {
    person.copy().sign_in("ana@example.com", "guess").await
}

/// Tries wrong passwords until the limit is reached; returns the seconds to wait.
async fn exhaust_attempts(person: &TestClient) -> u64 {
    loop {
        let response = try_wrong_password(person).await;
        if response.status == 429 {
            response.expect_code(429, "too_many_requests");
            return response.header("retry-after").unwrap().parse().unwrap();
        }
        response.expect_code(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn an_account_and_ip_address_have_five_attempts_per_minute_even_concurrently() {
    for app in with_and_without_redis().await {
        app.member("ana").await;
        let stranger = app.visitor();
        let tries: Vec<_> = (0..16)
            .map(|_| {
                let stranger = stranger.copy();
                tokio::spawn(async move { try_wrong_password(&stranger).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in tries {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [[401; 5].to_vec(), [429; 11].to_vec()].concat());
        // Now even the correct password is rejected, but not from another address.
        let response = stranger.sign_in_as("ana").await;
        response.expect_code(429, "too_many_requests");
        let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let elsewhere = app.visitor();
        let response = elsewhere.sign_in_as("ana").await;
        response.expect(200);
    }
}

#[tokio::test]
async fn lockouts_grow_and_a_correct_password_resets_the_attempts() {
    for app in with_and_without_redis().await {
        app.member("ana").await;
        let ana = app.visitor();
        let mut waits = Vec::new();
        for _ in 0..3 {
            waits.push(exhaust_attempts(&ana).await);
            end_lockout(&app, "sign_in_account").await;
            end_lockout(&app, "sign_in_address").await;
        }
        assert!(waits[0] < waits[1] && waits[1] < waits[2], "{waits:?}");
        ana.sign_in_as("ana").await.expect(200);
        let left = "select count(*) from login_throttle where starts_with(key, 'sign_in_account')";
        wait_until(async || app.count(left).await == 0).await;
        let pattern = ["KEYS", "throttle:sign_in_account*"];
        let left = app.redis.command(&pattern).await.unwrap();
        assert_eq!(left, json!([]));
    }
}

#[tokio::test]
async fn no_lockout_is_longer_than_fifteen_minutes() {
    for app in with_and_without_redis().await {
        let stranger = app.visitor();
        exhaust_attempts(&stranger).await;
        end_lockout(&app, "sign_in").await;
        app.sql("update login_throttle set strikes = 12").await;
        let wait = exhaust_attempts(&stranger).await;
        assert!((890..=900).contains(&wait), "{wait}");
        // Redis stores the lockout for as long.
        let other = try_wrong_password(&stranger).await;
        let left: u64 = other.header("retry-after").unwrap().parse().unwrap();
        assert!((890..=900).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn an_ip_address_has_twenty_attempts_across_all_accounts() {
    for app in with_and_without_redis().await {
        let stranger = app.visitor();
        for number in 0..20 {
            let email = format!("a{number}@example.com");
            stranger.sign_in(&email, "guess").await.expect(401);
        }
        let email = "a20@example.com";
        stranger.sign_in(email, "guess").await.expect(429);
        app.visitor().sign_in(email, "guess").await.expect(401);
    }
}

#[tokio::test]
async fn attempts_during_a_lockout_do_not_count_after_it() {
    for app in with_and_without_redis().await {
        app.member("ana").await;
        let ana = app.visitor();
        exhaust_attempts(&ana).await;
        for _ in 0..12 {
            try_wrong_password(&ana).await.expect(429);
        }
        end_lockout(&app, "sign_in").await;
        for _ in 0..4 {
            try_wrong_password(&ana).await.expect(401);
        }
        ana.sign_in_as("ana").await.expect(200);
    }
}

#[tokio::test]
async fn a_known_device_is_not_locked_out_by_failures_elsewhere() {
    for app in with_and_without_redis().await {
        let ana = app.member("ana").await;
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        // The stranger has the same IP address as Ana.
        let stranger = ana.copy();
        stranger.jar.lock().unwrap().clear();
        exhaust_attempts(&stranger).await;
        for number in 0..20 {
            let email = format!("a{number}@example.com");
            stranger.sign_in(&email, "guess").await;
        }
        let response = stranger.sign_in_as("ana").await;
        response.expect_code(429, "too_many_requests");
        ana.sign_in_as("ana").await.expect(200);
        // The known device has five attempts of its own.
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        for _ in 0..5 {
            try_wrong_password(&ana).await.expect(401);
        }
        try_wrong_password(&ana).await.expect(429);
    }
}

#[tokio::test]
async fn a_forged_device_cookie_gives_no_extra_attempts() {
    let app = TestApp::start().await;
    let (ana, luis) = (app.member("ana").await, app.member("luis").await);
    let stranger = app.visitor();
    let (name, mine) = ana.devices().remove(0);
    let (token, signature) = mine.split_once('.').unwrap();
    let forged = [
        format!("{}.{signature}", "0".repeat(64)),
        token.to_owned(),
        // A valid device cookie of another account.
        luis.devices().remove(0).1,
    ];
    for _ in 0..5 {
        try_wrong_password(&stranger).await.expect(401);
    }
    for device in forged {
        stranger.jar.lock().unwrap().insert(name.clone(), device);
        try_wrong_password(&stranger).await.expect(429);
    }
}

#[tokio::test]
async fn an_administrator_can_end_a_lockout_in_redis_and_postgres() {
    for app in with_and_without_redis().await {
        let admin = app.admin("admin").await;
        app.member("ana").await;
        let stranger = app.visitor();
        exhaust_attempts(&stranger).await;
        let found = admin.get("/api/admin/users?search=ana").await.expect(200);
        let account = &found["items"][0];
        assert!(account["lockedUntil"].is_string(), "{account}");
        let change = json!({ "id": account["id"], "unlock": true });
        let changed = admin.patch("/api/admin/users", change).await.expect(200);
        assert_eq!(changed["lockedUntil"], json!(null));
        let response = stranger.sign_in_as("ana").await;
        response.expect(200);
    }
}

#[tokio::test]
async fn an_administrator_can_end_the_lockout_of_a_known_device() {
    for app in with_and_without_redis().await {
        let admin = app.admin("admin").await;
        let ana = app.member("ana").await;
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        exhaust_attempts(&ana).await;
        let found = admin.get("/api/admin/users?search=ana").await.expect(200);
        let account = &found["items"][0];
        assert!(account["lockedUntil"].is_string(), "{account}");
        let change = json!({ "id": account["id"], "unlock": true });
        admin.patch("/api/admin/users", change).await.expect(200);
        ana.sign_in_as("ana").await.expect(200);
    }
}

#[tokio::test]
async fn a_lockout_is_logged_once() {
    for app in with_and_without_redis().await {
        let stranger = app.visitor();
        exhaust_attempts(&stranger).await;
        for _ in 0..5 {
            try_wrong_password(&stranger).await.expect(429);
        }
        let logged = "select count(*) from security_events where kind = 'sign_in_throttled'";
        wait_until(async || app.count(logged).await == 1).await;
        let failed = "select count(*) from security_events where kind = 'sign_in_failed'";
        wait_until(async || app.count(failed).await == 5).await;
        assert_eq!(app.count(logged).await, 1);
    }
}

#[tokio::test]
async fn a_lockout_holds_when_redis_is_lost() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let stranger = app.visitor();
    exhaust_attempts(&stranger).await;
    // The lockout is stored in Postgres too, so it holds without Redis.
    app.redis.flush().await.unwrap();
    let without = app
        .start_another_with(Settings::default().with("KV_REST_API_URL", ""))
        .await;
    try_wrong_password(&stranger.connected_to(&without))
        .await
        .expect(429);
}

#[tokio::test]
async fn outside_vercel_forwarded_headers_give_no_extra_attempts() {
    let app = TestApp::start_with(Settings::default().with("VERCEL", "")).await;
    for _ in 0..5 {
        try_wrong_password(&app.visitor()).await.expect(401);
    }
    try_wrong_password(&app.visitor()).await.expect(429);
}

#[tokio::test]
async fn registration_and_mailed_links_are_limited_by_ip_address_and_by_account() {
    let app = TestApp::start().await;
    let register = |email: &str| json!({ "email": email, "password": PASSWORD, "name": "Ana" });
    let forgot = |email: &str| json!({ "email": email });
    // By account, from changing IP addresses.
    for (path, form, tries) in [
        ("/api/auth/register", register("a@b.example"), 10),
        ("/api/auth/forgot-password", forgot("a@b.example"), 5),
    ] {
        for _ in 0..tries {
            let response = app.visitor().post(path, form.clone()).await;
            assert_ne!(response.status, 429, "{path}");
        }
        let response = app.visitor().post(path, form).await;
        response.expect_code(429, "too_many_requests");
        assert!(response.header("retry-after").is_some());
    }
    // By IP address, for changing accounts.
    let stranger = app.visitor();
    for number in 0..10 {
        let email = format!("c{number}@b.example");
        let response = stranger.post("/api/auth/forgot-password", forgot(&email));
        response.await.expect(202);
    }
    let response = stranger.post("/api/auth/forgot-password", forgot("c10@b.example"));
    response.await.expect(429);
    // A member cannot make us send mail to many strangers.
    let ana = app.member("ana").await;
    let ask = |number: usize| {
        let new = format!("stranger{number}@b.example");
        json!({ "newEmail": new, "currentPassword": PASSWORD })
    };
    for number in 0..10 {
        ana.post("/api/auth/change-email", ask(number))
            .await
            .expect(202);
    }
    let moved = app.visitor_with_cookie_of(&ana);
    moved
        .post("/api/auth/change-email", ask(10))
        .await
        .expect(429);
    let luis = app.member("luis").await;
    for _ in 0..4 {
        luis.post("/api/auth/verify-email", json!({}))
            .await
            .expect(202);
    }
    for _ in 0..2 {
        luis.post("/api/auth/verify-email", json!({})).await;
    }
    luis.post("/api/auth/verify-email", json!({}))
        .await
        .expect(429);
    for _ in 0..30 {
        let response = stranger.post("/api/auth/verify-email", json!({ "token": "x" }));
        response.await.expect_code(400, "link_ended");
    }
    for path in ["/api/auth/verify-email", "/api/auth/reset-password"] {
        let form = json!({ "token": "x", "newPassword": PASSWORD });
        let form = match path {
            "/api/auth/verify-email" => json!({ "token": "x" }),
            _ => form,
        };
        stranger.post(path, form).await.expect(429);
    }
}
