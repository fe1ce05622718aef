//! `api/auth/oauth/`, `api/auth/identities.rs` and `api/auth/providers.rs`.
//!
//! The provider `acme` is npm's `oidc-provider`. GitHub cannot run in a test; a
//! fake server responds as GitHub's documentation describes.

mod account_matching;
mod authorization_flow;
mod linking;
mod provider_responses;

use serde_json::{Value, json};

use crate::harness::{OidcProvider, Settings, TestApp, TestClient, TestResponse};

const START_PATH: &str = "/api/auth/oauth/acme";

/// Starts a provider and an application that offers it. Returns `None` if the
/// provider cannot be installed.
async fn start_with_provider() -> Option<(OidcProvider, TestApp)> {
    start_with_provider_and(|settings| settings).await
}

async fn start_with_provider_and(
    change: impl FnOnce(Settings) -> Settings,
) -> Option<(OidcProvider, TestApp)> {
    let oidc = OidcProvider::start().await?;
    oidc.add_account("ana-1", ana_claims()).await;
    let app = TestApp::start_with(change(oidc.settings())).await;
    Some((oidc, app))
}

fn ana_claims() -> Value {
    json!({
        "email": "ana@example.com", "email_verified": true,
        "given_name": "Ana", "family_name": "Reyes",
    })
}

/// Starts a sign-in; returns the authorization URL.
async fn start_sign_in(person: &TestClient, path: &str) -> String {
    let response = person.get(path).await;
    assert_eq!(response.status, 303, "{}", response.text);
    response.header("location").unwrap().to_owned()
}

/// Signs in at the provider as `sub` and returns to the callback.
async fn sign_in_via(
    oidc: &OidcProvider,
    person: &TestClient,
    path: &str,
    sub: &str,
) -> TestResponse {
    let callback = oidc
        .complete_sign_in(&start_sign_in(person, path).await, sub)
        .await;
    person.get(&callback).await
}

async fn sign_in(oidc: &OidcProvider, person: &TestClient, sub: &str) -> TestResponse {
    sign_in_via(oidc, person, START_PATH, sub).await
}

#[track_caller]
fn assert_redirects_to(response: &TestResponse, location: &str) {
    assert_eq!(response.status, 303, "{}", response.text);
    assert_eq!(
        response.header("location"),
        Some(location),
        "{}",
        response.text
    );
}

async fn profile(person: &TestClient) -> Value {
    person.get("/api/auth/me").await.expect(200)
}

async fn user_count(app: &TestApp) -> i64 {
    app.count("select count(*) from users").await
}

async fn identity_count(app: &TestApp) -> i64 {
    app.count("select count(*) from user_identities").await
}

fn with_parameter(url: &str, name: &str, new_value: &str) -> String {
    let (path, query) = url.split_once('?').unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let pairs = pairs.map(|(key, value)| {
        let value = if key == name { new_value.into() } else { value };
        (key, value)
    });
    let mut changed_query = form_urlencoded::Serializer::new(String::new());
    changed_query.extend_pairs(pairs);
    format!("{path}?{}", changed_query.finish())
}

fn without_parameter(url: &str, name: &str) -> String {
    let (path, query) = url.split_once('?').unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut changed_query = form_urlencoded::Serializer::new(String::new());
    changed_query.extend_pairs(pairs.filter(|(key, _)| key != name));
    format!("{path}?{}", changed_query.finish())
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
