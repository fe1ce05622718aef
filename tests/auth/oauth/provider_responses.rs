//! Tests how the responses of a provider are validated.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    START_PATH, ana_claims, assert_redirects_to, profile, sign_in, start_sign_in,
    start_with_provider, user_count, with_parameter,
};
use crate::harness::{
    GitHubStandIn, OidcProvider, ProviderFault, Settings, TestApp, TestClient, TokenRewrite,
    decode_claims,
};

#[tokio::test]
async fn an_id_token_is_accepted_only_if_every_claim_is_valid() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    // A token that is signed again with a known key is accepted, so the tokens
    // below are not rejected for their signature.
    oidc.rewrite_claims(|_| {});
    assert_redirects_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");

    let now = app.app.clock().now().timestamp();
    let invalid_claims: [(&str, Value); 14] = [
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
        ("sub", json!("ana\u{0}1")),
        ("sub", json!("\u{0}")),
        ("sub", json!("ana\n1")),
    ];
    for (claim, value) in invalid_claims {
        let description = format!("{claim}: {value}");
        oidc.rewrite_claims(move |claims| {
            claims[claim] = value.clone();
            // Without a verified email, the userinfo endpoint would be called.
            claims["email"] = json!("ana@example.com");
            claims["email_verified"] = json!(true);
        });
        let visitor = app.visitor();
        let response = sign_in(&oidc, &visitor, "ana-1").await;
        assert_eq!(response.status, 400, "{description}: {}", response.text);
        response.expect_code(400, "oauth_refused");
        assert!(!visitor.is_signed_in().await, "{description}");
    }
    // Clock differences of up to a minute are tolerated.
    oidc.rewrite_claims(move |claims| {
        claims["exp"] = json!(now - 20);
        claims["iat"] = json!(now + 20);
        claims["aud"] = json!(["another client", "sabor"]);
        claims["azp"] = json!("sabor");
    });
    assert_redirects_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
}

#[tokio::test]
async fn id_token_expiry_is_checked_against_the_clock_of_the_application() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let ana = app.visitor();
    let callback = oidc
        .complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
        .await;
    app.app.clock().advance(TimeDelta::hours(2));
    ana.get(&callback).await.expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn an_id_token_without_a_valid_signature_is_rejected() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let with_header = |header: Value| {
        move |token: &str| {
            let claims = token.split('.').nth(1).unwrap();
            let header = BASE64.encode(header.to_string());
            format!("{header}.{claims}.{}", BASE64.encode("signature"))
        }
    };
    let altered = |token: &str| {
        let mut claims = decode_claims(token);
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
    let rewrites: [TokenRewrite; 8] = [
        Arc::new(altered),
        Arc::new(unsigned),
        Arc::new(with_header(json!({ "alg": "none" }))),
        Arc::new(with_header(json!({ "alg": "HS256", "kid": "proxy-key" }))),
        Arc::new(with_header(json!({ "alg": "ES256", "kid": "proxy-key" }))),
        Arc::new(with_header(json!({ "alg": "RS256", "kid": "proxy-key" }))),
        Arc::new(with_header(json!({ "alg": "ES256", "kid": "unknown" }))),
        Arc::new(|_: &str| "no token".to_owned()),
    ];
    for (index, rewrite) in rewrites.into_iter().enumerate() {
        oidc.set_fault(ProviderFault::IdToken(rewrite));
        let response = sign_in(&oidc, &app.visitor(), "ana-1").await;
        assert_eq!(response.status, 400, "{index}: {}", response.text);
        response.expect_code(400, "oauth_refused");
    }
    assert_eq!(user_count(&app).await, 0);
}

