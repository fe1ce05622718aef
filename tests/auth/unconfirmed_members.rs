//! Members who have not confirmed their e-mail address.

use reqwest::Method;
use serde_json::json;

use crate::bookings::book;
use crate::harness::{PASSWORD, Settings, TestApp};

#[tokio::test]
async fn a_deployment_requires_a_confirmed_address_unless_it_is_switched_off() {
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
async fn booking_a_second_factor_a_calendar_feed_and_partner_tokens_need_a_confirmed_address() {
    let app = TestApp::start().await;
    app.register_partner_app("ticket-shop").await;
    let class = app.create_class(3).await;
    let ana = app.unconfirmed_member("ana").await;
    let rejected = book(&ana, class).await;
    rejected.expect_code(403, "email_not_verified");
    let token = json!({ "targetApp": "ticket-shop" });
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
        (Method::POST, "/api/cross-app/token", token.clone()),
    ] {
        let response = ana.send(ana.request(method, path).json(&body)).await;
        response.expect_code(403, "email_not_verified");
    }
    // The link confirms the address, and this session shows it immediately.
    let link = app.mailed_token("verify_email", "ana@example.com").await;
    ana.post("/api/auth/verify-email", json!({ "token": link }))
        .await
        .expect(200);
    book(&ana, class).await.expect(201);
    ana.post("/api/cross-app/token", token).await.expect(200);
}

#[tokio::test]
async fn the_calendar_feed_of_an_unconfirmed_member_does_not_answer() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let feed = ana.post("/api/calendar/token", json!({})).await.expect(201);
    let path = format!("/api/calendar?token={}", feed["token"].as_str().unwrap());
    assert_eq!(app.visitor().get(&path).await.status, 200);
    // Before addresses had to be confirmed, every member could create a feed.
    app.sql("update users set email_verified_at = null").await;
    assert_eq!(app.visitor().get(&path).await.status, 404);
}
