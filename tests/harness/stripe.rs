//! Stripe, as far as these stories need it.
//!
//! Checkout Sessions are answered by a small server of ours, for PyPI's
//! `localstripe` does not know them: with the shapes that Stripe's API reference
//! records (<https://docs.stripe.com/api/checkout/sessions/object>,
//! <https://docs.stripe.com/api/refunds/object>), and with the few rules that
//! our client counts on: keys, ends, what is open. What `localstripe` does know,
//! which is payment intents and their refunds, is told by [`LocalStripe`].

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use ring::hmac;
use sabor::runtime::clock::Clock;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::{Settings, TestApp, TestClient, TestResponse};

const SECRET_KEY: &str = "sk_test_of_these_stories";
const WEBHOOK_SECRET: &str = "whsec_of_these_stories";

/// What goes wrong with the next request.
#[derive(Clone, Copy, Debug)]
pub enum StripeFault {
    /// Not done, and answered with this status.
    Status(u16),
    /// Done, and the answer lost.
    ResponseLost,
    /// Not done, and no answer within the story.
    Unresponsive,
    /// Not done; the failure is kept under the key.
    StoredError,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub method: String,
    pub path: String,
    pub form: HashMap<String, String>,
    pub key: Option<String>,
}

/// The stand-in.
pub struct FakeStripe {
    pub url: String,
    state: Arc<Mutex<Account>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Account {
    clock: Clock,
    sessions: HashMap<String, Value>,
    refunds: HashMap<String, Value>,
    keys: HashMap<String, StoredResponse>,
    faults: VecDeque<StripeFault>,
    calls: Vec<RecordedRequest>,
    refund_status: Option<&'static str>,
    made: usize,
}

struct StoredResponse {
    form: HashMap<String, String>,
    status: u16,
    body: Value,
}

type Shared = Arc<Mutex<Account>>;

impl FakeStripe {
    pub async fn start() -> Self {
        let state = Shared::default();
        let router = Router::new().fallback(serve).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            sabor_testing::functions::serve(listener, router)
                .await
                .unwrap();
        });
        Self { url, state, server }
    }

    /// What makes a deployment use it.
    pub fn settings(&self) -> Settings {
        settings(&self.url)
    }

    /// What goes wrong with the next requests, one after another.
    pub fn fail_next(&self, faults: &[StripeFault]) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// What becomes of refunds from now on, `succeeded` unless told.
    pub fn set_refund_status(&self, status: &'static str) {
        self.state.lock().unwrap().refund_status = Some(status);
    }

    /// What becomes of a refund that was begun.
    pub fn update_refund(&self, id: &str, status: &str) -> Value {
        let mut state = self.state.lock().unwrap();
        let refund = state.refunds.get_mut(id).unwrap();
        refund["status"] = json!(status);
        refund.clone()
    }

    /// The requests that came to this path, in order.
    pub fn requests(&self, method: &str, path: &str) -> Vec<RecordedRequest> {
        let state = self.state.lock().unwrap();
        let calls = state.calls.iter();
        calls
            .filter(|call| call.method == method && call.path == path)
            .cloned()
            .collect()
    }

    /// All sessions there are.
    pub fn sessions(&self) -> Vec<Value> {
        self.state
            .lock()
            .unwrap()
            .sessions
            .values()
            .cloned()
            .collect()
    }

    /// All refunds there are.
    pub fn refunds(&self) -> Vec<Value> {
        self.state
            .lock()
            .unwrap()
            .refunds
            .values()
            .cloned()
            .collect()
    }

    /// The session behind a checkout's address.
    pub fn session_by_url(&self, url: &Value) -> Value {
        let sessions = self.sessions();
        let found = sessions.iter().find(|session| session["url"] == *url);
        found
            .unwrap_or_else(|| panic!("no session at {url}"))
            .clone()
    }

    /// Somebody pays: the session as Stripe tells of it then.
    pub fn complete_checkout(&self, session: &Value) -> Value {
        self.change(session, |session| {
            let intent = session["id"].as_str().unwrap().replace("cs_", "pi_");
            session["payment_intent"] = json!(intent);
            session["status"] = json!("complete");
            session["payment_status"] = json!("paid");
            session["url"] = Value::Null;
        })
    }

    /// Somebody tries to pay in a way that takes days.
    pub fn complete_checkout_without_payment(&self, session: &Value) -> Value {
        let session = self.complete_checkout(session);
        self.change(&session, |session| {
            session["payment_status"] = json!("unpaid")
        })
    }

    /// Its time is up.
    pub fn expire_checkout(&self, session: &Value) -> Value {
        self.change(session, |session| {
            session["status"] = json!("expired");
            session["url"] = Value::Null;
        })
    }

    fn change(&self, session: &Value, how: impl FnOnce(&mut Value)) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = session["id"].as_str().unwrap();
        let session = state.sessions.get_mut(id).unwrap();
        how(session);
        session.clone()
    }
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn settings(url: &str) -> Settings {
    Settings::default()
        .with("STRIPE_SECRET_KEY", SECRET_KEY)
        .with("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .with("STRIPE_API_BASE", url)
}

async fn serve(
    State(state): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let fault = {
        let mut state = state.lock().unwrap();
        let call = RecordedRequest {
            method: method.to_string(),
            path: uri.path().to_owned(),
            form: fields(&body),
            key: header("idempotency-key"),
        };
        state.calls.push(call);
        state.faults.pop_front()
    };
    assert_eq!(
        header("authorization"),
        Some(format!("Bearer {SECRET_KEY}"))
    );
    assert!(header("stripe-version").is_some());
    let key = header("idempotency-key");
    match fault {
        Some(StripeFault::Status(status)) => {
            return json_response(status, &error_body("api_error", "", ""));
        }
        Some(StripeFault::Unresponsive) => std::future::pending().await,
        Some(StripeFault::StoredError) => {
            let kept = StoredResponse {
                form: fields(&body),
                status: 500,
                body: error_body("api_error", "", ""),
            };
            state.lock().unwrap().keys.insert(key.unwrap(), kept);
            return json_response(500, &error_body("api_error", "", ""));
        }
        Some(StripeFault::ResponseLost) | None => {}
    }
    let response = {
        let mut state = state.lock().unwrap();
        state.handle_once(&method, uri.path(), fields(&body), key)
    };
    match fault {
        Some(StripeFault::ResponseLost) => json_response(502, &Value::Null),
        _ => response,
    }
}

/// A form's fields; what encodes a query encodes a form.
fn fields(body: &[u8]) -> HashMap<String, String> {
    let text = std::str::from_utf8(body).unwrap();
    let url = reqwest::Url::parse(&format!("http://form/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn json_response(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// <https://docs.stripe.com/api/errors>
fn error_body(kind: &str, code: &str, param: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "param": param, "message": "No." } })
}

const INVALID: &str = "invalid_request_error";

impl Account {
    /// <https://docs.stripe.com/api/idempotent_requests>
    fn handle_once(
        &mut self,
        method: &Method,
        path: &str,
        form: HashMap<String, String>,
        key: Option<String>,
    ) -> Response {
        if let Some(kept) = key.as_ref().and_then(|key| self.keys.get(key)) {
            if kept.form != form {
                return json_response(400, &error_body("idempotency_error", "", ""));
            }
            let mut again = json_response(kept.status, &kept.body);
            let replayed = "true".parse().unwrap();
            again.headers_mut().insert("idempotent-replayed", replayed);
            return again;
        }
        let (status, body) = self.handle(method, path, &form);
        // What fails validation is not kept.
        if let (Some(key), true) = (key, status != 400) {
            let body = body.clone();
            self.keys.insert(key, StoredResponse { form, status, body });
        }
        json_response(status, &body)
    }

    fn handle(
        &mut self,
        method: &Method,
        path: &str,
        form: &HashMap<String, String>,
    ) -> (u16, Value) {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["v1", "checkout", "sessions"]) => self.create_session(form),
            ("GET", ["v1", "checkout", "sessions", id]) => self.find(&self.sessions, id),
            ("POST", ["v1", "checkout", "sessions", id, "expire"]) => {
                match self.sessions.get_mut(*id) {
                    Some(session) if session["status"] == "open" => {
                        session["status"] = json!("expired");
                        session["url"] = Value::Null;
                        (200, session.clone())
                    }
                    Some(_) => (400, error_body(INVALID, "", "")),
                    None => (404, error_body(INVALID, "resource_missing", "id")),
                }
            }
            ("POST", ["v1", "refunds"]) => self.create_refund(form),
            ("GET", ["v1", "refunds", id]) => self.find(&self.refunds, id),
            _ => (404, error_body(INVALID, "", "")),
        }
    }

    fn find(&self, things: &HashMap<String, Value>, id: &str) -> (u16, Value) {
        let missing = || (404, error_body(INVALID, "resource_missing", "id"));
        things
            .get(id)
            .map_or_else(missing, |thing| (200, thing.clone()))
    }

    fn create_session(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        let amount: i64 = form["line_items[0][price_data][unit_amount]"]
            .parse()
            .unwrap();
        let currency = &form["line_items[0][price_data][currency]"];
        let expires_at: i64 = form["expires_at"].parse().unwrap();
        let now = self.clock.now().timestamp();
        if !(now + 30 * 60..=now + 24 * 60 * 60).contains(&expires_at) {
            return (400, error_body(INVALID, "", "expires_at"));
        }
        if amount < 50 && currency == "usd" {
            return (400, error_body(INVALID, "amount_too_small", ""));
        }
        self.made += 1;
        let id = format!("cs_test_{:04}", self.made);
        let payment_id = &form["metadata[payment_id]"];
        let session = json!({
            "id": id,
            "object": "checkout.session",
            "after_expiration": null,
            "allow_promotion_codes": null,
            "amount_subtotal": amount,
            "amount_total": amount,
            "automatic_tax": { "enabled": false, "liability": null, "status": null },
            "billing_address_collection": null,
            "cancel_url": form["cancel_url"],
            "client_reference_id": form["client_reference_id"],
            "created": now,
            "currency": currency,
            "customer": null,
            "customer_email": form["customer_email"],
            "expires_at": expires_at,
            "livemode": false,
            "locale": null,
            "metadata": { "payment_id": payment_id },
            "mode": form["mode"],
            "payment_intent": null,
            "payment_method_types": [form["payment_method_types[0]"]],
            "payment_status": "unpaid",
            "status": "open",
            "success_url": form["success_url"],
            "url": format!("https://checkout.stripe.com/c/pay/{id}"),
        });
        self.sessions.insert(id, session.clone());
        (200, session)
    }

    fn create_refund(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        let intent = &form["payment_intent"];
        let session = self
            .sessions
            .values()
            .find(|session| session["payment_intent"] == **intent);
        let Some(session) = session else {
            return (
                404,
                error_body(INVALID, "resource_missing", "payment_intent"),
            );
        };
        let taken = self
            .refunds
            .values()
            .any(|refund| refund["payment_intent"] == **intent && refund["status"] != "failed");
        if taken {
            return (400, error_body(INVALID, "charge_already_refunded", ""));
        }
        self.made += 1;
        let id = format!("re_{:04}", self.made);
        let refund = json!({
            "id": id,
            "object": "refund",
            "amount": session["amount_total"],
            "balance_transaction": null,
            "charge": intent.replace("pi_", "ch_"),
            "created": self.clock.now().timestamp(),
            "currency": session["currency"],
            "metadata": { "payment_id": form["metadata[payment_id]"] },
            "payment_intent": intent,
            "reason": null,
            "receipt_number": null,
            "status": self.refund_status.unwrap_or("succeeded"),
        });
        self.refunds.insert(id, refund.clone());
        (200, refund)
    }
}

