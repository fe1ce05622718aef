//! `api/auth/oauth/`, `api/auth/identities.rs`, `api/auth/providers.rs`
//!
//! The provider `acme` is npm's `oidc-provider`. GitHub cannot be reached from
//! here: it is a stand-in of ours, which answers as GitHub's documentation says.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::harness::{
    Answer, GitHub, Mischief, Oidc, PASSWORD, Person, Replaced, Settings, TestApp, claims, until,
};

const START: &str = "/api/auth/oauth/acme";

/// A provider and a deployment that offers it; `None` where it cannot be had.
async fn acme() -> Option<(Oidc, TestApp)> {
    acme_with(|settings| settings).await
}

async fn acme_with(change: impl FnOnce(Settings) -> Settings) -> Option<(Oidc, TestApp)> {
    let oidc = Oidc::start().await?;
    oidc.account("ana-1", ana()).await;
    let app = TestApp::start_with(change(oidc.settings())).await;
    Some((oidc, app))
}

fn ana() -> Value {
    json!({
        "email": "ana@example.com", "email_verified": true,
        "given_name": "Ana", "family_name": "Reyes",
    })
}

/// Where the browser is sent.
async fn begin(person: &Person, path: &str) -> String {
    let answer = person.get(path).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").unwrap().to_owned()
}

/// The whole way: there, in as `sub`, and back.
async fn travel(oidc: &Oidc, person: &Person, path: &str, sub: &str) -> Answer {
    let back = oidc.visit(&begin(person, path).await, sub).await;
    person.get(&back).await
}

async fn sign_in(oidc: &Oidc, person: &Person, sub: &str) -> Answer {
    travel(oidc, person, START, sub).await
}

#[track_caller]
fn assert_leads_to(answer: &Answer, place: &str) {
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header("location"), Some(place), "{}", answer.text);
}

async fn who(person: &Person) -> Value {
    person.get("/api/auth/me").await.expect(200)
}

async fn accounts(app: &TestApp) -> i64 {
    app.count("select count(*) from users").await
}

async fn links(app: &TestApp) -> i64 {
    app.count("select count(*) from user_identities").await
}

/// A member with a password, whose address has been confirmed.
async fn confirmed(app: &TestApp, name: &str) -> Person {
    let member = app.member(name).await;
    app.sql(&format!(
        "update users set email_verified_at = now() where email = '{name}@example.com'"
    ))
    .await;
    member
}

fn with(query: &str, name: &str, value: &str) -> String {
    let (path, query) = query.split_once('?').unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let pairs = pairs.map(|(known, before)| {
        let value = if known == name { value.into() } else { before };
        (known, value)
    });
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{path}?{}", query.finish())
}

fn without(query: &str, name: &str) -> String {
    let (path, query) = query.split_once('?').unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut left = form_urlencoded::Serializer::new(String::new());
    left.extend_pairs(pairs.filter(|(known, _)| known != name));
    format!("{path}?{}", left.finish())
}

fn query_of(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

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
async fn what_goes_out_is_a_code_request_with_pkce_state_and_nonce_for_our_own_address() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let visitor = app.visitor();
    // Whatever host the caller names.
    let request = visitor.request(Method::GET, START);
    let answer = visitor
        .send(request.header("x-forwarded-host", "evil.example"))
        .await;
    let there = answer.header("location").unwrap();
    assert!(there.starts_with(&format!("{}/auth?", oidc.url)), "{there}");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "sabor"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
        (
            "redirect_uri",
            "https://sabor.example/api/auth/oauth/callback/acme",
        ),
    ] {
        assert_eq!(query_of(there, name).as_deref(), Some(value), "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert!(query_of(there, name).unwrap().len() >= 43, "{name}");
    }
    let cookie = answer.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-sabor_oauth="));
    assert_eq!(
        attributes,
        "Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
    );
    // Neither of the two that hold it together is in the table, nor the verifier.
    let rows = app
        .sql("select row_to_json(oauth_states)::text from oauth_states")
        .await;
    let row: String = rows[0].get(0);
    let state = query_of(there, "state").unwrap();
    let held = pair.split_once('=').unwrap().1;
    assert!(!row.contains(&state) && !row.contains(held), "{row}");
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
    elsewhere
        .sign_in("ana@example.com", PASSWORD)
        .await
        .expect(200);
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
async fn a_provider_may_answer_by_a_form_from_its_own_page() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let there = begin(&ana, START).await;
    let form = oidc
        .visit(&format!("{there}&response_mode=form_post"), "ana-1")
        .await;
    // With a session's cookie: old browsers send it along.
    let request = app
        .member("nadia")
        .await
        .request(Method::POST, "/api/auth/oauth/callback/acme")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    let origin = oidc.url.parse().unwrap();
    request.headers_mut().insert("origin", origin);
    let answer = Answer::read(client.execute(request).await.unwrap()).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(answer.header("set-cookie").is_none());
    let back = answer.header("location").unwrap();
    assert!(back.starts_with("/api/auth/oauth/callback/acme?code="));
    assert_leads_to(&ana.get(back).await, "/");
    assert_eq!(who(&ana).await["email"], "ana@example.com");
    let json = ana.post("/api/auth/oauth/callback/acme", json!({})).await;
    json.expect_code(400, "malformed_request");
}

