//! Rate limits. Redis counts the attempts; without Redis, Postgres does.

use serde_json::json;

use crate::harness::{PASSWORD, Settings, TestApp, TestClient, TestResponse, wait_until};

/// Starts an application with Redis and one without.
async fn start_with_and_without_redis() -> [TestApp; 2] {
    let settings = Settings::default().with("KV_REST_API_URL", "");
    [TestApp::start().await, TestApp::start_with(settings).await]
}

/// Ends the lockouts of all keys with this prefix. The number of earlier
/// lockouts is kept.
async fn end_lockout(app: &TestApp, prefix: &str) {
    let pattern = format!("throttle:{prefix}*");
    let keys = app.redis.command(&["KEYS", &pattern]).await.unwrap();
    for key in keys.as_array().unwrap() {
        app.redis.evict(key.as_str().unwrap()).await.unwrap();
    }
    app.sql(&format!(
        "update login_throttle set tries = 0, window_ends_at = now(),
            blocked_until = now() - interval '1 second'
        where starts_with(key, '{prefix}')"
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
    for app in start_with_and_without_redis().await {
        app.member("ana").await;
        let stranger = app.visitor();
        let requests: Vec<_> = (0..16)
            .map(|_| {
                let stranger = stranger.copy();
                tokio::spawn(async move { try_wrong_password(&stranger).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(request.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [[401; 5].to_vec(), [429; 11].to_vec()].concat());
        // The correct password now works only from another IP address.
        let response = stranger.sign_in_as("ana").await;
        response.expect_code(429, "too_many_requests");
        let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let other_client = app.visitor();
        let response = other_client.sign_in_as("ana").await;
        response.expect(200);
    }
}

#[tokio::test]
async fn lockouts_grow_and_a_correct_password_resets_the_attempts() {
    for app in start_with_and_without_redis().await {
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
        let attempts =
            "select count(*) from login_throttle where starts_with(key, 'sign_in_account')";
        wait_until(async || app.count(attempts).await == 0).await;
        let command = ["KEYS", "throttle:sign_in_account*"];
        let keys = app.redis.command(&command).await.unwrap();
        assert_eq!(keys, json!([]));
    }
}

#[tokio::test]
async fn no_lockout_is_longer_than_fifteen_minutes() {
    for app in start_with_and_without_redis().await {
        let stranger = app.visitor();
        exhaust_attempts(&stranger).await;
        end_lockout(&app, "sign_in").await;
        app.sql("update login_throttle set strikes = 12").await;
        let wait = exhaust_attempts(&stranger).await;
        assert!((890..=900).contains(&wait), "{wait}");
        // Redis stores the lockout with the same duration.
        let response = try_wrong_password(&stranger).await;
        let retry_after: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((890..=900).contains(&retry_after), "{retry_after}");
    }
}

#[tokio::test]
async fn an_ip_address_has_twenty_attempts_across_all_accounts() {
    for app in start_with_and_without_redis().await {
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
    for app in start_with_and_without_redis().await {
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
    for app in start_with_and_without_redis().await {
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
    let (name, device_cookie) = ana.devices().remove(0);
    let (token, signature) = device_cookie.split_once('.').unwrap();
    let forged_cookies = [
        format!("{}.{signature}", "0".repeat(64)),
        token.to_owned(),
        // A valid device cookie of another account.
        luis.devices().remove(0).1,
    ];
    for _ in 0..5 {
        try_wrong_password(&stranger).await.expect(401);
    }
    for forged_cookie in forged_cookies {
        stranger
            .jar
            .lock()
            .unwrap()
            .insert(name.clone(), forged_cookie);
        try_wrong_password(&stranger).await.expect(429);
    }
}

#[tokio::test]
async fn an_administrator_can_end_a_lockout_in_redis_and_postgres() {
    for app in start_with_and_without_redis().await {
        let admin = app.admin("admin").await;
        app.member("ana").await;
        let stranger = app.visitor();
        exhaust_attempts(&stranger).await;
        let list = admin.get("/api/admin/users?search=ana").await.expect(200);
        let account = &list["items"][0];
        assert!(account["lockedUntil"].is_string(), "{account}");
        let change = json!({ "id": account["id"], "unlock": true });
        let changed_user = admin.patch("/api/admin/users", change).await.expect(200);
        assert_eq!(changed_user["lockedUntil"], json!(null));
        let response = stranger.sign_in_as("ana").await;
        response.expect(200);
    }
}

#[tokio::test]
async fn an_administrator_can_end_the_lockout_of_a_known_device() {
    for app in start_with_and_without_redis().await {
        let admin = app.admin("admin").await;
        let ana = app.member("ana").await;
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        exhaust_attempts(&ana).await;
        let list = admin.get("/api/admin/users?search=ana").await.expect(200);
        let account = &list["items"][0];
        assert!(account["lockedUntil"].is_string(), "{account}");
        let change = json!({ "id": account["id"], "unlock": true });
        admin.patch("/api/admin/users", change).await.expect(200);
        ana.sign_in_as("ana").await.expect(200);
    }
}

#[tokio::test]
async fn a_lockout_is_logged_once() {
    for app in start_with_and_without_redis().await {
        let stranger = app.visitor();
        exhaust_attempts(&stranger).await;
        for _ in 0..5 {
            try_wrong_password(&stranger).await.expect(429);
        }
        let lockouts = "select count(*) from security_events where kind = 'sign_in_throttled'";
        wait_until(async || app.count(lockouts).await == 1).await;
        let failed_sign_ins = "select count(*) from security_events where kind = 'sign_in_failed'";
        wait_until(async || app.count(failed_sign_ins).await == 5).await;
        assert_eq!(app.count(lockouts).await, 1);
    }
}

#[tokio::test]
async fn a_lockout_survives_the_loss_of_redis() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let stranger = app.visitor();
    exhaust_attempts(&stranger).await;
    // Postgres stores the lockout too.
    app.redis.flush().await.unwrap();
    let app_without_redis = app
        .start_another_with(Settings::default().with("KV_REST_API_URL", ""))
        .await;
    try_wrong_password(&stranger.connected_to(&app_without_redis))
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
    let registration = |email: &str| json!({ "email": email, "password": PASSWORD, "name": "Ana" });
    let reset_request = |email: &str| json!({ "email": email });
    // The limit by account applies across IP addresses.
    for (path, form, limit) in [
        ("/api/auth/register", registration("a@b.example"), 10),
        ("/api/auth/forgot-password", reset_request("a@b.example"), 5),
    ] {
        for _ in 0..limit {
            let response = app.visitor().post(path, form.clone()).await;
            assert_ne!(response.status, 429, "{path}");
        }
        let response = app.visitor().post(path, form).await;
        response.expect_code(429, "too_many_requests");
        assert!(response.header("retry-after").is_some());
    }
    // The limit by IP address applies across accounts.
    let stranger = app.visitor();
    for number in 0..10 {
        let email = format!("c{number}@b.example");
        let response = stranger.post("/api/auth/forgot-password", reset_request(&email));
        response.await.expect(202);
    }
    let response = stranger.post("/api/auth/forgot-password", reset_request("c10@b.example"));
    response.await.expect(429);
    // A member cannot make the studio send mail to many strangers.
    let ana = app.member("ana").await;
    let email_change = |number: usize| {
        let new_email = format!("stranger{number}@b.example");
        json!({ "newEmail": new_email, "currentPassword": PASSWORD })
    };
    for number in 0..10 {
        ana.post("/api/auth/change-email", email_change(number))
            .await
            .expect(202);
    }
    let ana_at_new_address = app.visitor_with_cookie_of(&ana);
    ana_at_new_address
        .post("/api/auth/change-email", email_change(10))
        .await
        .expect(429);
    let luis = app.unconfirmed_member("luis").await;
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
    for (path, form) in [
        ("/api/auth/verify-email", json!({ "token": "x" })),
        (
            "/api/auth/reset-password",
            json!({ "token": "x", "newPassword": PASSWORD }),
        ),
    ] {
        stranger.post(path, form).await.expect(429);
    }
}
