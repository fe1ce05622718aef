//! `api/cross-app/validate.rs`

use redis_endpoint::FaultMode;
use reqwest::Method;
use serde_json::{Value, json};

use super::{PartnerServer, REVOKE_PATH, TOKEN_PATH, VALIDATE_PATH, create_account, issue_token};
use crate::harness::{PASSWORD, SITE, TestApp, TestResponse, wait_until};

#[tokio::test]
async fn validation_returns_the_member_and_the_account() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let id = create_account(&app, "casa", &[("ana", "admin")]).await;
    let payload = json!({ "targetApp": "shop", "accountId": id });
    let issued = ana.post(TOKEN_PATH, payload).await.expect(200);
    let validated = shop.validate(issued["token"].as_str().unwrap()).await;
    let validated = validated.expect(200);
    let user = ana.get("/api/auth/session").await.expect(200)["user"].clone();
    assert_eq!(validated["valid"], true);
    assert_eq!(validated["user"], user);
    assert_eq!(
        validated["account"],
        json!({ "id": id, "name": "Casa Latina", "slug": "casa", "role": "admin" })
    );
    assert_eq!(validated["session"]["id"], issued["id"]);
    assert_eq!(validated["session"]["sourceApp"], "sabor");
    assert_eq!(validated["session"]["expiresAt"], issued["expiresAt"]);
    let logged = "select count(*) from security_events where kind = 'cross_app_signed_in'
        and detail ->> 'app' = 'shop' and user_id is not null";
    assert_eq!(app.count(logged).await, 1);

    let token_without_account = issue_token(&ana, "shop").await;
    assert_eq!(
        shop.validate(&token_without_account).await.expect(200)["account"],
        json!(null)
    );
}

#[tokio::test]
async fn of_64_concurrent_validations_one_succeeds() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let other = app.start_another().await;
    let ana = app.member("ana").await;
    let token = issue_token(&ana, "shop").await;
    let validations: Vec<_> = (0..64)
        .map(|number| {
            let token = token.clone();
            let shop = match number % 2 {
                0 => shop.clone(),
                _ => shop.connected_to(&other),
            };
            tokio::spawn(async move { shop.validate(&token).await })
        })
        .collect();
    let mut succeeded = 0;
    for validation in validations {
        let response = validation.await.unwrap();
        if response.status == 200 {
            succeeded += 1;
        } else {
            response.expect_code(401, "token_ended");
        }
    }
    assert_eq!(succeeded, 1);
    let logged = "select count(*) from security_events where kind = 'cross_app_signed_in'";
    assert_eq!(app.count(logged).await, 1);
}

#[tokio::test]
async fn another_application_is_rejected_and_the_token_stays_valid() {
    let app = TestApp::start().await;
    let (shop, market) = (
        PartnerServer::register(&app, "shop").await,
        PartnerServer::register(&app, "market").await,
    );
    let ana = app.member("ana").await;
    let token = issue_token(&ana, "shop").await;
    let rejected = market.validate(&token).await;
    rejected.expect_code(403, "wrong_application");
    let logged = "select count(*) from security_events where kind = 'cross_app_refused'
        and detail ->> 'app' = 'market'";
    wait_until(async || app.count(logged).await == 1).await;
    shop.validate(&token).await.expect(200);
}

