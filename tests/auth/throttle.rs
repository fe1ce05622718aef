//! How often something may be tried: `lib/src/throttle.rs`, counted by Redis, and
//! by Postgres without it.

use serde_json::json;

use crate::harness::{Answer, PASSWORD, Person, Settings, TestApp, until};

/// Once with Redis and once without.
async fn both_ways() -> [TestApp; 2] {
    let without = Settings::default().with("KV_REST_API_URL", "");
    [TestApp::start().await, TestApp::start_with(without).await]
}

/// The waits of all keys that begin so pass; how often there was one stays known.
async fn wait_is_over(app: &TestApp, key: &str) {
    let pattern = format!("throttle:{key}*");
    let keys = app.redis.command(&["KEYS", &pattern]).await.unwrap();
    for key in keys.as_array().unwrap() {
        app.redis.lose(key.as_str().unwrap()).await.unwrap();
    }
    app.sql(&format!(
        "update login_throttle set tries = 0, window_ends_at = now(),
            blocked_until = now() - interval '1 second'
        where starts_with(key, '{key}')"
    ))
    .await;
}

async fn guess(person: &Person) -> Answer {
    person.copy().sign_in("ana@example.com", "guess").await
}

/// Guesses until there are no tries left; how long to wait, in seconds.
async fn use_up(person: &Person) -> u64 {
    loop {
        let answer = guess(person).await;
        if answer.status == 429 {
            answer.expect_code(429, "too_many_requests");
            return answer.header("retry-after").unwrap().parse().unwrap();
        }
        answer.expect_code(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn line_20_five_tries_a_minute_for_an_account_and_an_address_however_many_at_once() {
    for app in both_ways().await {
        app.member("ana").await;
        let stranger = app.visitor();
        let tries: Vec<_> = (0..16)
            .map(|_| {
                let stranger = stranger.copy();
                tokio::spawn(async move { guess(&stranger).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in tries {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [[401; 5].to_vec(), [429; 11].to_vec()].concat());
        // Now not even the right one; but elsewhere nobody is locked out.
        let answer = stranger.sign_in_as("ana").await;
        answer.expect_code(429, "too_many_requests");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let elsewhere = app.visitor();
        let answer = elsewhere.sign_in_as("ana").await;
        answer.expect(200);
    }
}

#[tokio::test]
async fn line_20_waits_grow_and_a_right_password_forgets_the_tries() {
    for app in both_ways().await {
        app.member("ana").await;
        let ana = app.visitor();
        let mut waits = Vec::new();
        for _ in 0..3 {
            waits.push(use_up(&ana).await);
            wait_is_over(&app, "sign_in_account").await;
            wait_is_over(&app, "sign_in_address").await;
        }
        assert!(waits[0] < waits[1] && waits[1] < waits[2], "{waits:?}");
        ana.sign_in_as("ana").await.expect(200);
        let left = "select count(*) from login_throttle where starts_with(key, 'sign_in_account')";
        until(async || app.count(left).await == 0).await;
        let pattern = ["KEYS", "throttle:sign_in_account*"];
        let left = app.redis.command(&pattern).await.unwrap();
        assert_eq!(left, json!([]));
    }
}

#[tokio::test]
async fn line_20_no_wait_is_longer_than_a_quarter_of_an_hour() {
    for app in both_ways().await {
        let stranger = app.visitor();
        use_up(&stranger).await;
        wait_is_over(&app, "sign_in").await;
        app.sql("update login_throttle set strikes = 12").await;
        let wait = use_up(&stranger).await;
        assert!((890..=900).contains(&wait), "{wait}");
        // Redis holds it for as long.
        let other = guess(&stranger).await;
        let left: u64 = other.header("retry-after").unwrap().parse().unwrap();
        assert!((890..=900).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn line_20_an_address_has_twenty_tries_whatever_the_account() {
    for app in both_ways().await {
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
async fn line_20_whoever_tries_during_a_wait_has_their_tries_when_it_is_over() {
    for app in both_ways().await {
        app.member("ana").await;
        let ana = app.visitor();
        use_up(&ana).await;
        for _ in 0..12 {
            guess(&ana).await.expect(429);
        }
        wait_is_over(&app, "sign_in").await;
        for _ in 0..4 {
            guess(&ana).await.expect(401);
        }
        ana.sign_in_as("ana").await.expect(200);
    }
}

#[tokio::test]
async fn line_20_a_known_device_is_not_locked_out_by_somebody_elses_failures() {
    for app in both_ways().await {
        let ana = app.member("ana").await;
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        // Behind the same address as hers.
        let stranger = ana.copy();
        stranger.jar.lock().unwrap().clear();
        use_up(&stranger).await;
        for number in 0..20 {
            let email = format!("a{number}@example.com");
            stranger.sign_in(&email, "guess").await;
        }
        let answer = stranger.sign_in_as("ana").await;
        answer.expect_code(429, "too_many_requests");
        ana.sign_in_as("ana").await.expect(200);
        // It has five tries of its own, and no more.
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        for _ in 0..5 {
            guess(&ana).await.expect(401);
        }
        guess(&ana).await.expect(429);
    }
}

#[tokio::test]
async fn line_20_a_device_that_somebody_made_up_has_no_tries_of_its_own() {
    let app = TestApp::start().await;
    let (ana, luis) = (app.member("ana").await, app.member("luis").await);
    let stranger = app.visitor();
    let (name, mine) = ana.devices().remove(0);
    let (token, signature) = mine.split_once('.').unwrap();
    let made_up = [
        format!("{}.{signature}", "0".repeat(64)),
        token.to_owned(),
        // Good, and known to another account.
        luis.devices().remove(0).1,
    ];
    for _ in 0..5 {
        guess(&stranger).await.expect(401);
    }
    for device in made_up {
        stranger.jar.lock().unwrap().insert(name.clone(), device);
        guess(&stranger).await.expect(429);
    }
}

#[tokio::test]
async fn line_20_an_administrator_ends_a_wait_wherever_it_is_counted() {
    for app in both_ways().await {
        let admin = app.admin("admin").await;
        app.member("ana").await;
        let stranger = app.visitor();
        use_up(&stranger).await;
        let found = admin.get("/api/admin/users?search=ana").await.expect(200);
        let account = &found["items"][0];
        assert!(account["lockedUntil"].is_string(), "{account}");
        let change = json!({ "id": account["id"], "unlock": true });
        let changed = admin.patch("/api/admin/users", change).await.expect(200);
        assert_eq!(changed["lockedUntil"], json!(null));
        let answer = stranger.sign_in_as("ana").await;
        answer.expect(200);
    }
}

#[tokio::test]
async fn line_20_an_administrator_ends_the_wait_of_a_known_device_too() {
    for app in both_ways().await {
        let admin = app.admin("admin").await;
        let ana = app.member("ana").await;
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        use_up(&ana).await;
        let found = admin.get("/api/admin/users?search=ana").await.expect(200);
        let account = &found["items"][0];
        assert!(account["lockedUntil"].is_string(), "{account}");
        let change = json!({ "id": account["id"], "unlock": true });
        admin.patch("/api/admin/users", change).await.expect(200);
        ana.sign_in_as("ana").await.expect(200);
    }
}

#[tokio::test]
async fn line_20_a_wait_is_noted_once_however_often_it_is_met() {
    for app in both_ways().await {
        let stranger = app.visitor();
        use_up(&stranger).await;
        for _ in 0..5 {
            guess(&stranger).await.expect(429);
        }
        let noted = "select count(*) from security_events where kind = 'sign_in_throttled'";
        until(async || app.count(noted).await == 1).await;
        let failed = "select count(*) from security_events where kind = 'sign_in_failed'";
        until(async || app.count(failed).await == 5).await;
        assert_eq!(app.count(noted).await, 1);
    }
}

#[tokio::test]
async fn line_20_a_limit_holds_while_redis_goes_and_comes_back() {
    let app = TestApp::start().await;
    app.member("ana").await;
    let stranger = app.visitor();
    use_up(&stranger).await;
    // The wait is noted in Postgres as well: without Redis it still stands.
    app.redis.flush().await.unwrap();
    let without = app
        .another_with(Settings::default().with("KV_REST_API_URL", ""))
        .await;
    guess(&stranger.at(&without)).await.expect(429);
}

#[tokio::test]
async fn line_16_anywhere_but_on_vercel_a_header_gives_nobody_more_tries() {
    let app = TestApp::start_with(Settings::default().with("VERCEL", "")).await;
    for _ in 0..5 {
        guess(&app.visitor()).await.expect(401);
    }
    guess(&app.visitor()).await.expect(429);
}

#[tokio::test]
async fn line_21_registering_forgetting_and_links_are_limited_by_address_and_by_account() {
    let app = TestApp::start().await;
    let register = |email: &str| json!({ "email": email, "password": PASSWORD, "name": "Ana" });
    let forgot = |email: &str| json!({ "email": email });
    // By account, from ever other addresses.
    for (path, form, tries) in [
        ("/api/auth/register", register("a@b.example"), 10),
        ("/api/auth/forgot-password", forgot("a@b.example"), 5),
    ] {
        for _ in 0..tries {
            let answer = app.visitor().post(path, form.clone()).await;
            assert_ne!(answer.status, 429, "{path}");
        }
        let answer = app.visitor().post(path, form).await;
        answer.expect_code(429, "too_many_requests");
        assert!(answer.header("retry-after").is_some());
    }
    // By address, for ever other accounts.
    let stranger = app.visitor();
    for number in 0..10 {
        let email = format!("c{number}@b.example");
        let answer = stranger.post("/api/auth/forgot-password", forgot(&email));
        answer.await.expect(202);
    }
    let answer = stranger.post("/api/auth/forgot-password", forgot("c10@b.example"));
    answer.await.expect(429);
    // Nobody is mailed by us because a member names them.
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
    let moved = app.visitor_like(&ana);
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
        let answer = stranger.post("/api/auth/verify-email", json!({ "token": "x" }));
        answer.await.expect_code(400, "link_ended");
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
