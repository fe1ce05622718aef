//! `api/auth/two-factor.rs` and signing in with a second factor.

use std::future::ready;

use reqwest::Method;
use reqwest::header::USER_AGENT;
use sabor::crypto::secret::sha256_hex;
use serde_json::json;

use crate::harness::{
    Authenticator, PASSWORD, Settings, TestApp, TestClient, TestResponse, hex, wait_until,
};

/// Ana with a second factor: her browser, authenticator app and recovery codes.
struct TwoFactorMember {
    browser: TestClient,
    authenticator: Authenticator,
    recovery_codes: Vec<String>,
}

impl TwoFactorMember {
    /// Registers Ana and sets up her second factor. Returns `None` if no
    /// authenticator app is available.
    async fn enroll(app: &TestApp) -> Option<Self> {
        if !Authenticator::is_available().await {
            return None;
        }
        let browser = app.member("ana").await;
        let (authenticator, codes) = Authenticator::enroll(app, &browser, Some(PASSWORD)).await;
        Some(Self {
            browser,
            authenticator,
            recovery_codes: serde_json::from_value(codes).unwrap(),
        })
    }

    async fn code(&self, app: &TestApp) -> String {
        self.authenticator.code(app).await
    }

    /// Ends Ana's only other session.
    async fn end_the_other_session(&self) {
        let list = self.browser.get("/api/sessions").await.expect(200);
        let items = list["items"].as_array().unwrap();
        let other_session = items
            .iter()
            .find(|session| session["current"] == false)
            .unwrap();
        let path = format!("/api/sessions/{}", other_session["id"].as_str().unwrap());
        self.browser.delete(&path).await.expect(200);
    }
}

async fn begin_setup(person: &TestClient) -> TestResponse {
    let form = json!({ "currentPassword": PASSWORD });
    person.post("/api/auth/two-factor", form).await
}

async fn confirm_setup(person: &TestClient, code: &str) -> TestResponse {
    let request = person.request(Method::PUT, "/api/auth/two-factor");
    person.send(request.json(&json!({ "code": code }))).await
}

async fn disable(person: &TestClient, password: &str, code: &str) -> TestResponse {
    let form = json!({ "currentPassword": password, "code": code });
    let request = person.request(Method::DELETE, "/api/auth/two-factor");
    person.send(request.json(&form)).await
}

/// Signs in with the correct password; returns the challenge.
async fn sign_in_expecting_challenge(person: &TestClient) -> String {
    let response = person.sign_in_as("ana").await;
    let body = response.expect_code(401, "two_factor_required");
    assert!(response.header("set-cookie").is_none());
    body["challenge"].as_str().unwrap().to_owned()
}

/// Signs in with a new browser; returns the browser and its challenge.
async fn new_browser_with_challenge(app: &TestApp) -> (TestClient, String) {
    let browser = app.visitor();
    let challenge = sign_in_expecting_challenge(&browser).await;
    (browser, challenge)
}

async fn answer_challenge(person: &TestClient, challenge: &str, code: &str) -> TestResponse {
    let form = json!({ "challenge": challenge, "code": code });
    person.post("/api/auth/login", form).await
}

/// Enters ten wrong codes on unknown devices, which is what an account allows.
async fn use_up_code_attempts(app: &TestApp) {
    for _ in 0..2 {
        let (thief, challenge) = new_browser_with_challenge(app).await;
        for _ in 0..5 {
            answer_challenge(&thief, &challenge, "000000")
                .await
                .expect_code(401, "invalid_code");
        }
    }
}

/// Answers a challenge and marks the device as trusted.
async fn answer_and_trust_device(person: &TestClient, challenge: &str, code: &str) {
    let form = json!({ "challenge": challenge, "code": code, "rememberDevice": true });
    person.post("/api/auth/login", form).await.expect(200);
}

/// Returns a browser that Ana has marked as trusted.
async fn new_trusted_browser(app: &TestApp, ana: &TwoFactorMember) -> TestClient {
    let (browser, challenge) = new_browser_with_challenge(app).await;
    answer_and_trust_device(&browser, &challenge, &ana.code(app).await).await;
    app.advance_to_next_code();
    browser
}