#[tokio::test]
async fn who_declines_is_told_so_in_words_or_on_the_page() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let answer = sign_in(&oidc, &app.visitor(), "nobody").await;
    answer.expect_code(403, "access_denied");
    let visitor = app.visitor();
    let back = oidc.visit(&begin(&visitor, START).await, "nobody").await;
    let request = visitor.request(Method::GET, &back);
    let answer = visitor
        .send(request.header(ACCEPT, "text/html,*/*;q=0.8"))
        .await;
    assert_leads_to(&answer, "/#oauth=access_denied");
    until(async || {
        app.count(
            "select count(*) from security_events where kind = 'provider_sign_in_failed'
            and detail = '{\"provider\": \"acme\", \"code\": \"access_denied\"}'",
        )
        .await
            == 2
    })
    .await;
}

#[tokio::test]
async fn a_state_is_good_once_for_its_provider_in_the_browser_that_began() {
    let Some((oidc, app)) = acme_with(|settings| {
        settings
            .with("OAUTH_GITHUB_CLIENT_ID", "sabor")
            .with("OAUTH_GITHUB_CLIENT_SECRET", "secret")
    })
    .await
    else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let refused = async |person: &Person, path: &str| {
        let answer = person.get(path).await;
        answer.expect_code(400, "oauth_state");
    };
    // Somebody is sent a link to what another has begun.
    refused(&app.visitor(), &back).await;
    let other = app.visitor();
    begin(&other, START).await;
    refused(&other, &back).await;
    refused(&ana, &with(&back, "state", &"ab".repeat(32))).await;
    refused(&ana, &without(&back, "state")).await;
    refused(&ana, &back.replace("/acme?", "/github?")).await;
    // None of these has used it up.
    assert_leads_to(&ana.get(&back).await, "/");
    refused(&ana, &back).await;
    assert_eq!(app.count("select count(*) from oauth_states").await, 1);
}

#[tokio::test]
async fn two_tabs_may_begin_at_once() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let one = begin(&ana, START).await;
    let two = begin(&ana, &format!("{START}?returnTo=/classes")).await;
    assert_leads_to(&ana.get(&oidc.visit(&one, "ana-1").await).await, "/");
    // Signing in in the first tab is no reason to link in the second.
    let answer = ana.get(&oidc.visit(&two, "ana-1").await).await;
    assert_leads_to(&answer, "/classes");
}

