//! `api/cross-app/validate.rs`: line 26 of the security checks.

use redis_endpoint::Mode;
use reqwest::Method;
use serde_json::{Value, json};

use super::{REVOKE, Shop, TOKEN, VALIDATE, account, token_for};
use crate::harness::{Answer, PASSWORD, SITE, TestApp, until};

#[tokio::test]
async fn line_26_the_application_learns_who_it_is_and_for_which_account() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let ana = app.member("ana").await;
    let id = account(&app, "casa", &[("ana", "admin")]).await;
    let wish = json!({ "targetApp": "shop", "accountId": id });
    let issued = ana.post(TOKEN, wish).await.expect(200);
    let told = shop.redeem(issued["token"].as_str().unwrap()).await;
    let told = told.expect(200);
    let user = ana.get("/api/auth/session").await.expect(200)["user"].clone();
    assert_eq!(told["valid"], true);
    assert_eq!(told["user"], user);
    assert_eq!(
        told["account"],
        json!({ "id": id, "name": "Casa Latina", "slug": "casa", "role": "admin" })
    );
    assert_eq!(told["session"]["id"], issued["id"]);
    assert_eq!(told["session"]["sourceApp"], "sabor");
    assert_eq!(told["session"]["expiresAt"], issued["expiresAt"]);
    let noted = "select count(*) from security_events where kind = 'cross_app_signed_in'
        and detail ->> 'app' = 'shop' and user_id is not null";
    assert_eq!(app.count(noted).await, 1);

    let alone = token_for(&ana, "shop").await;
    assert_eq!(
        shop.redeem(&alone).await.expect(200)["account"],
        json!(null)
    );
}

#[tokio::test]
async fn line_26_of_64_redemptions_at_once_one_succeeds() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let other = app.another().await;
    let ana = app.member("ana").await;
    let token = token_for(&ana, "shop").await;
    let tries: Vec<_> = (0..64)
        .map(|number| {
            let token = token.clone();
            let shop = match number % 2 {
                0 => shop.clone(),
                _ => shop.at(&other),
            };
            tokio::spawn(async move { shop.redeem(&token).await })
        })
        .collect();
    let mut succeeded = 0;
    for redeemed in tries {
        let answer = redeemed.await.unwrap();
        if answer.status == 200 {
            succeeded += 1;
        } else {
            answer.expect_code(401, "token_ended");
        }
    }
    assert_eq!(succeeded, 1);
    let noted = "select count(*) from security_events where kind = 'cross_app_signed_in'";
    assert_eq!(app.count(noted).await, 1);
}

#[tokio::test]
async fn line_26_another_application_is_refused_and_the_token_stays_good() {
    let app = TestApp::start().await;
    let (shop, market) = (
        Shop::open(&app, "shop").await,
        Shop::open(&app, "market").await,
    );
    let ana = app.member("ana").await;
    let token = token_for(&ana, "shop").await;
    let refused = market.redeem(&token).await;
    refused.expect_code(403, "wrong_application");
    let noted = "select count(*) from security_events where kind = 'cross_app_refused'
        and detail ->> 'app' = 'market'";
    until(async || app.count(noted).await == 1).await;
    shop.redeem(&token).await.expect(200);
}

