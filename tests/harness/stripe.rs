//! A stand-in for Stripe's API for Checkout Sessions and refunds.
//!
//! PyPI's `localstripe` does not support Checkout Sessions. The responses have
//! the shapes of Stripe's API reference
//! (<https://docs.stripe.com/api/checkout/sessions/object>,
//! <https://docs.stripe.com/api/refunds/object>). Idempotency keys, expiry and
//! session states follow Stripe's rules, since our client relies on them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sabor::runtime::clock::Clock;
use serde_json::{Value, json};

use super::stripe_events::WEBHOOK_SECRET;
use super::{LocalServer, Settings};

/// The API key of the application.
pub const SECRET_KEY: &str = "sk_test_key";

/// How the next request fails.
#[derive(Clone, Copy, Debug)]
pub enum StripeFault {
    /// The request is not processed, and the response has this status.
    Status(u16),
    /// The request is processed, but the response is lost.
    ResponseLost,
    /// The request is not processed and gets no response.
    Unresponsive,
    /// The request is not processed, and Stripe stores the error under its
    /// idempotency key.
    StoredError,
}

/// A request that the stand-in received.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub method: String,
    pub path: String,
    pub form: HashMap<String, String>,
    /// The idempotency key.
    pub key: Option<String>,
}

/// The running stand-in, which stops when dropped.
pub struct StripeStandIn {
    state: Arc<Mutex<Account>>,
    server: LocalServer,
}

#[derive(Default)]
struct Account {
    clock: Clock,
    sessions: HashMap<String, Value>,
    refunds: HashMap<String, Value>,
    responses_by_key: HashMap<String, StoredResponse>,
    faults: VecDeque<StripeFault>,
    requests: Vec<RecordedRequest>,
    refund_status: Option<&'static str>,
    last_id: usize,
}

struct StoredResponse {
    form: HashMap<String, String>,
    status: u16,
    body: Value,
}

type Shared = Arc<Mutex<Account>>;

impl StripeStandIn {
    pub async fn start() -> Self {
        let state = Shared::default();
        let router = Router::new().fallback(serve).with_state(state.clone());
        let server = LocalServer::start(router).await;
        Self { state, server }
    }

    /// Returns the settings of an application that uses this stand-in.
    pub fn settings(&self) -> Settings {
        settings(&self.server.url)
    }

    /// Makes the next requests fail, one after another.
    pub fn fail_next(&self, faults: &[StripeFault]) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// Sets the status of new refunds, which is `succeeded` by default.
    pub fn set_refund_status(&self, status: &'static str) {
        self.state.lock().unwrap().refund_status = Some(status);
    }

    /// Changes the status of a refund; returns the refund.
    pub fn update_refund(&self, id: &str, status: &str) -> Value {
        let mut state = self.state.lock().unwrap();
        let refund = state.refunds.get_mut(id).unwrap();
        refund["status"] = json!(status);
        refund.clone()
    }

    /// Returns the requests with this method and path, in order.
    pub fn requests(&self, method: &str, path: &str) -> Vec<RecordedRequest> {
        let state = self.state.lock().unwrap();
        let requests = state.requests.iter();
        requests
            .filter(|request| request.method == method && request.path == path)
            .cloned()
            .collect()
    }

    /// Returns all Checkout Sessions.
    pub fn sessions(&self) -> Vec<Value> {
        self.state
            .lock()
            .unwrap()
            .sessions
            .values()
            .cloned()
            .collect()
    }

    /// Returns all refunds.
    pub fn refunds(&self) -> Vec<Value> {
        self.state
            .lock()
            .unwrap()
            .refunds
            .values()
            .cloned()
            .collect()
    }

    /// Returns the session with this checkout URL.
    pub fn session_by_url(&self, url: &Value) -> Value {
        let sessions = self.sessions();
        let session = sessions.iter().find(|session| session["url"] == *url);
        session
            .unwrap_or_else(|| panic!("no session at {url}"))
            .clone()
    }

    /// Completes a checkout with a payment; returns the session.
    pub fn complete_checkout(&self, session: &Value) -> Value {
        self.update_session(session, |session| {
            let intent = session["id"].as_str().unwrap().replace("cs_", "pi_");
            session["payment_intent"] = json!(intent);
            session["status"] = json!("complete");
            session["payment_status"] = json!("paid");
            session["url"] = Value::Null;
        })
    }

    /// Completes a checkout whose payment is confirmed days later; returns the session.
    pub fn complete_checkout_without_payment(&self, session: &Value) -> Value {
        let session = self.complete_checkout(session);
        self.update_session(&session, |session| {
            session["payment_status"] = json!("unpaid")
        })
    }

    /// Expires a checkout; returns the session.
    pub fn expire_checkout(&self, session: &Value) -> Value {
        self.update_session(session, |session| {
            session["status"] = json!("expired");
            session["url"] = Value::Null;
        })
    }

