//! Members who have not confirmed their e-mail address.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bookings::book;
use crate::harness::{PASSWORD, Settings, TestApp, TestClient, TestResponse};
use crate::shop::credit::{add_credit, change_credit};
use crate::shop::{change_pass, sell_pass};

const EMAIL: &str = "ana@example.com";
const STRANGERS_PASSWORD: &str = "la clave de otra persona";
const NEW_PASSWORD: &str = "otra contraseña larga";

/// Starts an application in which members confirm their address before they sign in.
async fn start_strict() -> TestApp {
    let settings = Settings::default().with("REQUIRE_EMAIL_VERIFICATION", "true");
    TestApp::start_with(settings).await
}

async fn register(browser: &TestClient, name: &str, password: &str) -> TestResponse {
    let form = json!({
        "email": EMAIL, "password": password, "firstName": name, "phone": "555 0100",
        "medicalConditions": "asma",
    });
    browser.post("/api/auth/register", form).await
}

async fn confirm(browser: &TestClient, token: &str) -> TestResponse {
    let form = json!({ "token": token });
    browser.post("/api/auth/verify-email", form).await
}

async fn set_password(browser: &TestClient, token: &Value) -> TestResponse {
    let form = json!({ "token": token, "newPassword": NEW_PASSWORD });
    browser.post("/api/auth/reset-password", form).await
}

/// Gives the only account a second factor, a recovery code, a linked provider and a calendar
/// feed.
async fn set_up_everything(app: &TestApp) {
    app.sql(
        "update users set totp_secret = 'x', totp_confirmed_at = now(),
            calendar_token_hash = 'feed'",
    )
    .await;
    app.sql(
        "insert into recovery_codes (id, user_id, code_hash)
        select gen_random_uuid(), id, 'code' from users",
    )
    .await;
    app.sql(
        "insert into user_identities (id, user_id, provider, subject)
        select gen_random_uuid(), id, 'google', '7' from users",
    )
    .await;
}

/// Counts the rows and values that are left of what [`set_up_everything`] added, of the details
/// from the registration, and of the known device.
async fn count_remaining_values(app: &TestApp) -> i64 {
    app.count(
        "select (select count(*) from user_identities) + (select count(*) from recovery_codes)
            + (select count(*) from remembered_devices) + count(totp_secret)
            + count(totp_confirmed_at) + count(calendar_token_hash) + count(phone)
            + count(medical_conditions)
        from users",
    )
    .await
}

#[tokio::test]
async fn a_deployment_requires_a_confirmed_address_by_default() {
    let default = Settings::default().with("REQUIRE_EMAIL_VERIFICATION", "");
    let app = TestApp::start_with(default).await;
    let ana = app.visitor();
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Ana" });
    ana.post("/api/auth/register", form).await.expect(202);
    assert_eq!(ana.cookie(), None);
    ana.sign_in_as("ana")
        .await
        .expect_code(403, "email_not_verified");
}

#[tokio::test]
async fn bookings_second_factors_calendar_feeds_and_partner_tokens_need_a_confirmed_address() {
    let app = TestApp::start().await;
    app.register_partner_app("ticket-shop").await;
    let class = app.create_class(3).await;
    let ana = app.unconfirmed_member("ana").await;
    let rejected = book(&ana, class).await;
    rejected.expect_code(403, "email_not_verified");
    let token_request = json!({ "targetApp": "ticket-shop" });
    for (method, path, body) in [
        (
            Method::POST,
            "/api/auth/two-factor",
            json!({ "currentPassword": PASSWORD }),
        ),
        (
            Method::PUT,
            "/api/auth/two-factor",
            json!({ "code": "123456" }),
        ),
        (Method::POST, "/api/calendar/token", json!({})),
        (Method::POST, "/api/cross-app/token", token_request.clone()),
    ] {
        let response = ana.send(ana.request(method, path).json(&body)).await;
        response.expect_code(403, "email_not_verified");
    }
    // The link confirms the address, and this session shows it immediately.
    let token = app.mailed_token("verify_email", "ana@example.com").await;
    ana.post("/api/auth/verify-email", json!({ "token": token }))
        .await
        .expect(200);
    book(&ana, class).await.expect(201);
    ana.post("/api/cross-app/token", token_request)
        .await
        .expect(200);
}

#[tokio::test]
async fn the_calendar_feed_of_an_unconfirmed_member_is_not_found() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let feed = ana.post("/api/calendar/token", json!({})).await.expect(201);
    let path = format!("/api/calendar?token={}", feed["token"].as_str().unwrap());
    assert_eq!(app.visitor().get(&path).await.status, 200);
    // Before addresses had to be confirmed, every member could create a feed.
    app.sql("update users set email_verified_at = null").await;
    assert_eq!(app.visitor().get(&path).await.status, 404);
}