#[tokio::test]
async fn line_26_whatever_ended_a_token_the_answer_is_the_same() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let admin = app.admin("admin").await;
    app.member("leo").await;
    let mut answers: Vec<(String, Value)> = Vec::new();
    for how in [
        "unknown",
        "no token",
        "used",
        "expired",
        "revoked",
        "signed out",
        "signed out everywhere",
        "session expired",
        "password changed",
        "account closed",
        "left the account",
        "session gone",
    ] {
        let name = how.replace(' ', "-");
        let ana = app.member(&name).await;
        let account = account(&app, &name, &[(&name, "member"), ("leo", "owner")]).await;
        let wish = json!({ "targetApp": "shop", "accountId": account });
        let issued = ana.post(TOKEN, wish).await.expect(200);
        let mut token = issued["token"].as_str().unwrap().to_owned();
        let (id, row) = (&issued["id"], issued["id"].as_str().unwrap());
        let row = format!("id = '{row}'");
        match how {
            "unknown" => token = "00".repeat(32),
            "no token" => token = "?".to_owned(),
            "used" => _ = shop.redeem(&token).await.expect(200),
            "expired" => {
                let expire = "update cross_app_sessions set expires_at = now() where ";
                _ = app.sql(&format!("{expire}{row}")).await;
            }
            "revoked" => _ = ana.post(REVOKE, json!({ "id": id })).await.expect(200),
            "signed out" => _ = ana.post("/api/auth/logout", json!({})).await.expect(200),
            "signed out everywhere" => {
                let form = json!({ "all": true });
                _ = ana.post("/api/auth/logout", form).await.expect(200);
            }
            "session expired" => {
                let expire = "update user_sessions s set expires_at = now()
                    from cross_app_sessions c where c.session_id = s.id and c.";
                _ = app.sql(&format!("{expire}{row}")).await;
            }
            "password changed" => {
                // From another session, which ends this one.
                let elsewhere = app.visitor();
                let email = format!("{name}@example.com");
                elsewhere.sign_in(&email, PASSWORD).await.expect(200);
                let form =
                    json!({ "currentPassword": PASSWORD, "newPassword": "otra clave larga" });
                let changed = elsewhere.post("/api/auth/change-password", form).await;
                _ = changed.expect(200);
            }
            "account closed" => {
                let me = ana.get("/api/auth/session").await.expect(200);
                let form = json!({ "id": me["user"]["id"], "isActive": false });
                _ = admin.patch("/api/admin/users", form).await.expect(200);
            }
            "left the account" => {
                let me = ana.get("/api/auth/session").await.expect(200);
                let seat = json!({ "userId": me["user"]["id"], "role": null });
                let form = json!({ "id": account, "members": [seat] });
                _ = admin.patch("/api/admin/accounts", form).await.expect(200);
            }
            _ => {
                let end = "delete from user_sessions s using cross_app_sessions c
                    where c.session_id = s.id and c.";
                _ = app.sql(&format!("{end}{row}")).await;
            }
        }
        let answer = shop.redeem(&token).await;
        let mut body = answer.expect_code(401, "token_ended");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Basic realm=\"sabor\"")
        );
        body["requestId"].take();
        answers.push((how.to_owned(), body));
    }
    for (how, body) in &answers {
        assert_eq!(body, &answers[0].1, "{how}");
    }
}

#[tokio::test]
async fn line_26_without_the_right_secret_nothing_is_told_and_nothing_used() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let market = Shop::open(&app, "market").await;
    let ana = app.member("ana").await;
    let token = token_for(&ana, "shop").await;
    let mut wrong = shop.clone();
    for (name, secret) in [
        ("shop", "00".repeat(32)),
        ("shop", market.secret.clone()),
        ("shop", String::new()),
        ("nobody", shop.secret.clone()),
        ("SHOP", shop.secret.clone()),
        ("", shop.secret.clone()),
    ] {
        (wrong.name, wrong.secret) = (name.to_owned(), secret);
        let refused = wrong.redeem(&token).await;
        refused.expect_code(401, "unknown_application");
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Basic realm=\"sabor\"")
        );
    }
    let body = json!({ "token": token });
    // Neither a member nor nobody at all is an application.
    for person in [&ana, &app.visitor()] {
        let refused = person.post(VALIDATE, body.clone()).await;
        refused.expect_code(401, "unknown_application");
    }
    let request = ana
        .request(Method::POST, VALIDATE)
        .bearer_auth(&shop.secret);
    let refused = ana.send(request.json(&body)).await;
    refused.expect_code(401, "unknown_application");

    app.sql("update apps set is_active = false where name = 'shop'")
        .await;
    let refused = shop.redeem(&token).await;
    refused.expect_code(401, "unknown_application");
    app.sql("update apps set is_active = true").await;
    shop.redeem(&token).await.expect(200);
}

#[tokio::test]
async fn whoever_redeems_while_the_session_ends_learns_nothing() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let ana = app.member("ana").await;
    let token = token_for(&ana, "shop").await;
    // Not committed yet: the statement sees the session, and waits for the token.
    let ending = app.hold("delete from user_sessions").await;
    let redeeming = shop.clone();
    let redeemed = tokio::spawn(async move { redeeming.redeem(&token).await });
    until(async || app.waiting().await == 1).await;
    ending.commit().await;
    redeemed.await.unwrap().expect_code(401, "token_ended");
    let used = "select count(*) from cross_app_sessions where used_at is not null";
    assert_eq!(app.count(used).await, 0);
}