/// Signs in with the password alone; fails if a code is required.
async fn sign_in_without_code(person: &TestClient) {
    let response = person.sign_in_as("ana").await;
    response.expect(200);
}

async fn sign_out(person: &TestClient) {
    person.post("/api/auth/logout", json!({})).await.expect(200);
}

/// Sends one code 64 times concurrently, four times for each of 16 challenges;
/// returns how many requests sign in. The code is read when the challenges exist, because it
/// is valid for a short time.
async fn count_concurrent_sign_ins(app: &TestApp, code: impl Future<Output = String>) -> usize {
    let mut challenges = Vec::new();
    for _ in 0..16 {
        challenges.push(new_browser_with_challenge(app).await);
    }
    let code = code.await;
    let requests: Vec<_> = (0..64)
        .map(|number| {
            let (visitor, challenge) = &challenges[number % 16];
            let (visitor, challenge, code) = (visitor.copy(), challenge.clone(), code.clone());
            tokio::spawn(async move { answer_challenge(&visitor, &challenge, &code).await.status })
        })
        .collect();
    let mut sign_ins = 0;
    for request in requests {
        let status = request.await.unwrap();
        assert!(matches!(status, 200 | 401 | 429), "{status}");
        sign_ins += usize::from(status == 200);
    }
    sign_ins
}

/// Makes the trust in all devices expire in one minute.
async fn shorten_device_trust(app: &TestApp) {
    app.sql(
        "update remembered_devices set trusted_until = now() + interval '1 minute'
        where trusted_until is not null",
    )
    .await;
}

#[tokio::test]
async fn a_second_factor_is_set_up_with_an_authenticator_app_and_then_required() {
    if !Authenticator::is_available().await {
        return;
    }
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    sign_in_without_code(&phone).await;
    let status = ana.get("/api/auth/two-factor").await.expect(200);
    assert_eq!(status["enabled"], false);
    let setup = begin_setup(&ana).await.expect(200);
    assert!(setup["qrCode"].as_str().unwrap().contains("<svg"));
    let authenticator = Authenticator::scan(&setup);
    let content = authenticator.content().await;
    assert!(
        setup["otpauthUri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/")
    );
    for (field, value) in [
        ("issuer", json!("Sabor con Flow")),
        ("account", json!("ana@example.com")),
        ("secret", setup["secret"].clone()),
        ("digits", json!(6)),
        ("interval", json!(30)),
        ("algorithm", json!("sha1")),
    ] {
        assert_eq!(content[field], value, "{field}");
    }
    // No code is required before the setup is confirmed.
    sign_in_without_code(&app.visitor()).await;
    confirm_setup(&ana, "000000")
        .await
        .expect_code(401, "invalid_code");
    let code = authenticator.code(&app).await;
    let confirmed = confirm_setup(&ana, &code).await.expect(200);
    assert_eq!(confirmed["recoveryCodes"].as_array().unwrap().len(), 10);
    // Other sessions end because they were created without a code.
    assert!(ana.is_signed_in().await);
    assert!(!phone.is_signed_in().await);
    sign_in_expecting_challenge(&phone).await;
    assert_eq!(app.mail_count("two_factor_enabled").await, 1);
    begin_setup(&ana)
        .await
        .expect_code(409, "two_factor_enabled");
    confirm_setup(&ana, &code)
        .await
        .expect_code(409, "two_factor_enabled");
    let status = ana.get("/api/auth/two-factor").await.expect(200);
    assert_eq!(
        status,
        json!({ "enabled": true, "recoveryCodesLeft": 10, "trustedDevices": 0 })
    );
}

