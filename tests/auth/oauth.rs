//! `api/auth/oauth/`, `api/auth/identities.rs`, `api/auth/providers.rs`
//!
//! The provider `acme` is npm's `oidc-provider`. GitHub cannot be reached from
//! here: it is a stand-in of ours, which answers as GitHub's documentation says.

mod account;
mod linking;
mod provider;
mod round_trip;

use serde_json::{Value, json};

use crate::harness::{Answer, Oidc, Person, Settings, TestApp};

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
