//! A stand-in for Stripe's API for Checkout Sessions, refunds and disputes. That for subscriptions
//! is in `stripe_billing.rs`, and that for balance transactions in `stripe_balance.rs`.
//!
//! PyPI's `localstripe` does not support Checkout Sessions. The responses have
//! the shapes of Stripe's API reference
//! (<https://docs.stripe.com/api/checkout/sessions/object>,
//! <https://docs.stripe.com/api/refunds/object>,
//! <https://docs.stripe.com/api/disputes/object>). Idempotency keys, expiry and
//! session states follow Stripe's rules, since our client relies on them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sabor::runtime::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::stripe_balance::{Balance, Moved};
use super::stripe_events::WEBHOOK_SECRET;
use super::{LocalServer, Settings};

/// The API key of the application.
pub const SECRET_KEY: &str = "sk_test_key";

/// How the next request fails.
#[derive(Clone, Copy, Debug)]
pub enum StripeFault {
    /// The request is processed, so that a later one fails.
    Processed,
    /// The request is not processed, and the response has this status.
    Status(u16),
    /// The request is processed, but its response is larger than what is read.
    TooLarge,
    /// The request is processed, but its response has another shape.
    Unreadable,
    /// The request is processed, but its response is replaced by one with status 502.
    ResponseLost,
    /// The request is not processed, because there is no such object.
    Missing,
    /// The request is not processed and gets no response.
    Unresponsive,
    /// The request is not processed, and Stripe stores an error under the
    /// idempotency key of the request.
    StoredError,
}

/// A request that the stand-in received.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub method: String,
    pub path: String,
    /// The form of a POST request, or the query of a GET request.
    pub form: HashMap<String, String>,
    /// The idempotency key.
    pub key: Option<String>,
}

/// The running stand-in, which stops when dropped.
pub struct StripeStandIn {
    pub(super) state: Arc<Mutex<Account>>,
    server: LocalServer,
}

#[derive(Default)]
pub(super) struct Account {
    pub(super) clock: Clock,
    pub(super) sessions: BTreeMap<String, Value>,
    pub(super) subscriptions: BTreeMap<String, Value>,
    pub(super) invoices: BTreeMap<String, Value>,
    pub(super) invoice_payments: BTreeMap<String, Value>,
    pub(super) refunds: BTreeMap<String, Value>,
    pub(super) disputes: BTreeMap<String, Value>,
    pub(super) balance: Balance,
    /// While this is set, requests wait until it is closed.
    hold: Option<Arc<Semaphore>>,
    /// The number of requests in progress.
    in_flight: usize,
    most_in_flight: usize,
    responses_by_key: HashMap<String, StoredResponse>,
    faults: VecDeque<StripeFault>,
    /// The path that the key may not read.
    forbidden_path: Option<&'static str>,
    requests: Vec<RecordedRequest>,
    /// The status of new refunds. `None` means `succeeded`.
    refund_status: Option<&'static str>,
    pub(super) last_id: usize,
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

    /// Takes the time from this clock, as the application does.
    pub fn follow(&self, clock: &Clock) {
        self.state.lock().unwrap().clock = clock.clone();
    }

    /// Makes the next requests fail, one after another.
    pub fn fail_next(&self, faults: &[StripeFault]) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// Makes requests with this path fail, because the key has no permission for them.
    pub fn forbid(&self, path: &'static str) {
        self.state.lock().unwrap().forbidden_path = Some(path);
    }

    /// Sets the status of new refunds, which is `succeeded` by default.
    pub fn set_refund_status(&self, status: &'static str) {
        self.state.lock().unwrap().refund_status = Some(status);
    }

    /// Makes requests wait for [`Self::release`].
    pub fn hold(&self) {
        self.state.lock().unwrap().hold = Some(Arc::new(Semaphore::new(0)));
    }

    /// Lets the requests of [`Self::hold`] continue, and all later ones.
    pub fn release(&self) {
        if let Some(hold) = self.state.lock().unwrap().hold.take() {
            hold.close();
        }
    }

    /// Returns the largest number of requests that were in progress at the same time.
    pub fn most_in_flight(&self) -> usize {
        self.state.lock().unwrap().most_in_flight
    }

