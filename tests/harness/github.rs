//! A stand-in for GitHub, because GitHub itself cannot run in a test. The stand-in responds
//! as GitHub's documentation says, at the paths of a GitHub Enterprise server
//! (<https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>,
//! <https://docs.github.com/en/rest/users/users>, <https://docs.github.com/en/rest/users/emails>).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{LocalServer, Settings};

const ACCESS_TOKEN: &str = "gho_test";

/// The running stand-in, which stops when dropped.
pub struct GitHubStandIn {
    shared: Arc<Mutex<Shared>>,
    server: LocalServer,
}

#[derive(Default)]
struct Shared {
    code_challenge: String,
    emails: Value,
}

type SharedState = State<Arc<Mutex<Shared>>>;

impl GitHubStandIn {
    pub async fn start() -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let router = Router::new()
            .route("/login/oauth/access_token", post(exchange))
            .route("/api/v3/user", get(user))
            .route("/api/v3/user/emails", get(emails))
            .with_state(shared.clone());
        let server = LocalServer::start(router).await;
        Self { shared, server }
    }

    /// Returns the settings of an application that offers sign-in with this stand-in.
    pub fn settings(&self) -> Settings {
        Settings::default()
            .with("OAUTH_GITHUB_CLIENT_ID", "Iv1.sabor")
            .with(
                "OAUTH_GITHUB_CLIENT_SECRET",
                "the secret of the test client",
            )
            .with("OAUTH_GITHUB_ISSUER", &self.server.url)
    }

    /// Sets the email addresses of the account that signs in.
    pub fn set_emails(&self, emails: Value) {
        self.shared.lock().unwrap().emails = emails;
    }

    /// Approves a sign-in; returns the path and query of the callback.
    pub fn complete_sign_in(&self, authorize_url: &str) -> String {
        let (endpoint, query) = authorize_url.split_once('?').unwrap();
        assert_eq!(
            endpoint,
            format!("{}/login/oauth/authorize", self.server.url)
        );
        let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        assert_eq!(query["client_id"], "Iv1.sabor");
        assert_eq!(query["scope"], "read:user user:email");
        assert_eq!(query["code_challenge_method"], "S256");
        self.shared.lock().unwrap().code_challenge = query["code_challenge"].to_string();
        let state = &query["state"];
        format!("/api/auth/oauth/callback/github?code=abc&state={state}")
    }
}

/// Exchanges a code for a token. GitHub also sends errors with status 200.
async fn exchange(State(shared): SharedState, headers: HeaderMap, body: Bytes) -> Json<Value> {
    // Without this header GitHub responds with a form-encoded body.
    assert_eq!(headers["accept"], "application/json");
    let form: HashMap<_, _> = form_urlencoded::parse(&body).collect();
    assert_eq!(form["client_secret"], "the secret of the test client");
    let challenge = BASE64.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if form["code"] != "abc" || challenge != shared.lock().unwrap().code_challenge {
        return Json(json!({
            "error": "bad_verification_code",
            "error_description": "The code passed is incorrect or expired.",
            "error_uri": "https://docs.github.com",
        }));
    }
    Json(json!({
        "access_token": ACCESS_TOKEN, "scope": "read:user,user:email", "token_type": "bearer",
    }))
}

async fn user(headers: HeaderMap) -> Json<Value> {
    assert_authorized(&headers);
    Json(json!({
        "login": "anareyes", "id": 583_231, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User",
        "name": "Ana Reyes", "email": null, "site_admin": false,
    }))
}

async fn emails(State(shared): SharedState, headers: HeaderMap) -> Json<Value> {
    assert_authorized(&headers);
    Json(shared.lock().unwrap().emails.clone())
}

fn assert_authorized(headers: &HeaderMap) {
    assert_eq!(headers["authorization"], format!("Bearer {ACCESS_TOKEN}"));
    assert!(headers.contains_key("user-agent"));
}