#[tokio::test]
async fn a_state_lasts_ten_minutes() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let lasts = "select count(*) from oauth_states
        where expires_at between now() + interval '9 minutes' and now() + interval '10 minutes'";
    assert_eq!(app.count(lasts).await, 1);
    app.sql("update oauth_states set expires_at = now() - interval '1 second'")
        .await;
    ana.get(&back).await.expect_code(400, "oauth_state");
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_own_sign_in() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let code = query_of(&back, "code").unwrap();
    assert_leads_to(&ana.get(&back).await, "/");
    let thief = app.visitor();
    let put_in = async |code: &str| {
        let own = oidc.visit(&begin(&thief, START).await, "ana-1").await;
        let answer = thief.get(&with(&own, "code", code)).await;
        answer.expect_code(400, "oauth_refused");
    };
    put_in(&code).await;
    // One that has not been used does not fit another sign-in's verifier.
    let fresh = app.visitor();
    let back = oidc.visit(&begin(&fresh, START).await, "ana-1").await;
    put_in(&query_of(&back, "code").unwrap()).await;
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn an_id_token_is_believed_only_when_all_that_it_says_fits() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    // Signed again by a known key, it is believed: so the rest is not refused
    // for its signature.
    oidc.claim(|_| {});
    assert_leads_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");

    let now = app.app.clock().now().timestamp();
    let lies: [(&str, Value); 11] = [
        ("nonce", json!("of another sign-in")),
        ("nonce", Value::Null),
        ("aud", json!("another client")),
        ("aud", json!(["sabor", "another client"])),
        ("azp", json!("another client")),
        ("iss", json!("https://other.example")),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("iat", json!(now + 300)),
        ("sub", json!("")),
        ("sub", json!("a".repeat(256))),
    ];
    for (claim, value) in lies {
        let told = format!("{claim}: {value}");
        oidc.claim(move |claims| {
            claims[claim] = value.clone();
            // Else the provider is asked again, and tells of somebody else.
            claims["email"] = json!("ana@example.com");
        });
        let visitor = app.visitor();
        let answer = sign_in(&oidc, &visitor, "ana-1").await;
        assert_eq!(answer.status, 400, "{told}: {}", answer.text);
        answer.expect_code(400, "oauth_refused");
        assert!(!visitor.is_signed_in().await, "{told}");
    }
    // A minute is not held against a provider's clock.
    oidc.claim(move |claims| {
        claims["exp"] = json!(now - 20);
        claims["iat"] = json!(now + 20);
        claims["aud"] = json!(["another client", "sabor"]);
        claims["azp"] = json!("sabor");
    });
    assert_leads_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
}

#[tokio::test]
async fn the_time_of_an_id_token_is_judged_by_our_clock() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    app.app.clock().advance(TimeDelta::hours(2));
    ana.get(&back).await.expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn an_id_token_without_a_good_signature_says_nothing() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let headed = |header: Value| {
        move |token: &str| {
            let claims = token.split('.').nth(1).unwrap();
            let header = BASE64.encode(header.to_string());
            format!("{header}.{claims}.{}", BASE64.encode("signature"))
        }
    };
    let altered = |token: &str| {
        let mut claims = claims(token);
        claims["email"] = json!("admin@example.com");
        let parts: Vec<_> = token.split('.').collect();
        let claims = BASE64.encode(claims.to_string());
        format!("{}.{claims}.{}", parts[0], parts[2])
    };
    let unsigned = |token: &str| {
        let claims = token.split('.').nth(1).unwrap();
        let header = BASE64.encode(json!({ "alg": "none" }).to_string());
        format!("{header}.{claims}.")
    };
    let tokens: [Replaced; 8] = [
        Arc::new(altered),
        Arc::new(unsigned),
        Arc::new(headed(json!({ "alg": "none" }))),
        Arc::new(headed(json!({ "alg": "HS256", "kid": "of-the-proxy" }))),
        Arc::new(headed(json!({ "alg": "ES256", "kid": "of-the-proxy" }))),
        Arc::new(headed(json!({ "alg": "RS256", "kid": "of-the-proxy" }))),
        Arc::new(headed(json!({ "alg": "ES256", "kid": "unheard of" }))),
        Arc::new(|_: &str| "no token".to_owned()),
    ];
    for (at, token) in tokens.into_iter().enumerate() {
        oidc.misbehave(Mischief::Token(token));
        let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
        assert_eq!(answer.status, 400, "{at}: {}", answer.text);
        answer.expect_code(400, "oauth_refused");
    }
    assert_eq!(accounts(&app).await, 0);
}