    /// Forgets the idempotency keys, as Stripe does after a day.
    pub fn forget_keys(&self) {
        self.state.lock().unwrap().responses_by_key.clear();
    }

    /// Refunds part of a paid session in the dashboard; returns the refund.
    pub fn refund_in_dashboard(&self, session: &Value, amount: i64) -> Value {
        self.refund_with_metadata(session, amount, json!({}))
    }

    /// Refunds part of a paid session with any metadata; returns the refund.
    pub fn refund_with_metadata(&self, session: &Value, amount: i64, metadata: Value) -> Value {
        let intent = session["payment_intent"].as_str().unwrap();
        let mut state = self.state.lock().unwrap();
        let (status, refund) = state.insert_refund(intent, Some(amount), metadata);
        assert_eq!(status, 200, "{refund}");
        refund
    }

    /// Opens a dispute about the whole amount of a paid session; returns the dispute. With a
    /// status that begins with `warning_`, it is an inquiry, which takes no money.
    pub fn open_dispute(&self, session: &Value, status: &str) -> Value {
        let amount = session["amount_total"].as_i64().unwrap();
        self.open_dispute_of(session, amount, status)
    }

    /// Opens a dispute about a part of a paid session; returns the dispute.
    pub fn open_dispute_of(&self, session: &Value, amount: i64, status: &str) -> Value {
        let mut state = self.state.lock().unwrap();
        state.last_id += 1;
        let id = format!("du_{:04}", state.last_id);
        let withdrawal = Moved {
            kind: ("adjustment", "dispute"),
            source: Some(&id),
            amount: -amount,
            fee: 1_500,
            currency: &session["currency"],
        };
        let balance_transactions = match status.starts_with("warning_") {
            true => Vec::new(),
            false => vec![state.enter(&withdrawal)],
        };
        let intent = session["payment_intent"].as_str().unwrap();
        let dispute = json!({
            "id": id,
            "object": "dispute",
            "amount": amount,
            "balance_transactions": balance_transactions,
            "charge": intent.replace("pi_", "ch_"),
            "created": state.clock.now().timestamp(),
            "currency": session["currency"],
            "is_charge_refundable": balance_transactions.is_empty(),
            "livemode": false,
            "metadata": {},
            "payment_intent": intent,
            "reason": "general",
            "status": status,
        });
        state.disputes.insert(id, dispute.clone());
        dispute
    }

    /// Decides a dispute: `won` returns the money, `lost` does not. Returns the dispute.
    pub fn decide_dispute(&self, dispute: &Value, status: &str) -> Value {
        match status {
            "won" => self.win_dispute(dispute, dispute["amount"].as_i64()),
            _ => self.close_dispute(dispute, status, None),
        }
    }

    /// Decides a dispute in favor of the studio. If `returned` is set, the dispute lists a balance
    /// transaction that returns this amount.
    pub fn win_dispute(&self, dispute: &Value, returned: Option<i64>) -> Value {
        self.close_dispute(dispute, "won", returned)
    }