#[tokio::test]
async fn every_change_to_the_second_factor_invalidates_copied_cookies() {
    if !Authenticator::is_available().await {
        return;
    }
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let assert_renewed = async |old_client: &TestClient| {
        assert_ne!(ana.cookie(), old_client.cookie());
        assert!(ana.is_signed_in().await && !old_client.is_signed_in().await);
    };
    let copy = ana.copy();
    let setup = begin_setup(&ana).await.expect(200);
    assert_renewed(&copy).await;
    let authenticator = Authenticator::scan(&setup);
    let copy = ana.copy();
    // A wrong code changes nothing.
    confirm_setup(&ana, "000000").await.expect(401);
    assert!(copy.is_signed_in().await);
    let code = authenticator.code(&app).await;
    confirm_setup(&ana, &code).await.expect(200);
    assert_renewed(&copy).await;
    app.advance_to_next_code();
    let copy = ana.copy();
    let code = authenticator.code(&app).await;
    disable(&ana, PASSWORD, &code).await.expect(200);
    assert_renewed(&copy).await;
}

#[tokio::test]
async fn letters_that_look_like_digits_are_accepted_in_a_recovery_code() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    // A code with zeros and ones, since an issued code may contain none.
    let id = ana.browser.user_id().await;
    let id = id.as_str().unwrap();
    let hash = sha256_hex(format!("{id}:0011123456789abc").as_bytes());
    let insert_code = format!(
        "insert into recovery_codes (id, user_id, code_hash)
        values (gen_random_uuid(), '{id}', '{hash}')"
    );
    for entered in [
        "0o1i-l234-5678-9abc",
        "OO I L 1234 5678 9ABC",
        "oolII234\u{2013}5678\u{2013}9abc",
    ] {
        app.sql("delete from recovery_codes").await;
        app.sql(&insert_code).await;
        let (visitor, challenge) = new_browser_with_challenge(&app).await;
        let wrong = entered.replace('9', "8");
        answer_challenge(&visitor, &challenge, &wrong)
            .await
            .expect_code(401, "invalid_code");
        answer_challenge(&visitor, &challenge, entered)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn password_and_code_can_be_sent_in_one_or_two_steps() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let (laptop, challenge) = new_browser_with_challenge(&app).await;
    let body = answer_challenge(&laptop, &challenge, &ana.code(&app).await)
        .await
        .expect(200);
    assert_eq!(body["user"]["email"], "ana@example.com");
    assert!(laptop.is_signed_in().await);
    app.advance_to_next_code();
    let form = json!({
        "email": "ana@example.com", "password": PASSWORD, "code": ana.code(&app).await, "mode": "token",
    });
    let tokens = app
        .visitor()
        .post("/api/auth/login", form)
        .await
        .expect(200);
    assert!(tokens["accessToken"].is_string());
}

#[tokio::test]
async fn a_code_works_once_and_at_most_one_time_step_early() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let code = ana.code(&app).await;
    let (visitor, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&visitor, &challenge, &code)
        .await
        .expect(200);
    // Neither the same code nor an earlier one works with another challenge.
    let (thief, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&thief, &challenge, &code)
        .await
        .expect_code(401, "invalid_code");
    let earlier_code = ana.authenticator.code_in(&app, -30).await;
    answer_challenge(&thief, &challenge, &earlier_code)
        .await
        .expect_code(401, "invalid_code");
    // No time step ends before the next codes are checked.
    app.advance_to_next_code();
    let later_code = ana.authenticator.code_in(&app, 60).await;
    answer_challenge(&thief, &challenge, &later_code)
        .await
        .expect_code(401, "invalid_code");
    let next_code = ana.authenticator.code_in(&app, 30).await;
    answer_challenge(&thief, &challenge, &next_code)
        .await
        .expect(200);
}

#[tokio::test]
async fn one_of_sixty_four_concurrent_uses_of_a_code_succeeds() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let sign_ins = count_concurrent_sign_ins(&app, ana.code(&app)).await;
    assert_eq!(sign_ins, 1);
}