#[tokio::test]
async fn each_algorithm_by_which_only_the_provider_can_sign_is_understood() {
    let Some(oidc) = Oidc::start().await else {
        return;
    };
    oidc.account("ana-1", ana()).await;
    let app = TestApp::start_with(oidc.settings()).await;
    for algorithm in ["RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"] {
        let client = format!("sabor-{algorithm}");
        let settings = oidc.settings().with("OAUTH_ACME_CLIENT_ID", client);
        let app = app.another_with(settings).await;
        assert_leads_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
    }
    // What else there is, a provider may sign by as well; it is not taken.
    let settings = oidc.settings().with("OAUTH_ACME_CLIENT_ID", "sabor-HS256");
    let app = app.another_with(settings).await;
    let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
    answer.expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn what_a_provider_publishes_is_read_once_and_its_keys_again_when_one_is_new() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    const METADATA: &str = "/.well-known/openid-configuration";
    for _ in 0..3 {
        assert_leads_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
    }
    assert_eq!((oidc.calls(METADATA), oidc.calls("/jwks")), (1, 1));
    let token = |token: &str| {
        let (_, rest) = token.split_once('.').unwrap();
        let header = r#"{"alg":"RS256","kid":"a-new-one"}"#;
        let header =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header);
        format!("{header}.{rest}")
    };
    oidc.misbehave(Mischief::Token(Arc::new(token)));
    let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
    answer.expect_code(400, "oauth_refused");
    assert_eq!(oidc.calls("/jwks"), 2);
}

#[tokio::test]
async fn what_is_said_of_somebody_else_is_not_taken_for_the_one_who_signs_in() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    oidc.misbehave(Mischief::Userinfo(Arc::new(|told| {
        told["sub"] = json!("somebody-else");
    })));
    let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
    answer.expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn a_provider_that_says_it_is_another_is_not_used() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let foreign = |told: &mut Value| told["issuer"] = json!("https://other.example");
    oidc.misbehave(Mischief::Metadata(Arc::new(foreign)));
    let answer = app.visitor().get(START).await;
    answer.expect_code(503, "unavailable");
    let script = |told: &mut Value| told["authorization_endpoint"] = json!("javascript:alert(1)");
    oidc.misbehave(Mischief::Metadata(Arc::new(script)));
    let answer = app.visitor().get(START).await;
    answer.expect_code(503, "unavailable");
}

#[tokio::test]
async fn an_answer_in_another_providers_name_is_refused() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let foreign = with(&back, "iss", "https://other.example");
    ana.get(&foreign).await.expect_code(400, "oauth_refused");
    // This one says that it always names itself.
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let nameless = without(&back, "iss");
    ana.get(&nameless).await.expect_code(400, "oauth_refused");
    let back = oidc.visit(&begin(&ana, START).await, "ana-1").await;
    let twice = format!("{back}&code=another");
    ana.get(&twice).await.expect_code(400, "malformed_request");
}

