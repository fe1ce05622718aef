//! Tests which account a provider sign-in opens or creates.

use futures_util::future::{join, join_all};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;

use super::{
    START_PATH, ana_claims, assert_redirects_to, identity_count, profile, sign_in, start_sign_in,
    start_with_provider, user_count,
};
use crate::harness::{Authenticator, PASSWORD, wait_until};

#[tokio::test]
async fn the_first_sign_in_creates_an_account_and_the_next_one_finds_it() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let first_browser = app.visitor();
    assert_redirects_to(&sign_in(&oidc, &first_browser, "ana-1").await, "/");
    let first_profile = profile(&first_browser).await;
    assert_eq!(first_profile["email"], "ana@example.com");
    assert_eq!(first_profile["name"], "Ana Reyes");
    assert_eq!(first_profile["emailVerified"], true);
    // A changed email at the provider does not matter: the subject identifies
    // the member.
    let mut changed_claims = ana_claims();
    changed_claims["email"] = json!("reyes@example.com");
    oidc.add_account("ana-1", changed_claims).await;
    let second_browser = app.visitor();
    assert_redirects_to(&sign_in(&oidc, &second_browser, "ana-1").await, "/");
    let second_profile = profile(&second_browser).await;
    assert_eq!(
        (&second_profile["id"], &second_profile["email"]),
        (&first_profile["id"], &first_profile["email"])
    );
    assert_eq!(user_count(&app).await, 1);
    let sessions = second_browser.get("/api/sessions").await.expect(200);
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2);
    let sign_in_methods = second_browser.get("/api/auth/identities").await.expect(200);
    assert_eq!(sign_in_methods["hasPassword"], false);
    assert_eq!(sign_in_methods["items"][0]["email"], "reyes@example.com");
}

#[tokio::test]
async fn a_new_account_gets_the_language_of_the_browser() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let browser = app.visitor();
    let authorization_url = start_sign_in(&browser, START_PATH).await;
    let callback = oidc.complete_sign_in(&authorization_url, "ana-1").await;
    let request = browser.request(Method::GET, &callback);
    let response = browser
        .send(request.header("accept-language", "es-ES,en;q=0.5"))
        .await;
    assert_redirects_to(&response, "/");
    assert_eq!(profile(&browser).await["locale"], "es");
}

#[tokio::test]
async fn an_account_with_the_same_verified_email_is_linked_and_its_owner_notified() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.member("ana").await;
    let phone = app.visitor();
    assert_redirects_to(&sign_in(&oidc, &phone, "ana-1").await, "/");
    assert_eq!(profile(&phone).await["id"], profile(&ana).await["id"]);
    assert_eq!((user_count(&app).await, identity_count(&app).await), (1, 1));
    let notices = "select count(*) from mail_outbox where kind = 'identity_linked'
        and recipient = 'ana@example.com' and payload #>> '{notice,other}' = 'Acme'";
    assert_eq!(app.count(notices).await, 1);
    let log_entries = "select count(*) from security_events where kind = 'identity_linked'
        and detail ->> 'provider' = 'acme'";
    assert_eq!(app.count(log_entries).await, 1);
    // The password still works.
    phone.sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn a_provider_sign_in_with_a_verified_address_replaces_the_registration_of_an_impostor() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let impostor = app.unconfirmed_member("ana").await;
    let details = json!({ "firstName": "Mallory", "phone": "555 0100" });
    impostor.patch("/api/auth/me", details).await.expect(200);
    app.sql(
        "insert into user_identities (id, user_id, provider, subject)
        select gen_random_uuid(), id, 'acme', 'mallory' from users",
    )
    .await;
    let owner = app.visitor();
    assert_redirects_to(&sign_in(&oidc, &owner, "ana-1").await, "/");
    let profile = profile(&owner).await;
    assert_eq!(profile["email"], "ana@example.com");
    assert_eq!(profile["name"], "Ana Reyes");
    assert_eq!(profile["emailVerified"], true);
    assert_eq!(profile["phone"], json!(null));
    assert!(!impostor.is_signed_in().await);
    impostor.sign_in_as("ana").await.expect(401);
    assert_eq!((user_count(&app).await, identity_count(&app).await), (1, 1));
}

#[tokio::test]
async fn a_provider_sign_in_in_the_browser_that_registered_keeps_the_registration() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    // In the first application, the browser is signed in. In the second, the cookie of the
    // registration shows that it is the same browser.
    let settings = oidc.settings().with("REQUIRE_EMAIL_VERIFICATION", "true");
    let strict_app = app.start_another_with(settings).await;
    for app in [&app, &strict_app] {
        let ana = app.visitor();
        let form = json!({ "email": "ana@example.com", "password": PASSWORD, "name": "Anita" });
        ana.post("/api/auth/register", form).await;
        assert_redirects_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
        let profile = profile(&ana).await;
        assert_eq!(
            (&profile["firstName"], &profile["emailVerified"]),
            (&json!("Anita"), &json!(true))
        );
        app.visitor().sign_in_as("ana").await.expect(200);
        app.sql("delete from users").await;
    }
}

#[tokio::test]
async fn an_email_reassigned_at_the_provider_does_not_open_the_account() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    oidc.add_account("ana-2", ana_claims()).await;
    let new_owner = app.visitor();
    let response = sign_in(&oidc, &new_owner, "ana-2").await;
    response.expect_code(409, "account_exists");
    assert_eq!(identity_count(&app).await, 1);
}