#[tokio::test]
async fn a_challenge_allows_five_attempts_and_lasts_five_minutes() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let (visitor, challenge) = new_browser_with_challenge(&app).await;
    let requests: Vec<_> = (0..12)
        .map(|_| {
            let (visitor, challenge) = (visitor.copy(), challenge.clone());
            tokio::spawn(async move {
                let body = answer_challenge(&visitor, &challenge, "000000")
                    .await
                    .expect(401);
                body["code"].as_str().unwrap().to_owned()
            })
        })
        .collect();
    let mut codes = Vec::new();
    for request in requests {
        codes.push(request.await.unwrap());
    }
    assert_eq!(
        codes.iter().filter(|code| *code == "invalid_code").count(),
        5
    );
    assert_eq!(
        codes
            .iter()
            .filter(|code| *code == "challenge_ended")
            .count(),
        7
    );
    // After five attempts, the correct code is rejected too.
    let rejected = answer_challenge(&visitor, &challenge, &ana.code(&app).await).await;
    rejected.expect_code(401, "challenge_ended");
    let challenge = sign_in_expecting_challenge(&visitor).await;
    let minutes = "select round(extract(epoch from expires_at - now()) / 60)::bigint
        from sign_in_challenges order by id desc limit 1";
    assert_eq!(app.count(minutes).await, 5);
    app.sql("update sign_in_challenges set expires_at = now()")
        .await;
    let rejected = answer_challenge(&visitor, &challenge, &ana.code(&app).await).await;
    rejected.expect_code(401, "challenge_ended");
}

#[tokio::test]
async fn an_account_has_ten_code_attempts_across_all_challenges() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    use_up_code_attempts(&app).await;
    let (thief, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&thief, &challenge, "000000")
        .await
        .expect_code(429, "too_many_requests");
    // The owner is not locked out on a known device.
    sign_out(&ana.browser).await;
    let challenge = sign_in_expecting_challenge(&ana.browser).await;
    answer_challenge(&ana.browser, &challenge, &ana.code(&app).await)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_thief_with_the_password_cannot_lock_the_owner_out() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    use_up_code_attempts(&app).await;
    let (phone, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&phone, &challenge, &ana.code(&app).await)
        .await
        .expect_code(429, "too_many_requests");
    // A recovery code works on a new device.
    answer_challenge(&phone, &challenge, &ana.recovery_codes[0])
        .await
        .expect(200);
    // Her session is not affected.
    disable(&ana.browser, PASSWORD, &ana.code(&app).await)
        .await
        .expect(200);
}

#[tokio::test]
async fn an_ip_address_has_twenty_attempts_at_recovery_codes() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let wrong_code = ana.recovery_codes[0].replace(char::is_alphanumeric, "z");
    let thief = app.visitor();
    for _ in 0..4 {
        let challenge = sign_in_expecting_challenge(&thief).await;
        for _ in 0..5 {
            answer_challenge(&thief, &challenge, &wrong_code)
                .await
                .expect_code(401, "invalid_code");
        }
    }
    let challenge = sign_in_expecting_challenge(&thief).await;
    answer_challenge(&thief, &challenge, &ana.recovery_codes[0])
        .await
        .expect_code(429, "too_many_requests");
    // The owner is not locked out at another address.
    let (phone, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&phone, &challenge, &ana.recovery_codes[0])
        .await
        .expect(200);
}

#[tokio::test]
async fn renewing_a_session_does_not_reset_its_code_attempts() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    for number in 0..2 {
        for _ in 0..5 {
            disable(&ana.browser, PASSWORD, "000000")
                .await
                .expect_code(401, "invalid_code");
        }
        // A request that checks the password renews the session.
        let new_email = format!("ana{number}@example.com");
        let form = json!({ "newEmail": new_email, "currentPassword": PASSWORD });
        ana.browser
            .post("/api/auth/change-email", form)
            .await
            .expect(202);
    }
    disable(&ana.browser, PASSWORD, &ana.code(&app).await)
        .await
        .expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn unknown_devices_have_twenty_code_attempts_a_day() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let mut attempts = 0;
    let mut is_limit_reset = false;
    loop {
        let (thief, challenge) = new_browser_with_challenge(&app).await;
        if answer_challenge(&thief, &challenge, "000000").await.status == 429 {
            // The ten-minute limit has just been reset, so this is the daily limit.
            if is_limit_reset {
                break;
            }
            is_limit_reset = true;
            // Reset the ten-minute limit.
            app.sql("delete from login_throttle where starts_with(key, 'second_factor:')")
                .await;
            let keys = app.redis.command(&["KEYS", "rate_limit:second_factor:*"]);
            for key in keys.await.unwrap().as_array().unwrap() {
                app.redis.evict(key.as_str().unwrap()).await.unwrap();
            }
            continue;
        }
        is_limit_reset = false;
        attempts += 1;
        assert!(attempts <= 20);
        // When the owner signs in on another new device, the thief gets no further attempts.
        if attempts == 5 {
            let (phone, challenge) = new_browser_with_challenge(&app).await;
            answer_challenge(&phone, &challenge, &ana.code(&app).await)
                .await
                .expect(200);
        }
    }
    assert_eq!(attempts, 20);
}