#[tokio::test]
async fn a_provider_that_is_down_or_slow_is_not_waited_for() {
    let patience = Duration::from_millis(500);
    let Some((oidc, app)) = acme_with(|settings| Settings {
        provider_deadline: Some(patience),
        ..settings
    })
    .await
    else {
        return;
    };
    let ana = app.visitor();
    let backs = [
        oidc.visit(&begin(&ana, START).await, "ana-1").await,
        oidc.visit(&begin(&ana, START).await, "ana-1").await,
    ];
    for (mischief, back) in [Mischief::Down, Mischief::Silent].into_iter().zip(backs) {
        oidc.misbehave(mischief);
        let started = std::time::Instant::now();
        let answer = ana.get(&back).await;
        answer.expect_code(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    let elsewhere = app.another_with(Settings {
        provider_deadline: Some(patience),
        ..oidc
            .settings()
            .with("OAUTH_ACME_ISSUER", "http://127.0.0.1:9")
    });
    let answer = elsewhere.await.visitor().get(START).await;
    answer.expect_code(503, "unavailable");
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn it_leads_back_to_a_path_of_this_site_and_nowhere_else() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    let path = format!("{START}?returnTo=%2Fclasses%3Fstyle%3Dsalsa%23week&remember=true");
    let answer = travel(&oidc, &ana, &path, "ana-1").await;
    assert_leads_to(&answer, "/classes?style=salsa#week");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    let session = cookies[0].to_str().unwrap();
    assert!(session.contains("Max-Age=2592000"), "{session}");
    for foreign in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "/%09/evil.example",
        "/%0d%0aset-cookie:a=b",
        "javascript:alert(1)",
        "evil.example",
        "",
    ] {
        let path = format!("{START}?returnTo={foreign}");
        let answer = app.visitor().get(&path).await;
        let body = answer.expect_code(400, "validation_failed");
        assert!(body["details"]["returnTo"].is_array(), "{foreign}");
    }
    let answer = app.visitor().get("/api/auth/oauth/nobody").await;
    answer.expect_code(404, "not_found");
}

#[tokio::test]
async fn a_member_links_a_provider_and_unlinks_it_again() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    // Under another address, which nobody has confirmed: its owner is here.
    let nadia = app.member("nadia").await;
    let before = nadia.cookie();
    let answer = sign_in(&oidc, &nadia, "ana-1").await;
    assert_leads_to(&answer, "/");
    assert_eq!(nadia.cookie(), before);
    assert_eq!((accounts(&app).await, links(&app).await), (1, 1));
    let phone = app.visitor();
    sign_in(&oidc, &phone, "ana-1").await;
    assert_eq!(who(&phone).await["email"], "nadia@example.com");
    let ways = nadia.get("/api/auth/identities").await.expect(200);
    assert_eq!(ways["hasPassword"], true);
    assert_eq!(ways["items"][0]["provider"], "acme");
    assert_eq!(ways["items"][0]["email"], "ana@example.com");
    let id = ways["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/auth/identities?id={id}");
    // Another member cannot.
    let other = app.member("eva").await;
    other.delete(&path).await.expect_code(404, "not_found");
    nadia.delete(&path).await.expect(200);
    nadia.delete(&path).await.expect_code(404, "not_found");
    assert_eq!(links(&app).await, 0);
    let mails = "select count(*) from mail_outbox where recipient = 'nadia@example.com'
        and kind in ('identity_linked', 'identity_unlinked')";
    assert_eq!(app.count(mails).await, 2);
}

#[tokio::test]
async fn whoever_holds_a_session_of_old_links_no_way_in_of_their_own() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let nadia = app.member("nadia").await;
    app.sql("update user_sessions set created_at = created_at - interval '11 minutes'")
        .await;
    let answer = sign_in(&oidc, &nadia, "ana-1").await;
    answer.expect_code(403, "sign_in_again");
    assert_eq!(links(&app).await, 0);
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    oidc.account("ana-2", ana()).await;
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    let ids = async || -> Vec<String> {
        let ways = ana.get("/api/auth/identities").await.expect(200);
        let items = ways["items"].as_array().unwrap();
        items
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let unlink = async |id: &String| {
        let path = format!("/api/auth/identities?id={id}");
        ana.copy().delete(&path).await
    };
    let answer = unlink(&ids().await[0]).await;
    answer.expect_code(409, "last_way_in");
    sign_in(&oidc, &ana, "ana-2").await;
    let both = ids().await;
    assert_eq!(both.len(), 2);
    // Of two at once, one waits for the other and sees what it has done.
    let held = app.hold("select id from users for update").await;
    let released = async {
        until(async || app.waiting().await == 2).await;
        held.release().await;
    };
    let (answers, ()) = join(join_all(both.iter().map(unlink)), released).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    // A link to a provider that is not offered any more lets nobody in.
    sign_in(&oidc, &ana, "ana-1").await;
    sign_in(&oidc, &ana, "ana-2").await;
    app.sql("update user_identities set provider = 'gone' where subject = 'ana-2'")
        .await;
    let rows = app
        .sql("select id::text from user_identities where provider = 'acme'")
        .await;
    let answer = unlink(&rows[0].get(0)).await;
    answer.expect_code(409, "last_way_in");
}

#[tokio::test]
async fn another_members_account_at_the_provider_cannot_be_linked() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    sign_in(&oidc, &app.visitor(), "ana-1").await;
    let nadia = app.member("nadia").await;
    let answer = sign_in(&oidc, &nadia, "ana-1").await;
    answer.expect_code(409, "identity_taken");
    assert_eq!(who(&nadia).await["email"], "nadia@example.com");
    assert_eq!(links(&app).await, 1);
}