    fn close_dispute(&self, dispute: &Value, status: &str, returned: Option<i64>) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = dispute["id"].as_str().unwrap();
        let reinstated = returned.map(|returned| {
            state.enter(&Moved {
                kind: ("adjustment", "dispute_reversal"),
                source: Some(id),
                amount: returned,
                fee: 0,
                currency: &dispute["currency"],
            })
        });
        let dispute = state.disputes.get_mut(id).unwrap();
        dispute["status"] = json!(status);
        let balance_transactions = dispute["balance_transactions"].as_array_mut().unwrap();
        balance_transactions.extend(reinstated);
        dispute.clone()
    }

    /// Adds a session that the application did not create.
    pub fn add_session(&self, session: &Value) {
        let id = session["id"].as_str().unwrap().to_owned();
        let mut state = self.state.lock().unwrap();
        state.sessions.insert(id, session.clone());
    }

    /// Changes the status of a refund; returns the refund.
    pub fn update_refund(&self, id: &str, status: &str) -> Value {
        let mut state = self.state.lock().unwrap();
        let refund = state.refunds.get_mut(id).unwrap();
        refund["status"] = json!(status);
        let refund = refund.clone();
        if ["failed", "canceled"].contains(&status) {
            state.enter(&Moved {
                kind: ("refund_failure", "refund_failure"),
                source: Some(id),
                amount: refund["amount"].as_i64().unwrap(),
                fee: 0,
                currency: &refund["currency"],
            });
        }
        refund
    }

    /// Sets why a refund has failed.
    pub fn set_failure_reason(&self, id: &str, reason: &str) {
        let mut state = self.state.lock().unwrap();
        state.refunds.get_mut(id).unwrap()["failure_reason"] = json!(reason);
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

    /// Returns all Checkout Sessions, oldest first.
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
        let session = self.complete_checkout_without_payment(session);
        let session = self.update_session(&session, |session| {
            session["payment_status"] = json!("paid");
        });
        self.state.lock().unwrap().enter_charge(
            session["payment_intent"].as_str().unwrap(),
            session["amount_total"].as_i64().unwrap(),
            &session["currency"],
        );
        session
    }

    /// Completes a checkout whose payment is confirmed days later; returns the session.
    pub fn complete_checkout_without_payment(&self, session: &Value) -> Value {
        self.update_session(session, |session| {
            let intent = session["id"].as_str().unwrap().replace("cs_", "pi_");
            session["payment_intent"] = json!(intent);
            session["status"] = json!("complete");
            session["payment_status"] = json!("unpaid");
            session["url"] = Value::Null;
        })
    }

    /// Expires a checkout; returns the session.
    pub fn expire_checkout(&self, session: &Value) -> Value {
        self.update_session(session, |session| {
            session["status"] = json!("expired");
            session["url"] = Value::Null;
        })
    }

    /// Changes a session; returns it.
    pub fn update_session(&self, session: &Value, update: impl FnOnce(&mut Value)) -> Value {
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
    let form = match uri.query() {
        Some(query) => fields(query.as_bytes()),
        None => fields(&body),
    };
    let (fault, hold) = {
        let mut state = state.lock().unwrap();
        let request = RecordedRequest {
            method: method.to_string(),
            path: uri.path().to_owned(),
            form: form.clone(),
            key: header("idempotency-key"),
        };
        state.requests.push(request);
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        (state.faults.pop_front(), state.hold.clone())
    };
    if let Some(hold) = hold {
        // Acquiring fails once the semaphore is closed, which releases the request.
        let _ = hold.acquire().await;
    }
    state.lock().unwrap().in_flight -= 1;
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
        Some(StripeFault::Missing) => {
            let body = error_body(INVALID_REQUEST, "resource_missing", "id");
            return json_response(404, &body);
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
        Some(
            StripeFault::Processed
            | StripeFault::TooLarge
            | StripeFault::Unreadable
            | StripeFault::ResponseLost,
        )
        | None => {}
    }
    let response = {
        let mut state = state.lock().unwrap();
        if state.forbidden_path == Some(uri.path()) {
            return json_response(403, &error_body(INVALID_REQUEST, "", ""));
        }
        state.handle_once(&method, uri.path(), form, key)
    };
    match fault {
        Some(StripeFault::ResponseLost) => json_response(502, &Value::Null),
        Some(StripeFault::TooLarge) => " ".repeat(1024 * 1024 + 1).into_response(),
        Some(StripeFault::Unreadable) => json_response(200, &json!({ "object": "list" })),
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
pub(super) fn error_body(kind: &str, code: &str, param: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "param": param, "message": "The request failed." } })
}

