//! A sign-in provider: npm's `oidc-provider`, which is certified by the OpenID
//! Foundation, in a process of its own; and a proxy before it that alters what
//! it says where a story wants a provider that misbehaves.
//!
//! What is altered in an ID token is signed again, by a key that the proxy adds
//! to those of the provider: only so is it refused for what it says, and not
//! for its signature.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
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
use tokio::task::JoinHandle;

use super::packages::{install_script, node_packages};
use super::{SITE, Settings};

/// Where the provider sends browsers, but for its name.
const CALLBACK: &str = "/api/auth/oauth/callback";

/// Changes the claims of an ID token before it is signed again.
type ClaimsRewrite = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// Makes another token of an ID token.
pub type TokenRewrite = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What the proxy does with what passes it.
#[derive(Clone, Default)]
pub enum ProviderFault {
    /// Nothing.
    #[default]
    None,
    /// Signs other claims.
    Claims(ClaimsRewrite),
    /// Replaces the whole token.
    IdToken(TokenRewrite),
    /// Changes the discovery document.
    Metadata(ClaimsRewrite),
    /// Changes what the provider says when it is asked who somebody is.
    Userinfo(ClaimsRewrite),
    /// Answers 503 to everything.
    Unavailable,
    /// Answers nothing within the story.
    Unresponsive,
    /// Exchanges no code before it is told to.
    HoldTokenRequest(Arc<Notify>),
}

/// The provider that the stories know as `acme`.
pub struct OidcProvider {
    /// Its issuer.
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
    #[expect(dead_code, reason = "it ends with this")]
    process: Child,
}

struct Shared {
    /// Of the real provider.
    port: u16,
    http: reqwest::Client,
    key: EcdsaKeyPair,
    fault: Mutex<ProviderFault>,
    calls: Mutex<Vec<String>>,
}