#[tokio::test]
async fn a_challenge_is_bound_to_its_client_and_ends_when_the_password_changes() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let (visitor, challenge) = new_browser_with_challenge(&app).await;
    let form = json!({ "challenge": challenge, "code": ana.code(&app).await });
    let thief = app.visitor();
    let request = thief.request(Method::POST, "/api/auth/login");
    let request = request.header(USER_AGENT, "thief/1.0").json(&form);
    thief
        .send(request)
        .await
        .expect_code(401, "challenge_ended");
    // The password changes before the code is sent.
    let form = json!({ "currentPassword": PASSWORD, "newPassword": "otra contraseña larga" });
    ana.browser
        .post("/api/auth/change-password", form)
        .await
        .expect(200);
    let rejected = answer_challenge(&visitor, &challenge, &ana.code(&app).await).await;
    rejected.expect_code(401, "challenge_ended");
    for unknown_challenge in ["", "x", &"0".repeat(64)] {
        let rejected = answer_challenge(&visitor, unknown_challenge, "000000").await;
        rejected.expect_code(401, "challenge_ended");
    }
}

#[tokio::test]
async fn a_recovery_code_works_once_even_under_concurrent_use() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let sign_ins = count_concurrent_sign_ins(&app, ready(ana.recovery_codes[3].clone())).await;
    assert_eq!(sign_ins, 1);
    let status = ana.browser.get("/api/auth/two-factor").await.expect(200);
    assert_eq!(status["recoveryCodesLeft"], 9);
    assert_eq!(app.mail_count("recovery_code_used").await, 1);
    // Upper case and spaces instead of hyphens are accepted.
    app.sql("delete from login_throttle").await;
    app.redis.flush().await.unwrap();
    let (visitor, challenge) = new_browser_with_challenge(&app).await;
    let reformatted_code = ana.recovery_codes[4].to_uppercase().replace('-', " ");
    answer_challenge(&visitor, &challenge, &reformatted_code)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_trusted_device_needs_no_code_until_all_sessions_are_ended() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let (laptop, challenge) = new_browser_with_challenge(&app).await;
    answer_and_trust_device(&laptop, &challenge, &ana.code(&app).await).await;
    let days = "select round(extract(epoch from trusted_until - now()) / 86400)::bigint
        from remembered_devices where trusted_until is not null";
    assert_eq!(app.count(days).await, 30);
    sign_out(&laptop).await;
    sign_in_without_code(&laptop).await;
    // Other browsers still need a code.
    sign_in_expecting_challenge(&app.visitor()).await;
    let status = laptop.get("/api/auth/two-factor").await.expect(200);
    assert_eq!(status["trustedDevices"], 1);
    // Signing in does not extend the trust.
    shorten_device_trust(&app).await;
    sign_in_without_code(&laptop).await;
    let devices_with_short_trust = "select count(*) from remembered_devices
        where trusted_until < now() + interval '2 minutes'";
    assert_eq!(app.count(devices_with_short_trust).await, 1);
    // Ending all sessions ends the trust in all devices.
    laptop.delete("/api/sessions?scope=all").await.expect(200);
    sign_in_expecting_challenge(&laptop).await;
}

