//! Which account a provider leads to, or makes.

use futures_util::future::{join, join_all};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;

use super::{START, accounts, acme, ana, assert_leads_to, begin, confirmed, links, sign_in, who};
use crate::harness::{Authenticator, until};

#[tokio::test]
async fn a_new_member_gets_an_account_and_the_next_time_the_same() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let first = app.visitor();
    assert_leads_to(&sign_in(&oidc, &first, "ana-1").await, "/");
    let made = who(&first).await;
    assert_eq!(made["email"], "ana@example.com");
    assert_eq!(made["name"], "Ana Reyes");
    assert_eq!(made["emailVerified"], true);
    // The address may change at the provider: it is not what one is known by.
    let mut moved = ana();
    moved["email"] = json!("reyes@example.com");
    oidc.account("ana-1", moved).await;
    let second = app.visitor();
    assert_leads_to(&sign_in(&oidc, &second, "ana-1").await, "/");
    let again = who(&second).await;
    assert_eq!(
        (&again["id"], &again["email"]),
        (&made["id"], &made["email"])
    );
    assert_eq!(accounts(&app).await, 1);
    let sessions = second.get("/api/sessions").await.expect(200);
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2);
    let ways = second.get("/api/auth/identities").await.expect(200);
    assert_eq!(ways["hasPassword"], false);
    assert_eq!(ways["items"][0]["email"], "reyes@example.com");
}

#[tokio::test]
async fn an_account_with_the_same_confirmed_address_is_linked_and_its_owner_told() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = confirmed(&app, "ana").await;
    let elsewhere = app.visitor();
    assert_leads_to(&sign_in(&oidc, &elsewhere, "ana-1").await, "/");
    assert_eq!(who(&elsewhere).await["id"], who(&ana).await["id"]);
    assert_eq!((accounts(&app).await, links(&app).await), (1, 1));
    let told = "select count(*) from mail_outbox where kind = 'identity_linked'
        and recipient = 'ana@example.com' and payload #>> '{notice,other}' = 'Acme'";
    assert_eq!(app.count(told).await, 1);
    let noted = "select count(*) from security_events where kind = 'identity_linked'
        and detail ->> 'provider' = 'acme'";
    assert_eq!(app.count(noted).await, 1);
    // The password is still one.
    elsewhere.sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn an_account_whose_address_nobody_confirmed_is_not_linked_by_itself() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    // Whoever registered may have used somebody else's address.
    app.member("ana").await;
    let owner = app.visitor();
    let answer = sign_in(&oidc, &owner, "ana-1").await;
    answer.expect_code(409, "account_exists");
    assert!(!owner.is_signed_in().await);
    assert_eq!((accounts(&app).await, links(&app).await), (1, 0));
}

#[tokio::test]
async fn an_address_that_has_changed_hands_at_the_provider_leads_to_no_account() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    oidc.account("ana-2", ana()).await;
    let heir = app.visitor();
    let answer = sign_in(&oidc, &heir, "ana-2").await;
    answer.expect_code(409, "account_exists");
    assert_eq!(links(&app).await, 1);
}

#[tokio::test]
async fn an_address_that_the_provider_does_not_vouch_for_opens_and_makes_nothing() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    confirmed(&app, "ana").await;
    let mut claims = ana();
    for told in [json!(false), json!("false"), json!(1), json!(null)] {
        claims["email_verified"] = told;
        oidc.account("mallory", claims.clone()).await;
        let answer = sign_in(&oidc, &app.visitor(), "mallory").await;
        answer.expect_code(403, "email_unverified");
    }
    claims["email"] = json!("mallory@example.com");
    oidc.account("mallory", claims).await;
    let answer = sign_in(&oidc, &app.visitor(), "mallory").await;
    answer.expect_code(403, "email_unverified");
    assert_eq!((accounts(&app).await, links(&app).await), (1, 0));
}

