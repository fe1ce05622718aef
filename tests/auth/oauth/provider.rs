//! What a provider says of itself and of whoever signs in, and how far it is believed.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{START, accounts, acme, acme_with, ana, assert_leads_to, begin, sign_in, who, with};
use crate::harness::{GitHub, Mischief, Oidc, Person, Replaced, Settings, TestApp, claims};

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
