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
    let pattern = format!("rate_limit:{prefix}*");
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

/// Keeps the windows and the lockouts of sign-ins open for an hour, so that they do not end
/// during a test on a slow machine.
async fn keep_windows_open(app: &TestApp) {
    let command = ["KEYS", "rate_limit:sign_in*"];
    let keys = app.redis.command(&command).await.unwrap();
    for key in keys.as_array().unwrap() {
        let command = ["EXPIRE", key.as_str().unwrap(), "3600"];
        app.redis.command(&command).await.unwrap();
    }
    app.sql(
        "update login_throttle set window_ends_at = now() + interval '1 hour',
            blocked_until = blocked_until + interval '1 hour'
        where starts_with(key, 'sign_in')",
    )
    .await;
}

/// Tries a wrong password. A busy server responds with 503 when too many passwords wait to be
/// hashed, and does not count the attempt, so it is repeated.
async fn try_wrong_password(person: &TestClient) -> TestResponse {
    loop {
        let response = person.copy().sign_in("ana@example.com", "guess").await;
        if response.status != 503 {
            return response;
        }
    }
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
        let attacker = app.visitor();
        try_wrong_password(&attacker).await.expect(401);
        keep_windows_open(&app).await;
        let requests: Vec<_> = (0..15)
            .map(|_| {
                let attacker = attacker.copy();
                tokio::spawn(async move { try_wrong_password(&attacker).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(request.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [[401; 4].to_vec(), [429; 11].to_vec()].concat());
        // The correct password now works only from another IP address.
        let response = attacker.sign_in_as("ana").await;
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
        let command = ["KEYS", "rate_limit:sign_in_account*"];
        let keys = app.redis.command(&command).await.unwrap();
        assert_eq!(keys, json!([]));
    }
}

#[tokio::test]
async fn no_lockout_is_longer_than_fifteen_minutes() {
    for app in start_with_and_without_redis().await {
        let attacker = app.visitor();
        exhaust_attempts(&attacker).await;
        end_lockout(&app, "sign_in").await;
        app.sql("update login_throttle set strikes = 12").await;
        let wait = exhaust_attempts(&attacker).await;
        assert!((890..=900).contains(&wait), "{wait}");
        // Redis stores the lockout with the same duration.
        let response = try_wrong_password(&attacker).await;
        let retry_after: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((890..=900).contains(&retry_after), "{retry_after}");
    }
}

#[tokio::test]
async fn an_ip_address_has_twenty_attempts_across_all_accounts() {
    for app in start_with_and_without_redis().await {
        let attacker = app.visitor();
        for number in 0..20 {
            let email = format!("a{number}@example.com");
            attacker.sign_in(&email, "guess").await.expect(401);
            if number == 0 {
                keep_windows_open(&app).await;
            }
        }
        let email = "a20@example.com";
        attacker.sign_in(email, "guess").await.expect(429);
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
        // The attacker has the same IP address as Ana, but not her cookies.
        let attacker = ana.copy();
        attacker.jar.lock().unwrap().clear();
        exhaust_attempts(&attacker).await;
        keep_windows_open(&app).await;
        for number in 0..20 {
            let email = format!("a{number}@example.com");
            attacker.sign_in(&email, "guess").await;
        }
        let response = attacker.sign_in_as("ana").await;
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
    let attacker = app.visitor();
    let (name, device_cookie) = ana.devices().remove(0);
    let (token, signature) = device_cookie.split_once('.').unwrap();
    let rejected_cookies = [
        format!("{}.{signature}", "0".repeat(64)),
        token.to_owned(),
        // A valid device cookie of another account.
        luis.devices().remove(0).1,
    ];
    for _ in 0..5 {
        try_wrong_password(&attacker).await.expect(401);
    }
    for rejected_cookie in rejected_cookies {
        attacker
            .jar
            .lock()
            .unwrap()
            .insert(name.clone(), rejected_cookie);
        try_wrong_password(&attacker).await.expect(429);
    }
}

#[tokio::test]
async fn an_administrator_can_end_a_lockout_in_redis_and_postgres() {
    for app in start_with_and_without_redis().await {
        let admin = app.admin("admin").await;
        app.member("ana").await;
        let attacker = app.visitor();
        exhaust_attempts(&attacker).await;
        let list = admin.get("/api/admin/users?search=ana").await.expect(200);
        let account = &list["items"][0];
        assert!(account["lockedUntil"].is_string(), "{account}");
        let change = json!({ "id": account["id"], "unlock": true });
        let changed_user = admin.patch("/api/admin/users", change).await.expect(200);
        assert_eq!(changed_user["lockedUntil"], json!(null));
        let response = attacker.sign_in_as("ana").await;
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
        let attacker = app.visitor();
        exhaust_attempts(&attacker).await;
        for _ in 0..5 {
            try_wrong_password(&attacker).await.expect(429);
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
    let attacker = app.visitor();
    exhaust_attempts(&attacker).await;
    // Postgres stores the lockout too.
    app.redis.flush().await.unwrap();
    let app_without_redis = app
        .start_another_with(Settings::default().with("KV_REST_API_URL", ""))
        .await;
    try_wrong_password(&attacker.connected_to(&app_without_redis))
        .await
        .expect(429);
}

#[tokio::test]
async fn outside_vercel_forwarded_headers_give_no_extra_attempts() {
    let app = TestApp::start_with(Settings::default().with("VERCEL", "")).await;
    // Each visitor sends another IP address in `X-Real-IP`.
    for _ in 0..5 {
        try_wrong_password(&app.visitor()).await.expect(401);
    }
    try_wrong_password(&app.visitor()).await.expect(429);
}

#[tokio::test]
async fn mailed_links_are_limited_by_ip_address_and_by_account() {
    let app = TestApp::start().await;
    let attacker = app.visitor();
    for number in 0..30 {
        let form = json!({ "email": format!("c{number}@b.example") });
        let response = attacker.post("/api/auth/forgot-password", form).await;
        response.expect(202);
    }
    let form = json!({ "email": "c30@b.example" });
    let response = attacker.post("/api/auth/forgot-password", form).await;
    response.expect_code(429, "too_many_requests");
    assert!(response.header("retry-after").is_some());
    // A member cannot make the studio send mail to many strangers.
    let ana = app.member("ana").await;
    let email_change = |number: usize| {
        let new_email = format!("someone{number}@b.example");
        json!({ "newEmail": new_email, "currentPassword": PASSWORD })
    };
    for number in 0..10 {
        ana.post("/api/auth/change-email", email_change(number))
            .await
            .expect(202);
    }
    let ana_at_new_ip_address = app.visitor_with_cookie_of(&ana);
    ana_at_new_ip_address
        .post("/api/auth/change-email", email_change(10))
        .await
        .expect(429);
    let luis = app.unconfirmed_member("luis").await;
    // The registration has sent the first of five messages.
    for _ in 0..4 {
        luis.post("/api/auth/verify-email", json!({}))
            .await
            .expect(202);
    }
    luis.post("/api/auth/verify-email", json!({}))
        .await
        .expect(429);
    for _ in 0..30 {
        let response = attacker.post("/api/auth/verify-email", json!({ "token": "x" }));
        response.await.expect_code(400, "link_ended");
    }
    for (path, form) in [
        ("/api/auth/verify-email", json!({ "token": "x" })),
        (
            "/api/auth/reset-password",
            json!({ "token": "x", "newPassword": PASSWORD }),
        ),
    ] {
        attacker.post(path, form).await.expect(429);
    }
}

#[tokio::test]
async fn correct_passwords_do_not_count_against_the_limit_of_an_ip_address() {
    for app in start_with_and_without_redis().await {
        for number in 0..40 {
            app.member(&format!("m{number}")).await;
        }
        let client_at_studio = app.visitor();
        let sign_ins: Vec<_> = (0..40)
            .map(|number| {
                let phone = client_at_studio.copy();
                tokio::spawn(async move {
                    loop {
                        let response = phone.sign_in_as(&format!("m{number}")).await;
                        // A busy server responds with 503 when too many passwords wait to be
                        // hashed.
                        if response.status != 503 {
                            return response.status;
                        }
                    }
                })
            })
            .collect();
        for sign_in in sign_ins {
            assert_eq!(sign_in.await.unwrap(), 200);
        }
        // The IP address still has all its attempts.
        for number in 0..21 {
            let email = format!("m{number}@example.com");
            let guess = client_at_studio.copy().sign_in(&email, "guess").await;
            guess.expect(if number < 20 { 401 } else { 429 });
            if number == 0 {
                keep_windows_open(&app).await;
            }
        }
    }
}

#[tokio::test]
async fn concurrent_wrong_passwords_never_exceed_the_limit_of_an_ip_address() {
    for app in start_with_and_without_redis().await {
        app.member("ana").await;
        let client_at_studio = app.visitor();
        let first_attempt = client_at_studio.copy();
        first_attempt
            .sign_in("first@example.com", "guess")
            .await
            .expect(401);
        keep_windows_open(&app).await;
        let attempts: Vec<_> = (0..60)
            .map(|number| {
                let phone = client_at_studio.copy();
                tokio::spawn(async move {
                    // Every third password is correct.
                    match number % 3 {
                        0 => phone.sign_in_as("ana").await.status,
                        _ => {
                            let email = format!("a{number}@example.com");
                            phone.sign_in(&email, "guess").await.status
                        }
                    }
                })
            })
            .collect();
        let mut wrong_count = 1;
        for attempt in attempts {
            wrong_count += i32::from(attempt.await.unwrap() == 401);
        }
        assert!((1..=20).contains(&wrong_count), "{wrong_count}");
        // Attempts that a busy server rejected with 503 did not count, so some attempts may be
        // left. They are used up here.
        for number in 60.. {
            let email = format!("a{number}@example.com");
            match client_at_studio
                .copy()
                .sign_in(&email, "guess")
                .await
                .status
            {
                401 => wrong_count += 1,
                503 => {}
                status => {
                    assert_eq!((status, wrong_count), (429, 20));
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn many_guests_can_register_from_one_ip_address() {
    let app = TestApp::start().await;
    let client_at_studio = app.visitor();
    let register = |name: String| {
        let email = format!("{name}@example.com");
        let form = json!({ "email": email, "password": PASSWORD, "name": "Guest" });
        let tablet = client_at_studio.copy();
        async move { tablet.post("/api/auth/register", form).await }
    };
    for number in 0..30 {
        register(format!("guest{number}")).await.expect(201);
    }
    // Attempts to register an address that a member has confirmed count against the limit.
    for number in 0..20 {
        let name = format!("member{number}");
        app.member(&name).await;
        register(name).await.expect_code(409, "email_taken");
    }
    let rejected = register("guest30".to_owned()).await;
    rejected.expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn an_ip_address_can_register_two_hundred_accounts_an_hour() {
    // Postgres counts, so the test can skip most of the registrations.
    let settings = Settings::default().with("KV_REST_API_URL", "");
    let app = TestApp::start_with(settings).await;
    let visitor = app.visitor();
    let register = async |name: &str| {
        let email = format!("{name}@example.com");
        let form = json!({ "email": email, "password": PASSWORD, "name": "Guest" });
        visitor.copy().post("/api/auth/register", form).await
    };
    register("first").await.expect(201);
    app.sql(
        "update login_throttle set tries = 199, failed = 199
        where starts_with(key, 'register_total:')",
    )
    .await;
    register("last").await.expect(201);
    register("surplus")
        .await
        .expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn attempts_at_one_account_from_many_ip_addresses_are_limited() {
    for app in start_with_and_without_redis().await {
        let ana = app.member("ana").await;
        for _ in 0..50 {
            assert_eq!(app.mail_count("sign_in_blocked").await, 0);
            try_wrong_password(&app.visitor()).await.expect(401);
        }
        // The owner is notified even if the guesses stop here.
        wait_until(async || app.mail_count("sign_in_blocked").await == 1).await;
        try_wrong_password(&app.visitor()).await.expect(429);
        let phone = app.visitor();
        phone.sign_in_as("ana").await.expect(429);
        for _ in 0..3 {
            try_wrong_password(&app.visitor()).await.expect(429);
        }
        // Ana's known browser can still sign in.
        ana.post("/api/auth/logout", json!({})).await.expect(200);
        ana.sign_in_as("ana").await.expect(200);
        // After a password reset, Ana can sign in on a new device.
        let form = json!({ "email": "ana@example.com" });
        phone
            .post("/api/auth/forgot-password", form)
            .await
            .expect(202);
        let token = app.mailed_token("reset_password", "ana@example.com").await;
        let form = json!({ "token": token, "newPassword": "otra contraseña larga" });
        phone
            .post("/api/auth/reset-password", form)
            .await
            .expect(200);
        let response = phone.sign_in("ana@example.com", "otra contraseña larga");
        response.await.expect(200);
        assert_eq!(app.mail_count("sign_in_blocked").await, 1);
    }
}

#[tokio::test]
async fn a_password_reset_keeps_the_known_device_and_clears_the_failed_attempts() {
    for app in start_with_and_without_redis().await {
        let ana = app.member("ana").await;
        let guess_fifty_times = async || {
            for _ in 0..50 {
                try_wrong_password(&app.visitor()).await.expect(401);
            }
        };
        // These attempts reach the limit but do not exceed it.
        guess_fifty_times().await;
        let form = json!({ "email": "ana@example.com" });
        ana.post("/api/auth/forgot-password", form)
            .await
            .expect(202);
        let token = app.mailed_token("reset_password", "ana@example.com").await;
        let new_password = "otra contraseña larga";
        let form = json!({ "token": token, "newPassword": new_password });
        ana.post("/api/auth/reset-password", form).await.expect(200);
        let phone = app.visitor();
        let response = phone.sign_in("ana@example.com", new_password).await;
        response.expect(200);
        guess_fifty_times().await;
        try_wrong_password(&app.visitor()).await.expect(429);
        let response = app.visitor().sign_in("ana@example.com", new_password).await;
        response.expect(429);
        ana.sign_in("ana@example.com", new_password)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn email_change_requests_do_not_prevent_a_registration_of_the_address() {
    let app = TestApp::start().await;
    let luis = app.member("luis").await;
    let change_email = async || {
        let form = json!({ "newEmail": "ana@example.com", "currentPassword": PASSWORD });
        luis.post("/api/auth/change-email", form).await
    };
    for _ in 0..5 {
        change_email().await.expect(202);
    }
    change_email().await.expect_code(429, "too_many_requests");
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    let response = app.visitor().post("/api/auth/register", form).await;
    response.expect(201);
    let accounts = "select count(*) from users where email = 'ana@example.com'";
    assert_eq!(app.count(accounts).await, 1);
    let mails = "select count(*) from mail_outbox
        where recipient = 'ana@example.com' and kind = 'verify_email'";
    assert_eq!(app.count(mails).await, 6);
}

#[tokio::test]
async fn the_networks_of_one_ipv6_site_share_limits() {
    for app in start_with_and_without_redis().await {
        let request = async |site: u32, network: u32, number: u32| {
            let address = format!("2001:db8:{site:x}:{network:x}::1").parse().unwrap();
            let form = json!({ "email": format!("a{number}@b.example") });
            let client = TestClient::new(app.url(), address);
            client.post("/api/auth/forgot-password", form).await.status
        };
        // Each request comes from another /64. The first site uses one /56, and the second
        // one uses many.
        let count_allowed = async |site: u32, step: u32| {
            let mut count = 0;
            while count <= 120 && request(site, count * step, count).await == 202 {
                count += 1;
            }
            count
        };
        assert_eq!(count_allowed(0x77, 1).await, 60);
        assert_eq!(count_allowed(0x78, 0x40).await, 120);
    }
}

#[tokio::test]
async fn an_attacker_at_the_same_ip_address_does_not_block_reauthentication() {
    for app in start_with_and_without_redis().await {
        let ana = app.member("ana").await;
        let attacker = ana.copy();
        attacker.jar.lock().unwrap().clear();
        attacker.set_cookie(None);
        exhaust_attempts(&attacker).await;
        let change_form = |password: &str| json!({ "newEmail": "ana.reyes@example.com", "currentPassword": password });
        let change = async |password: &str| {
            ana.post("/api/auth/change-email", change_form(password))
                .await
        };
        change(PASSWORD).await.expect(202);
        // The session has five attempts of its own.
        for _ in 0..5 {
            change("guess").await.expect_code(403, "wrong_password");
        }
        change(PASSWORD).await.expect_code(429, "too_many_requests");
    }
}

#[tokio::test]
async fn anonymous_reset_requests_do_not_invalidate_the_newest_link() {
    for app in start_with_and_without_redis().await {
        let ana = app.member("ana").await;
        let request = async || {
            let form = json!({ "email": "ana@example.com" });
            app.visitor().post("/api/auth/forgot-password", form).await
        };
        for _ in 0..5 {
            request().await.expect(202);
        }
        let newest = app.mailed_token("reset_password", "ana@example.com").await;
        for _ in 0..4 {
            request().await.expect(202);
        }
        assert_eq!(app.mail_count("reset_password").await, 5);
        // Reaching the limit causes no block. The newest link is valid until the window of the
        // limit ends, but a block could end later than that.
        let blocks = "select count(*) from login_throttle
            where starts_with(key, 'forgot_email') and blocked_until is not null";
        assert_eq!(app.count(blocks).await, 0);
        let form = json!({ "token": newest, "newPassword": "otra contraseña larga" });
        ana.post("/api/auth/reset-password", form).await.expect(200);
    }
}

#[tokio::test]
async fn valid_links_do_not_count_against_the_rate_limit() {
    let app = TestApp::start().await;
    let client_at_studio = app.visitor();
    for number in 0..32 {
        app.unconfirmed_member(&format!("m{number}")).await;
        let email = format!("m{number}@example.com");
        let token = app.mailed_token("verify_email", &email).await;
        let form = json!({ "token": token });
        let response = client_at_studio.post("/api/auth/verify-email", form).await;
        response.expect(200);
    }
}

#[tokio::test]
async fn registrations_beyond_the_limit_of_a_mailbox_send_no_message() {
    let settings = Settings::default().with("REQUIRE_EMAIL_VERIFICATION", "true");
    let app = TestApp::start_with(settings).await;
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    for _ in 0..8 {
        let response = app.visitor().post("/api/auth/register", form.clone()).await;
        response.expect(202);
    }
    let mails = "select count(*) from mail_outbox where recipient = 'ana@example.com'";
    assert_eq!(app.count(mails).await, 5);
}