#[tokio::test]
async fn where_addresses_are_to_be_confirmed_a_provider_is_no_way_around() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let nadia = app.member("nadia").await;
    assert_leads_to(&sign_in(&oidc, &nadia, "ana-1").await, "/");
    let settings = oidc.settings().with("REQUIRE_EMAIL_VERIFICATION", "true");
    let strict = app.another_with(settings).await;
    let phone = strict.visitor();
    let answer = sign_in(&oidc, &phone, "ana-1").await;
    answer.expect_code(403, "email_not_verified");
    assert!(!phone.is_signed_in().await);
}

#[tokio::test]
async fn a_closed_account_is_not_entered_and_no_other_made() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    app.sql("update users set is_active = false").await;
    let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
    answer.expect_code(403, "account_closed");
    app.sql("delete from user_identities").await;
    let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
    answer.expect_code(403, "account_closed");
    assert_eq!((accounts(&app).await, links(&app).await), (1, 0));
}

#[tokio::test]
async fn two_who_come_at_once_are_one_member() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let mut backs = Vec::new();
    for _ in 0..6 {
        let person = app.visitor();
        let back = oidc.visit(&begin(&person, START).await, "ana-1").await;
        backs.push((person, back));
    }
    let answers = join_all(backs.iter().map(|(person, back)| person.get(back))).await;
    for answer in &answers {
        assert_leads_to(answer, "/");
    }
    assert_eq!((accounts(&app).await, links(&app).await), (1, 1));
    assert_eq!(app.count("select count(*) from user_sessions").await, 6);
}

#[tokio::test]
async fn who_finds_an_account_just_made_looks_for_its_link_again() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    app.sql("update user_identities set subject = 'not yet'")
        .await;
    let person = app.visitor();
    let back = oidc.visit(&begin(&person, START).await, "ana-1").await;
    // The link has been looked for, and the account not yet.
    let held = app
        .hold(
            "lock table users in access exclusive mode;
            update user_identities set subject = 'ana-1'",
        )
        .await;
    let linked = async {
        until(async || app.waiting().await == 1).await;
        held.commit().await;
    };
    let (answer, ()) = join(person.get(&back), linked).await;
    assert_leads_to(&answer, "/");
    assert_eq!((accounts(&app).await, links(&app).await), (1, 1));
}

#[tokio::test]
async fn the_data_of_a_visit_go_along_and_the_device_is_known_the_next_time() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    ana.get("/api/session/test-session").await.expect(200);
    let anonymous = ana.copy();
    assert_leads_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    assert_ne!(ana.cookie(), anonymous.cookie());
    let later = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(later["visits"], 2);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    assert_leads_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    let told = "select count(*) from mail_outbox where kind = 'new_device'";
    assert_eq!(app.count(told).await, 0);
    assert_leads_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
    assert_eq!(app.count(told).await, 1);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_a_provider_too() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    let (authenticator, _) = Authenticator::enrol(&app, &ana, None).await;
    let phone = app.visitor();
    let path = format!("{START}?returnTo=/classes?a=b&remember=true");
    let back = oidc.visit(&begin(&phone, &path).await, "ana-1").await;
    let request = phone.request(Method::GET, &back);
    let answer = phone.send(request.header(ACCEPT, "text/html")).await;
    assert_leads_to(&answer, "/#two-factor=%2Fclasses%3Fa%3Db");
    assert!(!phone.is_signed_in().await);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sabor_challenge="), "{cookie}");
    assert!(cookie.contains("Max-Age=300"), "{cookie}");
    let code = authenticator.code(&app);
    let answer = phone.post("/api/auth/login", json!({ "code": code })).await;
    answer.expect(200);
    assert_eq!(who(&phone).await["email"], "ana@example.com");
    // A program is told as it is after a password.
    let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
    let body = answer.expect_code(401, "two_factor_required");
    assert!(body["challenge"].is_string());
}