#[tokio::test]
async fn an_email_not_verified_by_the_provider_opens_and_creates_no_account() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    app.member("ana").await;
    let mut claims = ana_claims();
    for value in [json!(false), json!("false"), json!(1), json!(null)] {
        claims["email_verified"] = value;
        oidc.add_account("mallory", claims.clone()).await;
        let response = sign_in(&oidc, &app.visitor(), "mallory").await;
        response.expect_code(403, "email_unverified");
    }
    claims["email"] = json!("mallory@example.com");
    oidc.add_account("mallory", claims).await;
    let response = sign_in(&oidc, &app.visitor(), "mallory").await;
    response.expect_code(403, "email_unverified");
    assert_eq!((user_count(&app).await, identity_count(&app).await), (1, 0));
}

#[tokio::test]
async fn a_provider_does_not_bypass_required_email_verification() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let nadia = app.unconfirmed_member("nadia").await;
    // Links the provider to Nadia's account, because she is signed in.
    assert_redirects_to(&sign_in(&oidc, &nadia, "ana-1").await, "/");
    let settings = oidc.settings().with("REQUIRE_EMAIL_VERIFICATION", "true");
    let strict_app = app.start_another_with(settings).await;
    let phone = strict_app.visitor();
    let response = sign_in(&oidc, &phone, "ana-1").await;
    response.expect_code(403, "email_not_verified");
    assert!(!phone.is_signed_in().await);
}

#[tokio::test]
async fn a_deactivated_account_is_neither_opened_nor_recreated() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    app.sql("update users set is_active = false").await;
    let response = sign_in(&oidc, &app.visitor(), "ana-1").await;
    response.expect_code(403, "account_closed");
    app.sql("delete from user_identities").await;
    let response = sign_in(&oidc, &app.visitor(), "ana-1").await;
    response.expect_code(403, "account_closed");
    assert_eq!((user_count(&app).await, identity_count(&app).await), (1, 0));
}

#[tokio::test]
async fn concurrent_first_sign_ins_create_one_member() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let mut callbacks = Vec::new();
    for _ in 0..6 {
        let person = app.visitor();
        let callback = oidc
            .complete_sign_in(&start_sign_in(&person, START_PATH).await, "ana-1")
            .await;
        callbacks.push((person, callback));
    }
    let responses = join_all(
        callbacks
            .iter()
            .map(|(person, callback)| person.get(callback)),
    )
    .await;
    for response in &responses {
        assert_redirects_to(response, "/");
    }
    assert_eq!((user_count(&app).await, identity_count(&app).await), (1, 1));
    assert_eq!(app.count("select count(*) from user_sessions").await, 6);
}

#[tokio::test]
async fn a_sign_in_finds_an_identity_that_is_linked_at_the_same_time() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    app.sql("update user_identities set subject = 'not yet'")
        .await;
    let person = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&person, START_PATH).await, "ana-1")
        .await;
    // The lock stops the sign-in after it has looked up the identity and before it looks up
    // the account.
    let locks = app
        .hold_locks(
            "lock table users in access exclusive mode;
            update user_identities set subject = 'ana-1'",
        )
        .await;
    let link_identity = async {
        wait_until(async || app.blocked_statements().await == 1).await;
        locks.commit().await;
    };
    let (response, ()) = join(person.get(&callback), link_identity).await;
    assert_redirects_to(&response, "/");
    assert_eq!((user_count(&app).await, identity_count(&app).await), (1, 1));
}

#[tokio::test]
async fn session_data_is_kept_and_the_device_is_recognized_next_time() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    ana.visit_twice().await;
    let old_client = ana.copy();
    assert_redirects_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    assert_ne!(ana.cookie(), old_client.cookie());
    let session_data = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(session_data["visits"], 3);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    assert_redirects_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    let notices = "select count(*) from mail_outbox where kind = 'new_device'";
    assert_eq!(app.count(notices).await, 0);
    assert_redirects_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
    assert_eq!(app.count(notices).await, 1);
}

#[tokio::test]
async fn a_provider_sign_in_also_requires_the_second_factor() {
    if !Authenticator::is_available().await {
        return;
    }
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    let (authenticator, _) = Authenticator::enroll(&app, &ana, None).await;
    let phone = app.visitor();
    let path = format!("{START_PATH}?returnTo=/classes?a=b&remember=true");
    let callback = oidc
        .complete_sign_in(&start_sign_in(&phone, &path).await, "ana-1")
        .await;
    let request = phone.request(Method::GET, &callback);
    let response = phone.send(request.header(ACCEPT, "text/html")).await;
    assert_redirects_to(&response, "/account#two-factor=%2Fclasses%3Fa%3Db");
    assert!(!phone.is_signed_in().await);
    let cookie = response.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sabor_challenge="), "{cookie}");
    assert!(cookie.contains("Max-Age=300"), "{cookie}");
    let code = authenticator.code(&app).await;
    let response = phone.post("/api/auth/login", json!({ "code": code })).await;
    response.expect(200);
    assert_eq!(profile(&phone).await["email"], "ana@example.com");
    // An API client gets the same response as after a password.
    let response = sign_in(&oidc, &app.visitor(), "ana-1").await;
    let body = response.expect_code(401, "two_factor_required");
    assert!(body["challenge"].is_string());
}