#[tokio::test]
async fn a_newer_registration_of_an_unconfirmed_address_replaces_the_older_one() {
    let app = start_strict().await;
    let (older, newer) = (app.visitor(), app.visitor());
    register(&older, "Mallory", STRANGERS_PASSWORD)
        .await
        .expect(202);
    let older_token = app.mailed_token("verify_email", EMAIL).await;
    register(&newer, "Ana", PASSWORD).await.expect(202);
    confirm(&older, &older_token)
        .await
        .expect_code(400, "link_ended");
    older
        .sign_in(EMAIL, STRANGERS_PASSWORD)
        .await
        .expect_code(401, "invalid_credentials");
    let newer_token = app.mailed_token("verify_email", EMAIL).await;
    // The browser that registered does not have to choose a new password.
    let confirmed = confirm(&newer, &newer_token).await.expect(200);
    assert_eq!(confirmed, json!({ "success": true }));
    let signed_in = newer.sign_in(EMAIL, PASSWORD).await.expect(200);
    assert_eq!(signed_in["user"]["firstName"], "Ana");
    older
        .sign_in(EMAIL, STRANGERS_PASSWORD)
        .await
        .expect_code(401, "invalid_credentials");
    assert_eq!(app.count("select count(*) from users").await, 1);
}

#[tokio::test]
async fn a_stranger_who_registers_last_cannot_use_the_account_that_the_owner_confirms() {
    let app = start_strict().await;
    let (owner, stranger) = (app.visitor(), app.visitor());
    register(&owner, "Ana", PASSWORD).await.expect(202);
    register(&stranger, "Mallory", STRANGERS_PASSWORD)
        .await
        .expect(202);
    let token = app.mailed_token("verify_email", EMAIL).await;
    let confirmed = confirm(&owner, &token).await.expect(200);
    let strangers_sign_in = stranger.sign_in(EMAIL, STRANGERS_PASSWORD).await;
    strangers_sign_in.expect_code(401, "invalid_credentials");
    // The owner chooses a password with the token from the response, which works once.
    set_password(&owner, &confirmed["resetToken"])
        .await
        .expect(200);
    set_password(&stranger, &confirmed["resetToken"])
        .await
        .expect_code(400, "link_ended");
    owner.sign_in(EMAIL, NEW_PASSWORD).await.expect(200);
    let profile = owner.get("/api/auth/me").await.expect(200);
    assert_eq!(profile["emailVerified"], true);
    assert_eq!(profile["phone"], json!(null));
    assert_eq!(profile["medicalConditions"], json!(null));
}

