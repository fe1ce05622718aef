//! `api/cross-app/token.rs` and `api/cross-app/revoke.rs`.

use reqwest::Method;
use serde_json::json;

use super::{PartnerServer, REVOKE_PATH, TOKEN_PATH, create_account, issue_token};
use crate::harness::TestApp;

#[tokio::test]
async fn a_token_is_valid_for_fifteen_minutes_and_is_stored_as_a_hash() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let issued = ana.post(TOKEN_PATH, json!({ "targetApp": "shop" })).await;
    let issued = issued.expect(200);
    let token = issued["token"].as_str().unwrap();
    assert_eq!(token.len(), 64);
    let matching = format!(
        "select count(*) from cross_app_sessions where id = '{}'
            and expires_at = created_at + interval '15 minutes'
            and expires_at = '{}' and source_app = 'sabor' and target_app = 'shop'",
        issued["id"].as_str().unwrap(),
        issued["expiresAt"].as_str().unwrap(),
    );
    assert_eq!(app.count(&matching).await, 1);
    let with_token = "select count(*) from cross_app_sessions c
        where strpos(to_jsonb(c)::text, '{}') > 0";
    assert_eq!(app.count(&with_token.replace("{}", token)).await, 0);
    let with_secret = "select count(*) from apps a where strpos(to_jsonb(a)::text, '{}') > 0";
    assert_eq!(app.count(&with_secret.replace("{}", &shop.secret)).await, 0);
}

#[tokio::test]
async fn a_token_does_not_outlast_its_session() {
    let app = TestApp::start().await;
    PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    app.sql(
        "update user_sessions set expires_at = now() + interval '2 minutes',
            absolute_expires_at = now() + interval '2 minutes'",
    )
    .await;
    issue_token(&ana, "shop").await;
    let ended_with_session = "select count(*) from cross_app_sessions
        where expires_at <= now() + interval '2 minutes'";
    assert_eq!(app.count(ended_with_session).await, 1);
}

#[tokio::test]
async fn tokens_require_a_known_application_and_membership_in_the_account() {
    let app = TestApp::start().await;
    PartnerServer::register(&app, "shop").await;
    let (ana, _) = (app.member("ana").await, app.member("leo").await);
    let foreign_account = create_account(&app, "leos", &[("leo", "owner")]).await;
    let own_account = create_account(&app, "anas", &[("ana", "member")]).await;

    for name in ["market", "Shop", "", "a:b"] {
        let rejected = ana.post(TOKEN_PATH, json!({ "targetApp": name })).await;
        assert!(rejected.expect(400)["details"]["targetApp"].is_array());
    }
    let payload = |account: &str| json!({ "targetApp": "shop", "accountId": account });
    let rejected = ana.post(TOKEN_PATH, payload(&foreign_account)).await;
    rejected.expect_code(403, "not_a_member");
    let unknown_account = "00000000-0000-4000-8000-000000000000";
    let rejected = ana.post(TOKEN_PATH, payload(unknown_account)).await;
    rejected.expect_code(403, "not_a_member");
    assert_eq!(
        app.count("select count(*) from cross_app_sessions").await,
        0
    );
    ana.post(TOKEN_PATH, payload(&own_account))
        .await
        .expect(200);

    app.sql("update apps set is_active = false").await;
    let rejected = ana.post(TOKEN_PATH, payload(&own_account)).await;
    assert!(rejected.expect(400)["details"]["targetApp"].is_array());
    app.visitor()
        .post(TOKEN_PATH, payload(&own_account))
        .await
        .expect_code(401, "not_signed_in");
}

#[tokio::test]
async fn return_urls_must_belong_to_the_application() {
    let app = TestApp::start().await;
    PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let payload = |return_to: &str| json!({ "targetApp": "shop", "returnTo": return_to });
    ana.post(
        TOKEN_PATH,
        payload("https://Shop.example/welcome?from=sabor"),
    )
    .await
    .expect(200);
    for foreign_url in [
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example:8443/",
        "http://shop.example/",
        "https://ana@shop.example/",
        "javascript:alert(1)",
        "/welcome",
    ] {
        let rejected = ana.post(TOKEN_PATH, payload(foreign_url)).await;
        let rejected = rejected.expect(400);
        assert!(rejected["details"]["returnTo"].is_array(), "{foreign_url}");
    }
    assert_eq!(
        app.count("select count(*) from cross_app_sessions").await,
        1
    );
}

#[tokio::test]
async fn a_member_may_request_ten_tokens_a_minute() {
    let app = TestApp::start().await;
    PartnerServer::register(&app, "shop").await;
    let (ana, leo) = (app.member("ana").await, app.member("leo").await);
    let ana_at_new_ip_address = app.visitor_with_cookie_of(&ana);
    let requests = (0..16).map(|number| {
        let person = [&ana, &ana_at_new_ip_address][number % 2].copy();
        tokio::spawn(async move {
            person
                .post(TOKEN_PATH, json!({ "targetApp": "shop" }))
                .await
        })
    });
    let mut issued = 0;
    for request in requests.collect::<Vec<_>>() {
        let response = request.await.unwrap();
        if response.status == 200 {
            issued += 1;
        } else {
            response.expect_code(429, "too_many_requests");
            assert!(response.header("retry-after").is_some());
        }
    }
    assert_eq!(issued, 10);
    issue_token(&leo, "shop").await;
}