/// An event, in the shape of <https://docs.stripe.com/api/events/object>.
pub fn stripe_event(id: &str, kind: &str, object: &Value) -> Value {
    json!({
        "id": id,
        "object": "event",
        "api_version": "2025-03-31.basil",
        "created": 1_700_000_000,
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    })
}

/// As Stripe signs with the secret of these stories.
pub fn sign_event(time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={time},v1={hex}")
}

impl TestApp {
    /// Stripe tells an event; returns what it is answered.
    pub async fn deliver_event(&self, event: &Value) -> TestResponse {
        self.deliver_event_from(&self.visitor(), event).await
    }

    /// As [`TestApp::hear`], over one connection of Stripe's.
    async fn deliver_event_from(&self, stripe: &TestClient, event: &Value) -> TestResponse {
        let body = event.to_string();
        let signed = sign_event(self.app.clock().now().timestamp(), &body);
        self.deliver_signed_event(stripe, &signed, body).await
    }

    /// Whoever it is tells something, signed or not.
    pub async fn deliver_signed_event(
        &self,
        caller: &TestClient,
        signature: &str,
        body: String,
    ) -> TestResponse {
        let request = caller
            .request(Method::POST, "/api/payments/webhook")
            .header("content-type", "application/json; charset=utf-8")
            .header("stripe-signature", signature)
            .body(body);
        TestResponse::read(request.send().await.unwrap()).await
    }
}

/// PyPI's `localstripe`, in a process of its own.
pub struct LocalStripe {
    pub url: String,
    #[expect(dead_code, reason = "it ends with this")]
    process: Child,
}

impl LocalStripe {
    /// `None`: it is not installed here. `python` is what runs it.
    pub async fn start(python: &std::path::Path) -> Self {
        let port = sabor_testing::port::find_free(None).unwrap();
        let process = Command::new(python)
            .args(["-m", "localstripe", "--from-scratch", "--port"])
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let up = async || reqwest::get(&url).await.is_ok();
        super::wait_until(up).await;
        Self { url, process }
    }

    pub fn settings(&self) -> Settings {
        settings(&self.url)
    }

    /// A call past our client; returns the answer.
    pub async fn post(&self, path: &str, form: &str) -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.url))
            .bearer_auth(SECRET_KEY)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        let response = request.timeout(Duration::from_secs(10)).send().await;
        let text = response.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}