#[tokio::test]
async fn confirming_a_strangers_registration_ends_everything_that_the_stranger_has_set_up() {
    let app = TestApp::start().await;
    let stranger = app.visitor();
    register(&stranger, "Mallory", STRANGERS_PASSWORD)
        .await
        .expect(201);
    assert!(stranger.is_signed_in().await);
    set_up_everything(&app).await;
    assert_eq!(count_remaining_values(&app).await, 8);
    let token = app.mailed_token("verify_email", EMAIL).await;
    let owner = app.visitor();
    let confirmed = confirm(&owner, &token).await.expect(200);
    assert_eq!(count_remaining_values(&app).await, 0);
    assert!(!stranger.is_signed_in().await);
    let strangers_sign_in = stranger.sign_in(EMAIL, STRANGERS_PASSWORD).await;
    strangers_sign_in.expect_code(401, "invalid_credentials");
    set_password(&owner, &confirmed["resetToken"])
        .await
        .expect(200);
    owner.sign_in(EMAIL, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_reset_of_an_unconfirmed_account_ends_everything_that_a_stranger_has_set_up() {
    let app = TestApp::start().await;
    let stranger = app.visitor();
    register(&stranger, "Mallory", STRANGERS_PASSWORD)
        .await
        .expect(201);
    set_up_everything(&app).await;
    let owner = app.visitor();
    let form = json!({ "email": EMAIL });
    owner
        .post("/api/auth/forgot-password", form)
        .await
        .expect(202);
    let token = app.mailed_token("reset_password", EMAIL).await;
    set_password(&owner, &json!(token)).await.expect(200);
    assert_eq!(count_remaining_values(&app).await, 0);
    assert!(!stranger.is_signed_in().await);
    // The owner needs no second factor, and the message lists what has ended.
    owner.sign_in(EMAIL, NEW_PASSWORD).await.expect(200);
    let ended = "select count(*) from mail_outbox where kind = 'password_reset'
        and payload #> '{notice,access,ended}' = '[\"the calendar feed\", \"sign-in with google\",
            \"two-factor authentication\"]'";
    assert_eq!(app.count(ended).await, 1);
}

#[tokio::test]
async fn confirming_in_a_signed_in_browser_keeps_everything_that_was_set_up() {
    let app = TestApp::start().await;
    let ana = app.visitor();
    register(&ana, "Ana", PASSWORD).await.expect(201);
    set_up_everything(&app).await;
    let token = app.mailed_token("verify_email", EMAIL).await;
    let confirmed = confirm(&ana, &token).await.expect(200);
    assert_eq!(confirmed, json!({ "success": true }));
    assert_eq!(count_remaining_values(&app).await, 8);
    let session = ana.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["emailVerified"], true);
}

#[tokio::test]
async fn a_forged_registration_cookie_does_not_keep_the_password() {
    let app = start_strict().await;
    let (owner, stranger) = (app.visitor(), app.visitor());
    register(&owner, "Ana", PASSWORD).await.expect(202);
    let cookie_of = |browser: &TestClient| {
        let jar = browser.jar.lock().unwrap();
        jar["__Host-sabor_registration"].clone()
    };
    let own_cookie = cookie_of(&owner);
    register(&stranger, "Mallory", STRANGERS_PASSWORD)
        .await
        .expect(202);
    // A forged cookie: the id of one registration with the signature of another.
    let (id, _) = cookie_of(&stranger).split_once('.').map(owned).unwrap();
    let (_, signature) = own_cookie.split_once('.').map(owned).unwrap();
    let forged = format!("{id}.{signature}");
    let browser = app.visitor();
    browser
        .jar
        .lock()
        .unwrap()
        .insert("__Host-sabor_registration".to_owned(), forged);
    let token = app.mailed_token("verify_email", EMAIL).await;
    let confirmed = confirm(&browser, &token).await.expect(200);
    assert!(confirmed["resetToken"].is_string());
}

fn owned((first, second): (&str, &str)) -> (String, String) {
    (first.to_owned(), second.to_owned())
}

#[tokio::test]
async fn a_registration_gets_the_same_response_for_any_state_of_the_address() {
    let app = start_strict().await;
    let mut responses = Vec::new();
    for state in ["new", "unconfirmed", "confirmed"] {
        if state == "confirmed" {
            app.confirm_address(EMAIL).await;
        }
        let response = register(&app.visitor(), "Ana", PASSWORD).await;
        let cookie = response.header("set-cookie").unwrap();
        let (value, attributes) = cookie.split_once(';').unwrap();
        responses.push((
            response.status,
            response.text.clone(),
            value.len(),
            attributes.to_owned(),
        ));
    }
    let attributes = &responses[0].3;
    assert_eq!(
        attributes,
        " Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure"
    );
    responses.dedup();
    assert_eq!(responses.len(), 1, "{responses:?}");
    // Only the owner of the mailbox learns the difference.
    assert_eq!(app.mail_count("verify_email").await, 2);
    assert_eq!(app.mail_count("account_exists").await, 1);
}

/// Books a class for every account. An unconfirmed account can have a booking from the time
/// before bookings required a confirmed address.
async fn book_for_everyone(app: &TestApp, class: Uuid) {
    app.sql(&format!(
        "insert into bookings (id, user_id, scheduled_class_id, status, price, currency)
        select gen_random_uuid(), id, '{class}', 'booked', 25, 'USD' from users"
    ))
    .await;
}

#[tokio::test]
async fn a_registration_does_not_replace_an_account_that_is_in_use() {
    for reason in ["is_staff", "is_admin", "booking", "pass"] {
        let app = TestApp::start().await;
        let class = app.create_class(3).await;
        let older = app.visitor();
        register(&older, "Ana", PASSWORD).await.expect(201);
        match reason {
            "booking" => book_for_everyone(&app, class).await,
            "pass" => {
                sell_pass(&app.staff("sofia").await, &older, json!({})).await;
            }
            column => {
                app.sql(&format!("update users set {column} = true")).await;
            }
        }
        let newer = register(&app.visitor(), "Mallory", STRANGERS_PASSWORD).await;
        newer.expect_code(409, "email_taken");
        assert!(older.is_signed_in().await, "{reason}");
        let kept = "select count(*) from users where is_active and first_name = 'Ana'";
        assert_eq!(app.count(kept).await, 1, "{reason}");
        let cancelled = "select count(*) from bookings where status = 'cancelled'";
        assert_eq!(app.count(cancelled).await, 0, "{reason}");
    }
}

#[tokio::test]
async fn a_member_who_confirms_an_address_closes_an_unconfirmed_account_with_bookings() {
    let app = TestApp::start().await;
    let class = app.create_class(1).await;
    let stranger = app.visitor();
    register(&stranger, "Mallory", STRANGERS_PASSWORD)
        .await
        .expect(201);
    book_for_everyone(&app, class).await;
    let luis = app.member("luis").await;
    let form = json!({ "newEmail": EMAIL, "currentPassword": PASSWORD });
    luis.post("/api/auth/change-email", form).await.expect(202);
    let token = app.mailed_token("verify_email", EMAIL).await;
    confirm(&luis, &token).await.expect(200);
    assert!(!stranger.is_signed_in().await);
    // The cancelled booking is kept for the reports.
    let cancelled = "select count(*) from bookings b join users u on u.id = b.user_id
        where b.status = 'cancelled' and u.closed_at is not null";
    assert_eq!(app.count(cancelled).await, 1);
    book(&luis, class).await.expect(201);
}

/// Staff have sold a pass to the account, whose member opens it through the invitation.
#[tokio::test]
async fn a_member_who_confirms_an_address_does_not_close_an_account_with_a_pass() {
    let app = TestApp::start().await;
    let walk_in = app.visitor();
    register(&walk_in, "Ana", PASSWORD).await.expect(201);
    let staff = app.staff("sofia").await;
    let pass = sell_pass(&staff, &walk_in, json!({ "credits": 10 })).await;
    let luis = app.member("luis").await;
    let form = json!({ "newEmail": EMAIL, "currentPassword": PASSWORD });
    luis.post("/api/auth/change-email", form).await.expect(202);
    let token = app.mailed_token("verify_email", EMAIL).await;
    confirm(&luis, &token).await.expect_code(409, "email_taken");
    assert_eq!(walk_in.get_all("/api/shop/passes").await[0]["id"], pass);
    // Without the pass, the account is closed.
    change_pass(&staff, &pass, json!({ "action": "revoke" }))
        .await
        .expect(200);
    confirm(&luis, &token).await.expect(200);
    assert!(!walk_in.is_signed_in().await);
}

/// Staff have given credit to the account, whose member opens it through the invitation.
#[tokio::test]
async fn a_member_who_confirms_an_address_does_not_close_an_account_with_credit() {
    let app = TestApp::start().await;
    let walk_in = app.visitor();
    register(&walk_in, "Ana", PASSWORD).await.expect(201);
    let staff = app.staff("sofia").await;
    add_credit(&staff, &walk_in, "20").await;
    let luis = app.member("luis").await;
    let form = json!({ "newEmail": EMAIL, "currentPassword": PASSWORD });
    luis.post("/api/auth/change-email", form).await.expect(202);
    let token = app.mailed_token("verify_email", EMAIL).await;
    confirm(&luis, &token).await.expect_code(409, "email_taken");
    // Without the credit, the account is closed.
    change_credit(&staff, &walk_in, "deduct", "20")
        .await
        .expect(201);
    confirm(&luis, &token).await.expect(200);
    assert!(!walk_in.is_signed_in().await);
}

#[tokio::test]
async fn a_member_who_confirms_an_address_replaces_an_unconfirmed_registration() {
    let app = TestApp::start().await;
    let stranger = app.visitor();
    register(&stranger, "Mallory", STRANGERS_PASSWORD)
        .await
        .expect(201);
    let luis = app.member("luis").await;
    let form = json!({ "newEmail": EMAIL, "currentPassword": PASSWORD });
    luis.post("/api/auth/change-email", form).await.expect(202);
    let token = app.mailed_token("verify_email", EMAIL).await;
    confirm(&luis, &token).await.expect(200);
    let session = luis.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["email"], EMAIL);
    assert!(!stranger.is_signed_in().await);
    assert_eq!(app.count("select count(*) from users").await, 1);
}

#[tokio::test]
async fn an_unconfirmed_member_gets_no_role() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.unconfirmed_member("ana").await;
    for role in ["staff", "admin"] {
        let id = ana.user_id().await;
        let change = json!({ "id": id, "role": role, "currentPassword": PASSWORD });
        let rejected = admin.patch("/api/admin/users", change).await;
        rejected.expect_code(409, "email_not_verified");
    }
    let client = app.app.db().client().await.unwrap();
    let granted = sabor::models::user::grant_admin(&client, EMAIL).await;
    assert!(!granted.unwrap());
}