#[tokio::test]
async fn a_code_that_is_not_needed_does_not_extend_device_trust() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let laptop = new_trusted_browser(&app, &ana).await;
    shorten_device_trust(&app).await;
    let form = json!({
        "email": "ana@example.com", "password": PASSWORD, "code": "x", "rememberDevice": true,
    });
    laptop.post("/api/auth/login", form).await.expect(200);
    let devices_with_long_trust = "select count(*) from remembered_devices
        where trusted_until > now() + interval '2 minutes'";
    assert_eq!(app.count(devices_with_long_trust).await, 0);
}

#[tokio::test]
async fn trust_does_not_extend_to_earlier_cookies_of_a_shared_browser() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    // An earlier user of the shared browser has kept a copy of its cookies.
    let (shared_browser, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&shared_browser, &challenge, &ana.code(&app).await)
        .await
        .expect(200);
    let old_cookies = shared_browser.copy();
    app.advance_to_next_code();
    sign_out(&shared_browser).await;
    let challenge = sign_in_expecting_challenge(&shared_browser).await;
    answer_and_trust_device(&shared_browser, &challenge, &ana.code(&app).await).await;
    sign_in_without_code(&shared_browser).await;
    sign_in_expecting_challenge(&old_cookies).await;
}

#[tokio::test]
async fn a_browser_shared_by_two_members_is_a_known_device_of_both() {
    let app = TestApp::start().await;
    let browser = app.member("ana").await;
    let form = json!({ "email": "luis@example.com", "password": PASSWORD, "name": "Luis" });
    browser.post("/api/auth/register", form).await.expect(201);
    assert_eq!(browser.devices().len(), 2);
    for _ in 0..2 {
        sign_in_without_code(&browser).await;
        browser.sign_in_as("luis").await.expect(200);
    }
    assert_eq!(app.mail_count("new_device").await, 0);
    sign_in_without_code(&app.visitor()).await;
    assert_eq!(app.mail_count("new_device").await, 1);
}

#[tokio::test]
async fn disabling_the_second_factor_ends_device_trust() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let laptop = new_trusted_browser(&app, &ana).await;
    disable(&laptop, PASSWORD, &ana.code(&app).await)
        .await
        .expect(200);
    let setup = begin_setup(&laptop).await.expect(200);
    let code = Authenticator::scan(&setup).code(&app).await;
    confirm_setup(&laptop, &code).await.expect(200);
    sign_in_expecting_challenge(&laptop).await;
}

#[tokio::test]
async fn ending_a_token_session_of_a_trusted_device_forgets_the_device() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let stolen_device = new_trusted_browser(&app, &ana).await;
    sign_out(&stolen_device).await;
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "mode": "token" });
    stolen_device
        .post("/api/auth/login", form)
        .await
        .expect(200);
    ana.end_the_other_session().await;
    sign_in_expecting_challenge(&stolen_device).await;
}

#[tokio::test]
async fn an_outage_consumes_neither_code_nor_challenge() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    for code in [ana.code(&app).await, ana.recovery_codes[7].clone()] {
        let (visitor, challenge) = new_browser_with_challenge(&app).await;
        app.sql("alter table user_sessions rename to elsewhere")
            .await;
        let response = answer_challenge(&visitor, &challenge, &code).await;
        assert!(response.status >= 500, "{response:?}");
        app.sql("alter table elsewhere rename to user_sessions")
            .await;
        answer_challenge(&visitor, &challenge, &code)
            .await
            .expect(200);
    }
    assert_eq!(app.mail_count("recovery_code_used").await, 1);
}

#[tokio::test]
async fn a_challenge_cannot_be_used_twice() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let (visitor, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&visitor, &challenge, &ana.code(&app).await)
        .await
        .expect(200);
    app.advance_to_next_code();
    let rejected = answer_challenge(&visitor.copy(), &challenge, &ana.code(&app).await).await;
    rejected.expect_code(401, "challenge_ended");
}