#[tokio::test]
async fn no_other_site_begins_a_linking() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    oidc.account(
        "mallory",
        json!({ "email": "mallory@example.com", "email_verified": true }),
    )
    .await;
    for site in ["cross-site", "same-site"] {
        let nadia = app.member(site).await;
        let request = nadia.request(Method::GET, START);
        let answer = nadia.send(request.header("sec-fetch-site", site)).await;
        let there = answer.header("location").unwrap();
        let answer = nadia.get(&oidc.visit(there, "mallory").await).await;
        assert_leads_to(&answer, "/");
        // It was an ordinary sign-in, and the member's account has no new door.
        assert_eq!(who(&nadia).await["email"], "mallory@example.com");
    }
    assert_eq!(links(&app).await, 1);
}

#[tokio::test]
async fn a_linking_ends_with_the_session_or_the_epoch_that_it_began_under() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let nadia = app.member("nadia").await;
    let back = oidc.visit(&begin(&nadia, START).await, "ana-1").await;
    nadia.post("/api/auth/logout", json!({})).await.expect(200);
    nadia.get(&back).await.expect_code(400, "oauth_state");
    let sign_in = async || {
        let answer = nadia.sign_in("nadia@example.com", PASSWORD).await;
        answer.expect(200);
    };
    sign_in().await;
    // Also when it ends while the provider is asked.
    let back = oidc.visit(&begin(&nadia, START).await, "ana-1").await;
    let release = Arc::new(tokio::sync::Notify::new());
    oidc.misbehave(Mischief::Held(release.clone()));
    let ended = async {
        until(async || oidc.calls("/token") == 1).await;
        app.sql("delete from user_sessions").await;
        release.notify_one();
    };
    let (answer, ()) = join(nadia.get(&back), ended).await;
    answer.expect_code(401, "session_gone");
    oidc.misbehave(Mischief::None);
    sign_in().await;
    let back = oidc.visit(&begin(&nadia, START).await, "ana-1").await;
    // It ends all other sessions, and keeps this one.
    let form = json!({ "currentPassword": PASSWORD, "newPassword": "otra contraseña larga" });
    nadia
        .post("/api/auth/change-password", form)
        .await
        .expect(200);
    nadia.get(&back).await.expect_code(400, "oauth_state");
    assert!(nadia.is_signed_in().await);
    assert_eq!(links(&app).await, 0);
}

#[tokio::test]
async fn a_member_without_a_password_shows_anew_who_they_are_by_their_provider() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    app.sql("update user_sessions set created_at = created_at - interval '11 minutes'")
        .await;
    let answer = ana.post("/api/auth/two-factor", json!({})).await;
    answer.expect_code(403, "sign_in_again");
    let before = ana.copy();
    assert_leads_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    assert_ne!(ana.cookie(), before.cookie());
    assert!(!before.is_signed_in().await);
    ana.post("/api/auth/two-factor", json!({}))
        .await
        .expect(200);
}

/// Sets a second factor up; returns what the app on the telephone knows.
async fn second_factor(app: &TestApp, person: &Person, password: Option<&str>) -> Vec<u8> {
    let begun = person
        .post(
            "/api/auth/two-factor",
            json!({ "currentPassword": password }),
        )
        .await
        .expect(200);
    let secret = base32(begun["secret"].as_str().unwrap());
    let code = sabor::totp::code_at(&secret, app.app.clock().now()).unwrap();
    let confirm = person
        .request(Method::PUT, "/api/auth/two-factor")
        .json(&json!({ "code": code }));
    person.send(confirm).await.expect(200);
    secret
}