pub(super) const INVALID_REQUEST: &str = "invalid_request_error";

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
            ("GET", ["v1", "checkout", "sessions", id]) => found(self.sessions.get(*id)),
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
            ("GET", ["v1", "refunds"]) => list(&self.refunds, form),
            ("GET", ["v1", "disputes"]) => list(&self.disputes, form),
            ("GET", ["v1", "balance_transactions"]) => self.list_balance(form),
            ("GET", ["v1", "disputes", id]) => found(self.disputes.get(*id)),
            ("GET", ["v1", "payment_intents", id]) => found(self.payment_intent(id).as_ref()),
            (method, segments) => self.handle_billing(method, segments, form),
        }
    }

    /// Returns the payment intent with this id, from the values of its session or its invoice.
    fn payment_intent(&self, id: &str) -> Option<Value> {
        let mut sessions = self.sessions.values();
        let of_session = sessions.find(|session| session["payment_intent"] == *id);
        let session = of_session.cloned().or_else(|| self.paid_by_invoice(id))?;
        Some(json!({
            "id": id,
            "object": "payment_intent",
            "amount": session["amount_total"],
            "currency": session["currency"],
            "metadata": session["payment_intent_metadata"],
            "status": "succeeded",
        }))
    }

    fn create_session(&mut self, form: &HashMap<String, String>) -> (u16, Value) {
        if form["mode"] == "subscription" {
            return self.create_subscription_session(form);
        }
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
            "client_reference_id": null,
            "created": now,
            "currency": currency,
            "customer": null,
            "customer_email": form["customer_email"],
            "expires_at": expires_at,
            "livemode": false,
            "locale": null,
            "metadata": { "payment_id": payment_id },
            "payment_intent_metadata": { "payment_id": form["payment_intent_data[metadata][payment_id]"] },
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
        let amount = form.get("amount").map(|amount| amount.parse().unwrap());
        let mut metadata = json!({});
        for name in ["payment_id", "refund_id"] {
            if let Some(value) = form.get(&format!("metadata[{name}]")) {
                metadata[name] = json!(value);
            }
        }
        self.insert_refund(&form["payment_intent"], amount, metadata)
    }

    /// Refunds an amount of a payment intent. `None` refunds what is left of the payment.
    fn insert_refund(
        &mut self,
        intent: &str,
        amount: Option<i64>,
        metadata: Value,
    ) -> (u16, Value) {
        let Some(session) = self.payment_intent(intent) else {
            return (
                404,
                error_body(INVALID_REQUEST, "resource_missing", "payment_intent"),
            );
        };
        let is_disputed = self.disputes.values().any(|dispute| {
            dispute["payment_intent"] == *intent
                && dispute["is_charge_refundable"] == false
                && dispute["status"] != "won"
        });
        if is_disputed {
            return (400, error_body(INVALID_REQUEST, "charge_disputed", ""));
        }
        let refunded: i64 = self
            .refunds
            .values()
            .filter(|refund| refund["payment_intent"] == *intent)
            .filter(|refund| refund["status"] != "failed" && refund["status"] != "canceled")
            .map(|refund| refund["amount"].as_i64().unwrap())
            .sum();
        let left = session["amount"].as_i64().unwrap() - refunded;
        let amount = amount.unwrap_or(left);
        if left == 0 {
            return (
                400,
                error_body(INVALID_REQUEST, "charge_already_refunded", ""),
            );
        }
        if amount > left {
            return (400, error_body(INVALID_REQUEST, "", "amount"));
        }
        self.last_id += 1;
        let id = format!("re_{:04}", self.last_id);
        let refund = json!({
            "id": id,
            "object": "refund",
            "amount": amount,
            "balance_transaction": null,
            "charge": intent.replace("pi_", "ch_"),
            "created": self.clock.now().timestamp(),
            "currency": session["currency"],
            "metadata": metadata,
            "payment_intent": intent,
            "reason": null,
            "receipt_number": null,
            "status": self.refund_status.unwrap_or("succeeded"),
        });
        self.enter(&Moved {
            kind: ("refund", "refund"),
            source: Some(&id),
            amount: -amount,
            fee: 0,
            currency: &session["currency"],
        });
        self.refunds.insert(id, refund.clone());
        (200, refund)
    }
}

pub(super) fn found(object: Option<&Value>) -> (u16, Value) {
    let missing = || (404, error_body(INVALID_REQUEST, "resource_missing", "id"));
    object.map_or_else(missing, |object| (200, object.clone()))
}

/// Returns a page of the objects of a payment intent, newest first
/// (<https://docs.stripe.com/api/pagination>). A page has at most two objects, so that the
/// client must read several pages.
fn list(objects: &BTreeMap<String, Value>, query: &HashMap<String, String>) -> (u16, Value) {
    let after = query.get("starting_after");
    let mut page: Vec<_> = objects
        .values()
        .rev()
        .filter(|object| object["payment_intent"] == *query["payment_intent"])
        .skip_while(|object| after.is_some_and(|after| object["id"] != **after))
        .skip(usize::from(after.is_some()))
        .collect();
    let has_more = page.len() > 2;
    page.truncate(2);
    (
        200,
        json!({ "object": "list", "data": page, "has_more": has_more }),
    )
}