#[tokio::test]
async fn the_owner_is_notified_when_codes_are_guessed() {
    let app = TestApp::start().await;
    let Some(_ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    use_up_code_attempts(&app).await;
    // The owner knows even if the guesses stop here.
    assert_eq!(app.mail_count("codes_guessed").await, 1);
    for _ in 0..5 {
        let (thief, challenge) = new_browser_with_challenge(&app).await;
        answer_challenge(&thief, &challenge, "000000")
            .await
            .expect(429);
    }
    assert_eq!(app.mail_count("codes_guessed").await, 1);
    let log_entries = "select count(*) from security_events where kind = 'two_factor_throttled'";
    assert_eq!(app.count(log_entries).await, 1);
}

#[tokio::test]
async fn nine_wrong_codes_and_a_correct_one_send_no_mail() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    for wrong_codes in [5, 4] {
        let (phone, token) = new_browser_with_challenge(&app).await;
        for _ in 0..wrong_codes {
            answer_challenge(&phone, &token, "000000")
                .await
                .expect_code(401, "invalid_code");
        }
    }
    let (phone, token) = new_browser_with_challenge(&app).await;
    answer_challenge(&phone, &token, &ana.code(&app).await)
        .await
        .expect(200);
    assert_eq!(app.mail_count("codes_guessed").await, 0);
}

#[tokio::test]
async fn a_second_factor_under_a_retired_key_is_explained_and_recovery_codes_still_work() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let new_key = Settings::default().with("ENCRYPTION_KEY", "5a".repeat(32));
    let rotated_app = app.start_another_with(new_key).await;
    // More often than wrong codes are allowed: nothing was guessed.
    for _ in 0..11 {
        let (phone, token) = new_browser_with_challenge(&rotated_app).await;
        answer_challenge(&phone, &token, &ana.code(&app).await)
            .await
            .expect_code(409, "two_factor_unreadable");
    }
    assert_eq!(app.mail_count("codes_guessed").await, 0);
    let browser = ana.browser.connected_to(&rotated_app);
    let status = browser.get("/api/auth/two-factor").await.expect(200);
    assert_eq!(status["enabled"], true);
    disable(&browser, PASSWORD, &ana.code(&app).await)
        .await
        .expect_code(409, "two_factor_unreadable");
    let (phone, token) = new_browser_with_challenge(&rotated_app).await;
    answer_challenge(&phone, &token, &ana.recovery_codes[0])
        .await
        .expect(200);
    disable(&browser, PASSWORD, &ana.recovery_codes[1])
        .await
        .expect(200);
    begin_setup(&browser).await.expect(200);
    // The setup that was begun under a key that was removed meanwhile.
    let browser = browser.connected_to(&app);
    confirm_setup(&browser, "000000")
        .await
        .expect_code(409, "two_factor_not_begun");
}

#[tokio::test]
async fn ending_the_session_of_a_trusted_device_forgets_the_device() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let stolen_device = new_trusted_browser(&app, &ana).await;
    ana.end_the_other_session().await;
    sign_in_expecting_challenge(&stolen_device).await;
}

#[tokio::test]
async fn changing_the_second_factor_requires_the_password_and_a_code() {
    let app = TestApp::start().await;
    let luis = app.member("luis").await;
    for form in [json!({}), json!({ "currentPassword": "guess" })] {
        let response = luis.post("/api/auth/two-factor", form).await;
        assert!(matches!(response.status, 400 | 403), "{response:?}");
    }
    disable(&luis, PASSWORD, "000000")
        .await
        .expect_code(409, "two_factor_not_begun");
    confirm_setup(&luis, "000000")
        .await
        .expect_code(409, "two_factor_not_begun");
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let (phone, challenge) = new_browser_with_challenge(&app).await;
    answer_challenge(&phone, &challenge, &ana.recovery_codes[0])
        .await
        .expect(200);
    disable(&ana.browser, "guess", &ana.code(&app).await)
        .await
        .expect_code(403, "wrong_password");
    disable(&ana.browser, PASSWORD, "000000")
        .await
        .expect_code(401, "invalid_code");
    assert!(ana.browser.is_signed_in().await);
    disable(&ana.browser, PASSWORD, &ana.code(&app).await)
        .await
        .expect(200);
    assert_eq!(app.mail_count("two_factor_disabled").await, 1);
    assert!(!phone.is_signed_in().await);
    assert_eq!(app.count("select count(*) from recovery_codes").await, 0);
    sign_in_without_code(&app.visitor()).await;
}