/// RFC 4648 § 6, without padding.
fn base32(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let values = text.chars().map(|c| alphabet.find(c).unwrap());
    let bits: String = values.map(|value| format!("{value:05b}")).collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_a_provider_too() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let ana = app.visitor();
    sign_in(&oidc, &ana, "ana-1").await;
    let secret = second_factor(&app, &ana, None).await;
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
    app.app.clock().advance(TimeDelta::seconds(30));
    let code = sabor::totp::code_at(&secret, app.app.clock().now()).unwrap();
    let answer = phone.post("/api/auth/login", json!({ "code": code })).await;
    answer.expect(200);
    assert_eq!(who(&phone).await["email"], "ana@example.com");
    // A program is told as it is after a password.
    let answer = sign_in(&oidc, &app.visitor(), "ana-1").await;
    let body = answer.expect_code(401, "two_factor_required");
    assert!(body["challenge"].is_string());
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
async fn the_executables_do_as_much_whatever_address_they_are_called_by() {
    let Some((oidc, app)) = acme().await else {
        return;
    };
    let start = app
        .function(env!("CARGO_BIN_EXE_auth-oauth-provider"))
        .await;
    let back = app.function(env!("CARGO_BIN_EXE_auth-oauth-callback-provider"));
    let back = back.await;
    let ana = app.visitor().at_url(&start.url);
    let there = begin(&ana, "/api/auth/oauth/[provider]?provider=acme").await;
    let path = oidc.visit(&there, "ana-1").await;
    let path = path.replace("/acme?", "/[provider]?provider=acme&");
    let ana = ana.at_url(&back.url);
    assert_leads_to(&ana.get(&path).await, "/");
    assert!(ana.at(&app).is_signed_in().await);
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
async fn beginnings_and_failures_are_limited_by_address() {
    let Some((_oidc, app)) = acme().await else {
        return;
    };
    let visitor = app.visitor();
    for _ in 0..15 {
        begin(&visitor, START).await;
        let answer = visitor.get("/api/auth/oauth/callback/acme").await;
        answer.expect_code(400, "oauth_state");
    }
    visitor
        .get(START)
        .await
        .expect_code(429, "too_many_requests");
    let answer = visitor.get("/api/auth/oauth/callback/acme").await;
    answer.expect_code(429, "too_many_requests");
}

#[tokio::test]
async fn the_providers_that_are_set_up_are_listed_for_everybody() {
    let settings = Settings::default()
        .with("OAUTH_GOOGLE_CLIENT_ID", "a")
        .with("OAUTH_GOOGLE_CLIENT_SECRET", "b")
        .with("OAUTH_GITHUB_CLIENT_ID", "a")
        .with("OAUTH_GITHUB_CLIENT_SECRET", "b");
    let app = TestApp::start_with(settings).await;
    let listed = app.visitor().get("/api/auth/providers").await.expect(200);
    assert_eq!(
        listed["items"],
        json!([
            { "name": "github", "label": "GitHub" },
            { "name": "google", "label": "Google" },
        ])
    );
    let none = TestApp::start().await;
    let listed = none.visitor().get("/api/auth/providers").await.expect(200);
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn github_is_asked_who_somebody_is_and_vouches_for_the_primary_address() {
    let github = GitHub::start().await;
    let app = TestApp::start_with(github.settings()).await;
    let address = |email: &str, primary: bool, verified: bool| {
        json!({
            "email": email, "primary": primary, "verified": verified, "visibility": "private",
        })
    };
    let visit = async |person: &Person| {
        let there = begin(person, "/api/auth/oauth/github").await;
        person.get(&github.visit(&there)).await
    };
    github.addresses(json!([
        address("other@example.com", false, true),
        address("ana@example.com", true, false),
    ]));
    let answer = visit(&app.visitor()).await;
    answer.expect_code(403, "email_unverified");
    github.addresses(json!([
        address("other@example.com", false, true),
        address("ana@example.com", true, true),
    ]));
    let ana = app.visitor();
    assert_leads_to(&visit(&ana).await, "/");
    let made = who(&ana).await;
    assert_eq!(made["email"], "ana@example.com");
    assert_eq!(
        (&made["firstName"], &made["lastName"]),
        (&json!("Ana"), &json!("Reyes"))
    );
    let stranger = app.visitor();
    let there = begin(&stranger, "/api/auth/oauth/github").await;
    let back = with(&github.visit(&there), "code", "wrong");
    stranger.get(&back).await.expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn a_client_that_shows_its_secret_in_the_form_is_one_too() {
    let Some(oidc) = Oidc::start().await else {
        return;
    };
    oidc.account("ana-1", ana()).await;
    let settings = oidc.settings().with("OAUTH_ACME_CLIENT_ID", "sabor-post");
    let app = TestApp::start_with(settings).await;
    let post = |told: &mut Value| {
        told["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    };
    oidc.misbehave(Mischief::Metadata(Arc::new(post)));
    assert_leads_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
}