    fn update_session(&self, session: &Value, update: impl FnOnce(&mut Value)) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = session["id"].as_str().unwrap();
        let session = state.sessions.get_mut(id).unwrap();
        update(session);
        session.clone()
    }
}

/// Returns the settings of an application that uses the Stripe API at `url`.
pub fn settings(url: &str) -> Settings {
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
        let request = RecordedRequest {
            method: method.to_string(),
            path: uri.path().to_owned(),
            form: fields(&body),
            key: header("idempotency-key"),
        };
        state.requests.push(request);
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
            let stored = StoredResponse {
                form: fields(&body),
                status: 500,
                body: error_body("api_error", "", ""),
            };
            state
                .lock()
                .unwrap()
                .responses_by_key
                .insert(key.unwrap(), stored);
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

/// Parses the fields of a form.
fn fields(body: &[u8]) -> HashMap<String, String> {
    let text = std::str::from_utf8(body).unwrap();
    let url = reqwest::Url::parse(&format!("http://form/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn json_response(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// Returns an error in the shape of <https://docs.stripe.com/api/errors>.
fn error_body(kind: &str, code: &str, param: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "param": param, "message": "The request failed." } })
}

const INVALID_REQUEST: &str = "invalid_request_error";

impl Account {
    /// Handles a request once per idempotency key
    /// (<https://docs.stripe.com/api/idempotent_requests>).
    fn handle_once(
        &mut self,
        method: &Method,
        path: &str,
        form: HashMap<String, String>,
        key: Option<String>,
    ) -> Response {
        if let Some(stored) = key.as_ref().and_then(|key| self.responses_by_key.get(key)) {
            if stored.form != form {
                return json_response(400, &error_body("idempotency_error", "", ""));
            }
            let mut response = json_response(stored.status, &stored.body);
            let replayed = "true".parse().unwrap();
            response
                .headers_mut()
                .insert("idempotent-replayed", replayed);
            return response;
        }
        let (status, body) = self.handle(method, path, &form);
        // Stripe does not store validation errors.
        if let (Some(key), true) = (key, status != 400) {
            let body = body.clone();
            self.responses_by_key
                .insert(key, StoredResponse { form, status, body });
        }
        json_response(status, &body)
    }

    fn handle(
        &mut self,
        method: &Method,
        path: &str,
        form: &HashMap<String, String>,
    ) -> (u16, Value) {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (method.as_str(), segments.as_slice()) {
            ("POST", ["v1", "checkout", "sessions"]) => self.create_session(form),
            ("GET", ["v1", "checkout", "sessions", id]) => self.find(&self.sessions, id),
            ("POST", ["v1", "checkout", "sessions", id, "expire"]) => {
                match self.sessions.get_mut(*id) {
                    Some(session) if session["status"] == "open" => {
                        session["status"] = json!("expired");
                        session["url"] = Value::Null;
                        (200, session.clone())
                    }
                    Some(_) => (400, error_body(INVALID_REQUEST, "", "")),
                    None => (404, error_body(INVALID_REQUEST, "resource_missing", "id")),
                }
            }
            ("POST", ["v1", "refunds"]) => self.create_refund(form),
            ("GET", ["v1", "refunds", id]) => self.find(&self.refunds, id),
            _ => (404, error_body(INVALID_REQUEST, "", "")),
        }
    }

    fn find(&self, objects: &HashMap<String, Value>, id: &str) -> (u16, Value) {
        let missing = || (404, error_body(INVALID_REQUEST, "resource_missing", "id"));
        objects
            .get(id)
            .map_or_else(missing, |object| (200, object.clone()))
    }

    fn create_session(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        let amount: i64 = form["line_items[0][price_data][unit_amount]"]
            .parse()
            .unwrap();
        let currency = &form["line_items[0][price_data][currency]"];
        let expires_at: i64 = form["expires_at"].parse().unwrap();
        let now = self.clock.now().timestamp();
        if !(now + 30 * 60..=now + 24 * 60 * 60).contains(&expires_at) {
            return (400, error_body(INVALID_REQUEST, "", "expires_at"));
        }
        if amount < 50 && currency == "usd" {
            return (400, error_body(INVALID_REQUEST, "amount_too_small", ""));
        }
        self.last_id += 1;
        let id = format!("cs_test_{:04}", self.last_id);
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
                error_body(INVALID_REQUEST, "resource_missing", "payment_intent"),
            );
        };
        let is_refunded = self
            .refunds
            .values()
            .any(|refund| refund["payment_intent"] == **intent && refund["status"] != "failed");
        if is_refunded {
            return (
                400,
                error_body(INVALID_REQUEST, "charge_already_refunded", ""),
            );
        }
        self.last_id += 1;
        let id = format!("re_{:04}", self.last_id);
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