#[tokio::test]
async fn every_invalid_token_gets_the_same_response() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let admin = app.admin("admin").await;
    app.member("leo").await;
    let mut responses: Vec<(String, Value)> = Vec::new();
    for reason in [
        "unknown",
        "malformed",
        "used",
        "expired",
        "revoked",
        "signed out",
        "signed out everywhere",
        "session expired",
        "password changed",
        "account deactivated",
        "left the organization",
        "session deleted",
    ] {
        let name = reason.replace(' ', "-");
        let ana = app.member(&name).await;
        let account = create_account(&app, &name, &[(&name, "member"), ("leo", "owner")]).await;
        let payload = json!({ "targetApp": "shop", "accountId": account });
        let issued = ana.post(TOKEN_PATH, payload).await.expect(200);
        let mut token = issued["token"].as_str().unwrap().to_owned();
        let id = issued["id"].as_str().unwrap();
        let token_row = format!("id = '{id}'");
        match reason {
            "unknown" => token = "00".repeat(32),
            "malformed" => token = "?".to_owned(),
            "used" => _ = shop.validate(&token).await.expect(200),
            "expired" => {
                let expire = "update cross_app_sessions set expires_at = now() where ";
                _ = app.sql(&format!("{expire}{token_row}")).await;
            }
            "revoked" => _ = ana.post(REVOKE_PATH, json!({ "id": id })).await.expect(200),
            "signed out" => _ = ana.post("/api/auth/logout", json!({})).await.expect(200),
            "signed out everywhere" => {
                let form = json!({ "all": true });
                _ = ana.post("/api/auth/logout", form).await.expect(200);
            }
            "session expired" => {
                let expire = "update user_sessions s set expires_at = now()
                    from cross_app_sessions c where c.session_id = s.id and c.";
                _ = app.sql(&format!("{expire}{token_row}")).await;
            }
            "password changed" => {
                // A password change in another session ends this session.
                let other_session = app.visitor();
                let email = format!("{name}@example.com");
                other_session.sign_in(&email, PASSWORD).await.expect(200);
                let form =
                    json!({ "currentPassword": PASSWORD, "newPassword": "otra clave larga" });
                let changed = other_session.post("/api/auth/change-password", form).await;
                _ = changed.expect(200);
            }
            "account deactivated" => {
                let me = ana.get("/api/auth/session").await.expect(200);
                let form = json!({ "id": me["user"]["id"], "isActive": false });
                _ = admin.patch("/api/admin/users", form).await.expect(200);
            }
            "left the organization" => {
                let me = ana.get("/api/auth/session").await.expect(200);
                let membership = json!({ "userId": me["user"]["id"], "role": null });
                let form = json!({ "id": account, "members": [membership] });
                _ = admin.patch("/api/admin/accounts", form).await.expect(200);
            }
            _ => {
                let delete = "delete from user_sessions s using cross_app_sessions c
                    where c.session_id = s.id and c.";
                _ = app.sql(&format!("{delete}{token_row}")).await;
            }
        }
        let response = shop.validate(&token).await;
        let mut body = response.expect_code(401, "token_ended");
        assert_eq!(
            response.header("www-authenticate"),
            Some("Basic realm=\"sabor\"")
        );
        body["requestId"].take();
        responses.push((reason.to_owned(), body));
    }
    for (reason, body) in &responses {
        assert_eq!(body, &responses[0].1, "{reason}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_rejected_and_the_token_stays_valid() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let market = PartnerServer::register(&app, "market").await;
    let ana = app.member("ana").await;
    let token = issue_token(&ana, "shop").await;
    let mut impostor = shop.clone();
    for (name, secret) in [
        ("shop", "00".repeat(32)),
        ("shop", market.secret.clone()),
        ("shop", String::new()),
        ("nobody", shop.secret.clone()),
        ("SHOP", shop.secret.clone()),
        ("", shop.secret.clone()),
    ] {
        (impostor.name, impostor.secret) = (name.to_owned(), secret);
        let rejected = impostor.validate(&token).await;
        rejected.expect_code(401, "unknown_application");
        assert_eq!(
            rejected.header("www-authenticate"),
            Some("Basic realm=\"sabor\"")
        );
    }
    let body = json!({ "token": token });
    // Neither a member nor a visitor is an application.
    for person in [&ana, &app.visitor()] {
        let rejected = person.post(VALIDATE_PATH, body.clone()).await;
        rejected.expect_code(401, "unknown_application");
    }
    let request = ana
        .request(Method::POST, VALIDATE_PATH)
        .bearer_auth(&shop.secret);
    let rejected = ana.send(request.json(&body)).await;
    rejected.expect_code(401, "unknown_application");

    app.sql("update apps set is_active = false where name = 'shop'")
        .await;
    let rejected = shop.validate(&token).await;
    rejected.expect_code(401, "unknown_application");
    app.sql("update apps set is_active = true").await;
    shop.validate(&token).await.expect(200);
}

#[tokio::test]
async fn a_validation_during_sign_out_is_rejected() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let token = issue_token(&ana, "shop").await;
    // The deletion is not committed, so the validation still sees the session. The deletion
    // has also locked the row of the token, so the validation waits for it.
    let deletion = app.hold_locks("delete from user_sessions").await;
    let server = shop.clone();
    let validation = tokio::spawn(async move { server.validate(&token).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    deletion.commit().await;
    validation.await.unwrap().expect_code(401, "token_ended");
    let used = "select count(*) from cross_app_sessions where used_at is not null";
    assert_eq!(app.count(used).await, 0);
}

#[tokio::test]
async fn a_multi_use_application_can_validate_a_token_repeatedly() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    app.sql("update apps set single_use = false").await;
    let ana = app.member("ana").await;
    let token = issue_token(&ana, "shop").await;
    let used = "select used_at::text from cross_app_sessions";
    shop.validate(&token).await.expect(200);
    let first: String = app.sql(used).await[0].get(0);
    shop.validate(&token).await.expect(200);
    let second: String = app.sql(used).await[0].get(0);
    assert!(second > first);
    let logged = "select count(*) from security_events where kind = 'cross_app_signed_in'";
    assert_eq!(app.count(logged).await, 1);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    shop.validate(&token).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn changing_an_application_does_not_revive_ended_tokens() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let (ana, admin) = (app.member("ana").await, app.admin("admin").await);
    let (used, unused) = (
        issue_token(&ana, "shop").await,
        issue_token(&ana, "shop").await,
    );
    shop.validate(&used).await.expect(200);
    let listed = admin.get("/api/admin/apps").await.expect(200);
    let change = async |field: &str, value: bool| {
        let form = json!({ "id": listed["items"][0]["id"], field: value });
        admin.patch("/api/admin/apps", form).await.expect(200);
    };
    change("singleUse", false).await;
    shop.validate(&used).await.expect_code(401, "token_ended");
    shop.validate(&unused).await.expect_code(401, "token_ended");
    let unused = issue_token(&ana, "shop").await;
    change("isActive", false).await;
    change("isActive", true).await;
    shop.validate(&unused).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn an_ended_token_of_another_application_is_reported_as_ended() {
    let app = TestApp::start().await;
    let (shop, market) = (
        PartnerServer::register(&app, "shop").await,
        PartnerServer::register(&app, "market").await,
    );
    let ana = app.member("ana").await;
    let used = issue_token(&ana, "shop").await;
    shop.validate(&used).await.expect(200);
    market.validate(&used).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn browsers_cannot_act_as_applications_and_show_no_password_prompt() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let token = issue_token(&ana, "shop").await;
    let validate_from = async |origin: &str, secret: &str| {
        let request = reqwest::Client::new().post(format!("{}{VALIDATE_PATH}", shop.studio_url));
        let request = request
            .basic_auth("shop", Some(secret))
            .header("origin", origin);
        let response = request.json(&json!({ "token": token })).send().await;
        TestResponse::read(response.unwrap()).await
    };
    // The request has the correct secret, as if a browser had stored it.
    let rejected = validate_from("https://evil.example", &shop.secret).await;
    rejected.expect_code(403, "foreign_origin");
    let rejected = validate_from(SITE, "wrong").await;
    rejected.expect_code(401, "unknown_application");
    assert_eq!(rejected.header("www-authenticate"), Some("Bearer"));
    shop.validate(&token).await.expect(200);
}

#[tokio::test]
async fn tokens_work_without_redis() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    app.redis.set_mode(FaultMode::Unreachable).await.unwrap();
    let token = issue_token(&ana, "shop").await;
    shop.validate(&token).await.expect(200);
    shop.validate(&token).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn without_postgres_validation_returns_503_and_the_token_stays_valid() {
    let (app, cluster) = TestApp::start_on_own_cluster().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let token = issue_token(&ana, "shop").await;
    cluster.stop().await.unwrap();
    for response in [
        shop.validate(&token).await,
        ana.post(TOKEN_PATH, json!({ "targetApp": "shop" })).await,
        ana.post(REVOKE_PATH, json!({ "token": token })).await,
    ] {
        response.expect_code(503, "unavailable");
        assert!(response.header("retry-after").is_some());
    }
    cluster.restart().await.unwrap();
    shop.validate(&token).await.expect(200);
}

#[tokio::test]
async fn no_request_waits_for_the_archive() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    // A query that touches the archive would wait for this lock.
    let archive_lock = app
        .hold_locks("lock table cross_app_sessions_archive in access exclusive mode")
        .await;
    let token = issue_token(&ana, "shop").await;
    shop.validate(&token).await.expect(200);
    ana.post(REVOKE_PATH, json!({ "token": token }))
        .await
        .expect(200);
    ana.get("/api/auth/me").await.expect(200);
    archive_lock.release().await;
}