#[tokio::test]
async fn a_password_reset_does_not_bypass_the_second_factor() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let visitor = app.visitor();
    let form = json!({ "email": "ana@example.com" });
    visitor
        .post("/api/auth/forgot-password", form)
        .await
        .expect(202);
    let reset_token = app.mailed_token("reset_password", "ana@example.com").await;
    let form = json!({ "token": reset_token, "newPassword": "otra contraseña larga" });
    visitor
        .post("/api/auth/reset-password", form)
        .await
        .expect(200);
    let response = visitor
        .sign_in("ana@example.com", "otra contraseña larga")
        .await;
    let body = response.expect_code(401, "two_factor_required");
    let challenge = body["challenge"].as_str().unwrap();
    answer_challenge(&visitor, challenge, &ana.code(&app).await)
        .await
        .expect(200);
}

#[tokio::test]
async fn an_administrator_can_remove_a_members_second_factor() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let member_list = admin.get("/api/admin/users?search=ana").await.expect(200);
    let change = json!({ "id": member_list["items"][0]["id"], "removeSecondFactor": true });
    admin.patch("/api/admin/users", change).await.expect(200);
    // Administrators cannot remove their own second factor in this way.
    let admin_list = admin.get("/api/admin/users?search=admin").await.expect(200);
    let change = json!({ "id": admin_list["items"][0]["id"], "removeSecondFactor": true });
    let rejected = admin.patch("/api/admin/users", change).await;
    rejected.expect_code(403, "own_second_factor");
    assert!(!ana.browser.is_signed_in().await);
    assert_eq!(app.mail_count("two_factor_disabled").await, 1);
    sign_in_without_code(&app.visitor()).await;
    let log_entries = "select count(*) from security_events
        where kind = 'two_factor_disabled' and detail ? 'by'";
    assert_eq!(app.count(log_entries).await, 1);
}

#[tokio::test]
async fn the_database_contains_no_plaintext_secret_or_recovery_code() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let mut dump = String::new();
    for table in [
        "users",
        "recovery_codes",
        "sign_in_challenges",
        "mail_outbox",
    ] {
        for row in app
            .sql(&format!("select row_to_json(t)::text from {table} t"))
            .await
        {
            dump += &row.get::<_, String>(0);
        }
    }
    let content = ana.authenticator.content().await;
    let [base32, secret] = ["secret", "secretHex"].map(|field| content[field].as_str().unwrap());
    // The dump shows text in a `bytea` column as hexadecimal digits.
    let text_as_bytes = [hex(base32.as_bytes()), hex(secret.as_bytes())];
    for plaintext in [base32, secret, &text_as_bytes[0], &text_as_bytes[1]] {
        assert!(!dump.contains(plaintext), "{plaintext}");
    }
    let is_in_dump = |code: &String| dump.contains(code) || dump.contains(&code.replace('-', ""));
    assert!(!ana.recovery_codes.iter().any(is_in_dump));
}

#[tokio::test]
async fn a_code_is_checked_and_logged_only_after_the_correct_password() {
    let app = TestApp::start().await;
    let Some(ana) = TwoFactorMember::enroll(&app).await else {
        return;
    };
    let visitor = app.visitor();
    let form =
        json!({ "email": "ana@example.com", "password": "guess", "code": ana.code(&app).await });
    let rejected = visitor.post("/api/auth/login", form).await;
    rejected.expect_code(401, "invalid_credentials");
    let challenge = sign_in_expecting_challenge(&visitor).await;
    answer_challenge(&visitor, &challenge, "000000")
        .await
        .expect(401);
    let log_entries = "select count(*) from security_events where kind = 'two_factor_failed'";
    wait_until(async || app.count(log_entries).await == 1).await;
    let form = json!({ "challenge": challenge });
    let body = visitor.post("/api/auth/login", form).await.expect(400);
    assert_eq!(body["details"]["code"], json!(["is required"]));
}