#[tokio::test]
async fn a_request_during_sign_out_gets_no_token() {
    let app = TestApp::start().await;
    PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let deletion = app.hold_locks("delete from user_sessions").await;
    let client = ana.copy();
    let request = tokio::spawn(async move {
        client
            .post(TOKEN_PATH, json!({ "targetApp": "shop" }))
            .await
    });
    crate::harness::wait_until(async || app.blocked_statements().await == 1).await;
    deletion.commit().await;
    request.await.unwrap().expect_code(401, "session_gone");
    assert_eq!(
        app.count("select count(*) from cross_app_sessions").await,
        0
    );
}

#[tokio::test]
async fn a_session_that_exists_only_in_redis_gets_no_token() {
    let app = TestApp::start().await;
    PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    assert!(ana.is_signed_in().await);
    app.wait_for_session_records(1).await;
    // Direct SQL does not invalidate the record in Redis.
    app.sql("delete from user_sessions").await;
    ana.post(TOKEN_PATH, json!({ "targetApp": "shop" }))
        .await
        .expect_code(401, "session_gone");
}

#[tokio::test]
async fn a_token_can_be_revoked_by_its_member_and_its_application_only() {
    let app = TestApp::start().await;
    let (shop, market) = (
        PartnerServer::register(&app, "shop").await,
        PartnerServer::register(&app, "market").await,
    );
    let (ana, leo) = (app.member("ana").await, app.member("leo").await);
    let payload = json!({ "targetApp": "shop" });
    let issued = ana.post(TOKEN_PATH, payload).await.expect(200);
    let (id, token) = (
        json!({ "id": issued["id"] }),
        json!({ "token": issued["token"] }),
    );
    for selector in [&id, &token] {
        let rejected = leo.post(REVOKE_PATH, selector.clone()).await;
        rejected.expect_code(404, "not_found");
        let rejected = market.post(REVOKE_PATH, selector.clone()).await;
        rejected.expect_code(404, "not_found");
        let rejected = app.visitor().post(REVOKE_PATH, selector.clone()).await;
        rejected.expect_code(401, "not_signed_in");
    }
    let unrevoked = "select count(*) from cross_app_sessions where revoked_at is null";
    assert_eq!(app.count(unrevoked).await, 1);

    ana.post(REVOKE_PATH, id.clone()).await.expect(200);
    assert_eq!(app.count(unrevoked).await, 0);
    let revoked_at = "select to_char(revoked_at, 'US') from cross_app_sessions";
    let first_time: String = app.sql(revoked_at).await[0].get(0);
    // Revoking again, from either side, changes nothing and is not logged.
    shop.post(REVOKE_PATH, token.clone()).await.expect(200);
    ana.post(REVOKE_PATH, token).await.expect(200);
    let second_time: String = app.sql(revoked_at).await[0].get(0);
    assert_eq!(second_time, first_time);

    let second_token = issue_token(&ana, "shop").await;
    shop.post(REVOKE_PATH, json!({ "token": second_token }))
        .await
        .expect(200);
    shop.validate(&second_token)
        .await
        .expect_code(401, "token_ended");
    let logged = "select count(*) from security_events where kind = 'cross_app_revoked'";
    crate::harness::wait_until(async || app.count(logged).await == 2).await;
}

#[tokio::test]
async fn a_revocation_must_name_exactly_one_token() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let id = "00000000-0000-4000-8000-000000000000";
    let rejected = ana.post(REVOKE_PATH, json!({})).await.expect(400);
    assert!(rejected["details"]["token"].is_array());
    let both_fields = json!({ "id": id, "token": "00".repeat(32) });
    let rejected = ana.post(REVOKE_PATH, both_fields).await.expect(400);
    assert!(rejected["details"]["id"].is_array());
    ana.post(REVOKE_PATH, json!({ "id": id })).await.expect(404);
    ana.post(REVOKE_PATH, json!({ "token": "?" }))
        .await
        .expect(404);
}

#[tokio::test]
async fn the_profile_lists_the_accounts_of_the_member() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let me = ana.get("/api/auth/me").await.expect(200);
    assert_eq!(me["accounts"], json!([]));
    let id = create_account(&app, "casa", &[("ana", "owner")]).await;
    let accounts = json!([{ "id": id, "name": "Casa Latina", "slug": "casa", "role": "owner" }]);
    let me = ana.get("/api/auth/me").await.expect(200);
    assert_eq!(me["accounts"], accounts);
    let request = ana.request(Method::PATCH, "/api/auth/me");
    let changed = ana.send(request.json(&json!({ "phone": null }))).await;
    assert_eq!(changed.expect(200)["accounts"], accounts);
}