impl OidcProvider {
    /// `None`: it cannot be had here.
    pub async fn start() -> Option<Self> {
        let folder = node_packages().await?;
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let source = include_str!("oidc_provider.mjs");
        let script = install_script(&folder, "oidc_provider.mjs", source);
        let mut process = Command::new("node")
            .arg(script)
            .arg(&url)
            .arg(format!("{SITE}{CALLBACK}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).await.unwrap();
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let shared = Arc::new(Shared {
            port: line.trim().parse().unwrap(),
            http: browser(),
            key: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap(),
            fault: Mutex::default(),
            calls: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(shared.clone());
        let server = tokio::spawn(async move {
            sabor_testing::functions::serve(listener, router)
                .await
                .unwrap();
        });
        Some(Self {
            url,
            shared,
            server,
            process,
        })
    }

    /// What makes a deployment offer it.
    pub fn settings(&self) -> Settings {
        Settings::default()
            .with("OAUTH_ACME_CLIENT_ID", "sabor")
            .with(
                "OAUTH_ACME_CLIENT_SECRET",
                "a secret of the stories, long enough",
            )
            .with("OAUTH_ACME_ISSUER", &self.url)
    }

    /// An account at the provider, with these claims.
    pub async fn add_account(&self, sub: &str, claims: Value) {
        let address = format!("http://127.0.0.1:{}/accounts/{sub}", self.shared.port);
        let sent = self.shared.http.post(address).json(&claims).send();
        assert!(sent.await.unwrap().status().is_success());
    }

    /// What goes wrong from now on.
    pub fn set_fault(&self, fault: ProviderFault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Other claims from now on, in ID tokens that are signed all the same.
    pub fn rewrite_claims(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.set_fault(ProviderFault::Claims(Arc::new(change)));
    }

    /// How often an address was asked for.
    pub fn request_count(&self, path: &str) -> usize {
        let calls = self.shared.calls.lock().unwrap();
        calls.iter().filter(|call| *call == path).count()
    }

    /// What a browser does at the provider: goes where it was sent, and there
    /// signs in as `sub`, or declines as `nobody`. Returns where it is sent
    /// back to: path and query, or the fields of a form.
    pub async fn complete_sign_in(&self, authorize: &str, sub: &str) -> String {
        let mut address = format!("{authorize}&login_hint={sub}");
        let mut jar = BTreeMap::new();
        for _ in 0..10 {
            let cookies: Vec<String> = jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request = self.shared.http.get(&address);
            let request = request.header(COOKIE, cookies.join("; "));
            let answer = request.send().await.unwrap();
            for set in answer.headers().get_all(SET_COOKIE) {
                let pair = set.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                jar.insert(name.to_owned(), value.to_owned());
            }
            let Some(location) = answer.headers().get(LOCATION) else {
                // The page whose form a browser sends by itself.
                return fields(&answer.text().await.unwrap());
            };
            let location = location.to_str().unwrap();
            if let Some(back) = location.strip_prefix(SITE) {
                return back.to_owned();
            }
            address = match location.strip_prefix('/') {
                Some(path) => format!("{}/{path}", self.url),
                None => location.to_owned(),
            };
        }
        panic!("{address} leads nowhere");
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn browser() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(Policy::none());
    builder.timeout(Duration::from_secs(20)).build().unwrap()
}

/// The hidden fields of a page, as its form is sent.
fn fields(page: &str) -> String {
    let inputs = page.split("<input").skip(1).map(|input| {
        let of = |name: &str| {
            let start = input.split_once(&format!("{name}=\"")).unwrap().1;
            start.split_once('"').unwrap().0.replace("&#x2F;", "/")
        };
        (of("name"), of("value"))
    });
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(inputs);
    let form = form.finish();
    assert!(!form.is_empty(), "{page}");
    form
}

async fn pass(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = shared.fault.lock().unwrap().clone();
    shared.calls.lock().unwrap().push(uri.path().to_owned());
    match fault {
        ProviderFault::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        ProviderFault::HoldTokenRequest(ref release) if uri.path() == "/token" => {
            release.notified().await
        }
        ProviderFault::Unresponsive => tokio::time::sleep(Duration::from_secs(60)).await,
        _ => {}
    }
    let address = format!("http://127.0.0.1:{}{uri}", shared.port);
    let mut request = shared.http.request(method, address).body(body);
    // `Host` too, so that it names addresses of the proxy.
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let mut response = status.into_response();
    for (name, value) in answer.headers() {
        if name != "content-length" && name != "transfer-encoding" {
            response.headers_mut().append(name, value.clone());
        }
    }
    let text = answer.bytes().await.unwrap();
    let body = match serde_json::from_slice::<Value>(&text) {
        Ok(mut told) if status.is_success() => {
            shared.alter(uri.path(), &fault, &mut told);
            told.to_string().into()
        }
        _ => text,
    };
    *response.body_mut() = body.into();
    response
}

impl Shared {
    fn alter(&self, path: &str, fault: &ProviderFault, told: &mut Value) {
        match (path, fault) {
            ("/jwks", _) => {
                let keys = told["keys"].as_array_mut().unwrap();
                keys.push(self.jwk());
            }
            ("/token", ProviderFault::Claims(change)) => {
                let mut claims = decode_claims(told["id_token"].as_str().unwrap());
                change(&mut claims);
                told["id_token"] = json!(self.sign(&claims));
            }
            ("/token", ProviderFault::IdToken(change)) => {
                told["id_token"] = json!(change(told["id_token"].as_str().unwrap()));
            }
            ("/.well-known/openid-configuration", ProviderFault::Metadata(change))
            | ("/me", ProviderFault::Userinfo(change)) => change(told),
            _ => {}
        }
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "of-the-proxy",
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": "of-the-proxy" }).to_string();
        let signed = format!(
            "{}.{}",
            BASE64.encode(header),
            BASE64.encode(claims.to_string())
        );
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(signature.unwrap()))
    }
}

/// The claims of a token, whoever signed it.
pub fn decode_claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()
}
