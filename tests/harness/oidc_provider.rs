//! A sign-in provider: npm's `oidc-provider`, which is certified by the OpenID
//! Foundation, behind a proxy that can modify its responses.
//!
//! The proxy signs a modified ID token with a key that it adds to the provider's
//! keys. Otherwise the token would be rejected for its signature, not for its
//! content.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::packages::{install_script, node_packages, start_node};
use super::{LocalServer, SITE, Settings};

/// The path of the callback, without the provider's name.
const CALLBACK_PATH: &str = "/api/auth/oauth/callback";

/// Modifies a JSON object in a response.
type JsonRewrite = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// Replaces an ID token.
pub type TokenRewrite = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// The fault that the proxy simulates.
#[derive(Clone, Default)]
pub enum ProviderFault {
    /// No fault.
    #[default]
    None,
    /// Modifies the claims of the ID token and signs it again.
    Claims(JsonRewrite),
    /// Replaces the ID token.
    IdToken(TokenRewrite),
    /// Modifies the discovery document.
    Metadata(JsonRewrite),
    /// Modifies the userinfo response.
    Userinfo(JsonRewrite),
    /// Every request gets a 503.
    Unavailable,
    /// No request gets a response within a minute.
    Unresponsive,
    /// Token requests wait until they are released.
    HoldTokenRequest(Arc<Notify>),
}

/// The running provider, configured as `acme`, which is killed when dropped.
pub struct OidcProvider {
    shared: Arc<Shared>,
    server: LocalServer,
    _process: Child,
}

struct Shared {
    /// The port of the provider behind the proxy.
    port: u16,
    http: reqwest::Client,
    key: EcdsaKeyPair,
    fault: Mutex<ProviderFault>,
    requested_paths: Mutex<Vec<String>>,
}