#[tokio::test]
async fn every_asymmetric_signing_algorithm_is_supported() {
    let Some(oidc) = OidcProvider::start().await else {
        return;
    };
    oidc.add_account("ana-1", ana_claims()).await;
    let app = TestApp::start_with(oidc.settings()).await;
    for algorithm in ["RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"] {
        // The test provider has a client for each algorithm.
        let client_id = format!("sabor-{algorithm}");
        let settings = oidc.settings().with("OAUTH_ACME_CLIENT_ID", client_id);
        let app = app.start_another_with(settings).await;
        assert_redirects_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
    }
    // Symmetric algorithms are rejected.
    let settings = oidc.settings().with("OAUTH_ACME_CLIENT_ID", "sabor-HS256");
    let app = app.start_another_with(settings).await;
    let response = sign_in(&oidc, &app.visitor(), "ana-1").await;
    response.expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn metadata_is_fetched_once_and_keys_are_fetched_again_for_an_unknown_key_id() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    const METADATA: &str = "/.well-known/openid-configuration";
    for _ in 0..3 {
        assert_redirects_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
    }
    assert_eq!(
        (oidc.request_count(METADATA), oidc.request_count("/jwks")),
        (1, 1)
    );
    let with_unknown_key_id = |token: &str| {
        let (_, rest) = token.split_once('.').unwrap();
        let header = r#"{"alg":"RS256","kid":"a-new-key"}"#;
        let header =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header);
        format!("{header}.{rest}")
    };
    oidc.set_fault(ProviderFault::IdToken(Arc::new(with_unknown_key_id)));
    let response = sign_in(&oidc, &app.visitor(), "ana-1").await;
    response.expect_code(400, "oauth_refused");
    assert_eq!(oidc.request_count("/jwks"), 2);
}

#[tokio::test]
async fn an_address_that_only_the_userinfo_endpoint_verifies_is_accepted() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let with_email = |email: &'static str, verified: Value| {
        move |claims: &mut Value| {
            claims["email"] = json!(email);
            claims["email_verified"] = verified.clone();
        }
    };
    // The ID token has the address, and the userinfo says that it is verified.
    oidc.rewrite_claims(with_email("ana@example.com", Value::Null));
    let ana = app.visitor();
    assert_redirects_to(&sign_in(&oidc, &ana, "ana-1").await, "/");
    assert_eq!(profile(&ana).await["email"], "ana@example.com");
    assert_eq!(profile(&ana).await["firstName"], "Ana");
    // The userinfo verifies its own address, and not that of the ID token.
    let luis_claims = json!({ "email": "luis@example.com", "email_verified": true });
    oidc.add_account("luis-1", luis_claims).await;
    oidc.rewrite_claims(with_email("admin@example.com", Value::Null));
    let person = app.visitor();
    assert_redirects_to(&sign_in(&oidc, &person, "luis-1").await, "/");
    assert_eq!(profile(&person).await["email"], "luis@example.com");
    // An address that the ID token calls unverified stays unverified.
    oidc.add_account(
        "eva-1",
        json!({ "email": "eva@example.com", "email_verified": true }),
    )
    .await;
    oidc.rewrite_claims(with_email("eva@example.com", json!(false)));
    let response = sign_in(&oidc, &app.visitor(), "eva-1").await;
    response.expect_code(403, "email_unverified");
    // Neither response says that the address is verified.
    oidc.add_account("max-1", json!({ "email": "max@example.com" }))
        .await;
    oidc.rewrite_claims(with_email("max@example.com", Value::Null));
    let response = sign_in(&oidc, &app.visitor(), "max-1").await;
    response.expect_code(403, "email_unverified");
}

#[tokio::test]
async fn userinfo_about_another_subject_is_rejected() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    oidc.set_fault(ProviderFault::Userinfo(Arc::new(|userinfo| {
        userinfo["sub"] = json!("somebody-else");
    })));
    let response = sign_in(&oidc, &app.visitor(), "ana-1").await;
    response.expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn metadata_with_another_issuer_or_an_unsafe_endpoint_is_rejected() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let set_foreign_issuer =
        |metadata: &mut Value| metadata["issuer"] = json!("https://other.example");
    oidc.set_fault(ProviderFault::Metadata(Arc::new(set_foreign_issuer)));
    let response = app.visitor().get(START_PATH).await;
    response.expect_code(503, "unavailable");
    let set_script_endpoint =
        |metadata: &mut Value| metadata["authorization_endpoint"] = json!("javascript:alert(1)");
    oidc.set_fault(ProviderFault::Metadata(Arc::new(set_script_endpoint)));
    let response = app.visitor().get(START_PATH).await;
    response.expect_code(503, "unavailable");
}