#[tokio::test]
async fn an_application_that_is_registered_so_validates_again_while_the_token_lasts() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    app.sql("update apps set single_use = false").await;
    let ana = app.member("ana").await;
    let token = token_for(&ana, "shop").await;
    let used = "select used_at::text from cross_app_sessions";
    shop.redeem(&token).await.expect(200);
    let first: String = app.sql(used).await[0].get(0);
    shop.redeem(&token).await.expect(200);
    let second: String = app.sql(used).await[0].get(0);
    assert!(second > first);
    let noted = "select count(*) from security_events where kind = 'cross_app_signed_in'";
    assert_eq!(app.count(noted).await, 1);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    shop.redeem(&token).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn what_has_ended_does_not_come_back_by_a_change_of_its_application() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let (ana, admin) = (app.member("ana").await, app.admin("admin").await);
    let (used, open) = (token_for(&ana, "shop").await, token_for(&ana, "shop").await);
    shop.redeem(&used).await.expect(200);
    let listed = admin.get("/api/admin/apps").await.expect(200);
    let change = async |field: &str, value: bool| {
        let form = json!({ "id": listed["items"][0]["id"], field: value });
        admin.patch("/api/admin/apps", form).await.expect(200);
    };
    change("singleUse", false).await;
    shop.redeem(&used).await.expect_code(401, "token_ended");
    shop.redeem(&open).await.expect_code(401, "token_ended");
    let open = token_for(&ana, "shop").await;
    change("isActive", false).await;
    change("isActive", true).await;
    shop.redeem(&open).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn a_token_of_another_application_that_has_ended_is_like_any_other() {
    let app = TestApp::start().await;
    let (shop, market) = (
        Shop::open(&app, "shop").await,
        Shop::open(&app, "market").await,
    );
    let ana = app.member("ana").await;
    let used = token_for(&ana, "shop").await;
    shop.redeem(&used).await.expect(200);
    market.redeem(&used).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn a_page_of_another_site_is_no_application_and_a_browser_asks_for_no_password() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let ana = app.member("ana").await;
    let token = token_for(&ana, "shop").await;
    let from = async |origin: &str, secret: &str| {
        let request = reqwest::Client::new().post(format!("{}{VALIDATE}", shop.studio));
        let request = request
            .basic_auth("shop", Some(secret))
            .header("origin", origin);
        let sent = request.json(&json!({ "token": token })).send().await;
        Answer::read(sent.unwrap()).await
    };
    // As with a name and a secret that a browser has kept.
    let refused = from("https://evil.example", &shop.secret).await;
    refused.expect_code(403, "foreign_origin");
    let refused = from(SITE, "wrong").await;
    refused.expect_code(401, "unknown_application");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    shop.redeem(&token).await.expect(200);
}

#[tokio::test]
async fn with_redis_away_tokens_are_issued_and_redeemed_all_the_same() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let ana = app.member("ana").await;
    app.redis.set_mode(Mode::Away).await.unwrap();
    let token = token_for(&ana, "shop").await;
    shop.redeem(&token).await.expect(200);
    shop.redeem(&token).await.expect_code(401, "token_ended");
}

#[tokio::test]
async fn with_postgres_down_the_answer_is_503_and_the_token_good_afterwards() {
    let (app, cluster) = TestApp::on_own_cluster().await;
    let shop = Shop::open(&app, "shop").await;
    let ana = app.member("ana").await;
    let token = token_for(&ana, "shop").await;
    cluster.stop().await.unwrap();
    for answer in [
        shop.redeem(&token).await,
        ana.post(TOKEN, json!({ "targetApp": "shop" })).await,
        ana.post(REVOKE, json!({ "token": token })).await,
    ] {
        answer.expect_code(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    cluster.restart().await.unwrap();
    shop.redeem(&token).await.expect(200);
}

#[tokio::test]
async fn the_archive_is_touched_by_nothing_that_anybody_waits_for() {
    let app = TestApp::start().await;
    let shop = Shop::open(&app, "shop").await;
    let ana = app.member("ana").await;
    // A plan with the archive in it would wait for this.
    let locked = app
        .hold("lock table cross_app_sessions_archive in access exclusive mode")
        .await;
    let token = token_for(&ana, "shop").await;
    shop.redeem(&token).await.expect(200);
    ana.post(REVOKE, json!({ "token": token }))
        .await
        .expect(200);
    ana.get("/api/auth/me").await.expect(200);
    locked.release().await;
}