impl OidcProvider {
    /// Starts the provider. Returns `None` if it cannot be installed.
    pub async fn start() -> Option<Self> {
        let folder = node_packages().await?;
        let (listener, url) = LocalServer::bind().await;
        let source = include_str!("oidc_provider.mjs");
        let script = install_script(&folder, "oidc_provider.mjs", source);
        let (process, port) = start_node(async || {
            let mut process = Command::new("node")
                .arg(&script)
                .arg(&url)
                .arg(format!("{SITE}{CALLBACK_PATH}"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut line = String::new();
            let mut stdout = BufReader::new(process.stdout.take().unwrap());
            stdout.read_line(&mut line).await.unwrap();
            (process, line.trim().parse().unwrap())
        })
        .await;
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let shared = Arc::new(Shared {
            port,
            http: http_client(),
            key: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap(),
            fault: Mutex::default(),
            requested_paths: Mutex::default(),
        });
        let router = Router::new().fallback(forward).with_state(shared.clone());
        let server = LocalServer::serve(listener, url, router);
        Some(Self {
            shared,
            server,
            _process: process,
        })
    }

    /// Returns the URL of the proxy, which is the provider's issuer.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Returns the settings of an application that offers sign-in with this provider.
    pub fn settings(&self) -> Settings {
        Settings::default()
            .with("OAUTH_ACME_CLIENT_ID", "sabor")
            .with(
                "OAUTH_ACME_CLIENT_SECRET",
                "a secret of the tests, long enough",
            )
            .with("OAUTH_ACME_ISSUER", self.url())
    }

    /// Adds or replaces an account with these claims at the provider.
    pub async fn add_account(&self, sub: &str, claims: Value) {
        let url = format!("http://127.0.0.1:{}/accounts/{sub}", self.shared.port);
        let response = self.shared.http.post(url).json(&claims).send();
        assert!(response.await.unwrap().status().is_success());
    }

    /// Sets the fault of all further requests.
    pub fn set_fault(&self, fault: ProviderFault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Modifies the claims of all further ID tokens.
    pub fn rewrite_claims(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.set_fault(ProviderFault::Claims(Arc::new(change)));
    }

    /// Returns the number of requests to a path.
    pub fn request_count(&self, path: &str) -> usize {
        let paths = self.shared.requested_paths.lock().unwrap();
        paths.iter().filter(|requested| *requested == path).count()
    }

    /// Signs in at the provider as `sub`, or declines if `sub` is `nobody`. Returns
    /// the path and query of the callback, or the fields of the form that is posted
    /// to it.
    pub async fn complete_sign_in(&self, authorize_url: &str, sub: &str) -> String {
        let mut url = format!("{authorize_url}&login_hint={sub}");
        let mut cookie_jar = BTreeMap::new();
        for _ in 0..10 {
            let cookies: Vec<String> = cookie_jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request = self.shared.http.get(&url);
            let request = request.header(COOKIE, cookies.join("; "));
            let response = request.send().await.unwrap();
            for set_cookie in response.headers().get_all(SET_COOKIE) {
                let pair = set_cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                cookie_jar.insert(name.to_owned(), value.to_owned());
            }
            let Some(location) = response.headers().get(LOCATION) else {
                // A page with a form that the browser submits automatically.
                return hidden_fields(&response.text().await.unwrap());
            };
            let location = location.to_str().unwrap();
            if let Some(callback) = location.strip_prefix(SITE) {
                return callback.to_owned();
            }
            url = match location.strip_prefix('/') {
                Some(path) => format!("{}/{path}", self.url()),
                None => location.to_owned(),
            };
        }
        panic!("{url} does not lead back to the site");
    }
}

fn http_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(Policy::none());
    builder.timeout(Duration::from_secs(60)).build().unwrap()
}

/// Returns the hidden fields of a page, encoded as a form.
fn hidden_fields(page: &str) -> String {
    let inputs = page.split("<input").skip(1).map(|input| {
        let attribute = |name: &str| {
            let value = input.split_once(&format!("{name}=\"")).unwrap().1;
            value.split_once('"').unwrap().0.replace("&#x2F;", "/")
        };
        (attribute("name"), attribute("value"))
    });
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(inputs);
    let form = form.finish();
    assert!(!form.is_empty(), "{page}");
    form
}

async fn forward(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = shared.fault.lock().unwrap().clone();
    shared
        .requested_paths
        .lock()
        .unwrap()
        .push(uri.path().to_owned());
    match fault {
        ProviderFault::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        ProviderFault::HoldTokenRequest(ref release) if uri.path() == "/token" => {
            release.notified().await
        }
        ProviderFault::Unresponsive => tokio::time::sleep(Duration::from_secs(60)).await,
        _ => {}
    }
    let url = format!("http://127.0.0.1:{}{uri}", shared.port);
    let mut request = shared.http.request(method, url).body(body);
    // `Host` is included, so that the provider uses the proxy's address.
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let original = request.send().await.unwrap();
    let status = original.status();
    let mut response = status.into_response();
    for (name, value) in original.headers() {
        if name != "content-length" && name != "transfer-encoding" {
            response.headers_mut().append(name, value.clone());
        }
    }
    let bytes = original.bytes().await.unwrap();
    let body = match serde_json::from_slice::<Value>(&bytes) {
        Ok(mut object) if status.is_success() => {
            shared.modify(uri.path(), &fault, &mut object);
            object.to_string().into()
        }
        _ => bytes,
    };
    *response.body_mut() = body.into();
    response
}

impl Shared {
    fn modify(&self, path: &str, fault: &ProviderFault, object: &mut Value) {
        match (path, fault) {
            ("/jwks", _) => {
                let keys = object["keys"].as_array_mut().unwrap();
                keys.push(self.jwk());
            }
            ("/token", ProviderFault::Claims(change)) => {
                let mut claims = decode_claims(object["id_token"].as_str().unwrap());
                change(&mut claims);
                object["id_token"] = json!(self.sign(&claims));
            }
            ("/token", ProviderFault::IdToken(change)) => {
                object["id_token"] = json!(change(object["id_token"].as_str().unwrap()));
            }
            ("/.well-known/openid-configuration", ProviderFault::Metadata(change))
            | ("/me", ProviderFault::Userinfo(change)) => change(object),
            _ => {}
        }
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "proxy-key",
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": "proxy-key" }).to_string();
        let signing_input = format!(
            "{}.{}",
            BASE64.encode(header),
            BASE64.encode(claims.to_string())
        );
        let signature = self
            .key
            .sign(&SystemRandom::new(), signing_input.as_bytes());
        format!("{signing_input}.{}", BASE64.encode(signature.unwrap()))
    }
}

/// Returns the claims of a token without checking its signature.
pub fn decode_claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(claims).unwrap()).unwrap()
}