#[tokio::test]
async fn a_sign_in_fails_soon_if_the_provider_is_unavailable_or_does_not_respond() {
    let Some((oidc, app)) = start_with_provider().await else {
        return;
    };
    let app_with_short_deadline = app
        .start_another_with(Settings {
            provider_time_limit: Some(Duration::from_millis(500)),
            ..oidc.settings()
        })
        .await;
    let ana = app.visitor();
    let callbacks = [
        oidc.complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
            .await,
        oidc.complete_sign_in(&start_sign_in(&ana, START_PATH).await, "ana-1")
            .await,
    ];
    for (fault, callback) in [ProviderFault::Unavailable, ProviderFault::Unresponsive]
        .into_iter()
        .zip(callbacks)
    {
        oidc.set_fault(fault);
        let start = std::time::Instant::now();
        let response = ana
            .connected_to(&app_with_short_deadline)
            .get(&callback)
            .await;
        response.expect_code(503, "unavailable");
        assert!(response.header("retry-after").is_some());
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    let unreachable_provider = oidc
        .settings()
        .with("OAUTH_ACME_ISSUER", "http://127.0.0.1:9");
    let app_with_unreachable_provider = app.start_another_with(unreachable_provider);
    let response = app_with_unreachable_provider
        .await
        .visitor()
        .get(START_PATH)
        .await;
    response.expect_code(503, "unavailable");
    assert!(!ana.is_signed_in().await);
}

#[tokio::test]
async fn configured_providers_are_listed_publicly() {
    let settings = Settings::default()
        .with("OAUTH_GOOGLE_CLIENT_ID", "a")
        .with("OAUTH_GOOGLE_CLIENT_SECRET", "b")
        .with("OAUTH_GITHUB_CLIENT_ID", "a")
        .with("OAUTH_GITHUB_CLIENT_SECRET", "b");
    let app = TestApp::start_with(settings).await;
    let providers = app.visitor().get("/api/auth/providers").await.expect(200);
    assert_eq!(
        providers["items"],
        json!([
            { "name": "github", "label": "GitHub" },
            { "name": "google", "label": "Google" },
        ])
    );
    let app_without_providers = TestApp::start().await;
    let providers = app_without_providers
        .visitor()
        .get("/api/auth/providers")
        .await
        .expect(200);
    assert_eq!(providers["items"], json!([]));
}

#[tokio::test]
async fn github_sign_in_uses_the_verified_primary_email() {
    let github = GitHubStandIn::start().await;
    let app = TestApp::start_with(github.settings()).await;
    let address = |email: &str, primary: bool, verified: bool| {
        json!({
            "email": email, "primary": primary, "verified": verified, "visibility": "private",
        })
    };
    let sign_in_with_github = async |person: &TestClient| {
        let authorize_url = start_sign_in(person, "/api/auth/oauth/github").await;
        person.get(&github.complete_sign_in(&authorize_url)).await
    };
    github.set_emails(json!([
        address("other@example.com", false, true),
        address("ana@example.com", true, false),
    ]));
    let response = sign_in_with_github(&app.visitor()).await;
    response.expect_code(403, "email_unverified");
    github.set_emails(json!([
        address("other@example.com", false, true),
        address("ana@example.com", true, true),
    ]));
    let ana = app.visitor();
    assert_redirects_to(&sign_in_with_github(&ana).await, "/");
    let ana_profile = profile(&ana).await;
    assert_eq!(ana_profile["email"], "ana@example.com");
    assert_eq!(
        (&ana_profile["firstName"], &ana_profile["lastName"]),
        (&json!("Ana"), &json!("Reyes"))
    );
    let other_client = app.visitor();
    let authorize_url = start_sign_in(&other_client, "/api/auth/oauth/github").await;
    let callback = with_parameter(&github.complete_sign_in(&authorize_url), "code", "wrong");
    other_client
        .get(&callback)
        .await
        .expect_code(400, "oauth_refused");
}

#[tokio::test]
async fn client_secret_post_is_supported() {
    let Some(oidc) = OidcProvider::start().await else {
        return;
    };
    oidc.add_account("ana-1", ana_claims()).await;
    let settings = oidc.settings().with("OAUTH_ACME_CLIENT_ID", "sabor-post");
    let app = TestApp::start_with(settings).await;
    let set_client_secret_post = |metadata: &mut Value| {
        metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    };
    oidc.set_fault(ProviderFault::Metadata(Arc::new(set_client_secret_post)));
    assert_redirects_to(&sign_in(&oidc, &app.visitor(), "ana-1").await, "/");
}
