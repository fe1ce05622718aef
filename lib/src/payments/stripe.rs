//! Stripe: Checkout and refunds over its REST API, and what it tells us.
//!
//! After <https://docs.stripe.com/api>. Requests are forms, answers JSON. What
//! changes something carries an `Idempotency-Key`, so that it may be sent again
//! whenever no answer came.

mod webhook;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

pub use self::webhook::{Charge, Event, Told};
use crate::crypto::random;
use crate::error::{Error, chain};
use crate::runtime::background::BoxFuture;
use crate::runtime::config::StripeConfig;
use crate::runtime::http_client;
use crate::runtime::http_client::HttpClient;

/// The shapes below are of this version, whatever the account's own is.
const VERSION: &str = "2025-03-31.basil";

/// How often a request is sent, when Stripe asks for patience or does not answer.
const TRIES: u32 = 3;

/// Stripe, as one account sees it.
pub struct Stripe {
    config: StripeConfig,
    http_client: HttpClient,
}

/// Why a request came to nothing.
#[derive(Debug, Error)]
pub enum Failure {
    /// Stripe understood, and refuses: asking again changes nothing. Its
    /// message stays with Stripe, for it may quote what was sent.
    #[error("Stripe refuses with {status}: {kind} {code} {parameter}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `invalid_request_error` and its like.
        kind: String,
        /// Such as `amount_too_small`; empty when it gives none.
        code: String,
        /// The parameter that it is about; empty when it is about none.
        parameter: String,
    },
    /// It is not known whether anything was done; it can be asked again, under
    /// the same key.
    #[error("Stripe does not answer: {0}")]
    Unavailable(String),
    /// A failure on Stripe's side that it keeps under the key, and would give
    /// again for a day.
    #[error("Stripe keeps its failure")]
    Kept,
}

impl Failure {
    /// Stripe's name for the refusal; empty for what is none.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            _ => "",
        }
    }

    /// Whether the same request would do under another key, with another end:
    /// it names a time too near by now, was sent otherwise before, or failed
    /// for good.
    pub(crate) fn asks_for_another_key(&self) -> bool {
        match self {
            Self::Refused {
                kind, parameter, ..
            } => parameter == "expires_at" || kind == "idempotency_error",
            Self::Kept => true,
            Self::Unavailable(_) => false,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { .. } => Self::Internal(Box::new(failure)),
            Failure::Unavailable(_) | Failure::Kept => Self::Unavailable(Box::new(failure)),
        }
    }
}

/// A Checkout Session to be made.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Ours: it comes back with all that Stripe tells of it.
    pub payment_id: Uuid,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// In ISO 4217.
    pub currency: &'a str,
    /// What is paid for.
    pub title: &'a str,
    /// Who pays.
    pub email: &'a str,
    /// When it ends, if it is not paid; at least thirty minutes from now.
    pub expires_at: DateTime<Utc>,
    /// Where the browser goes when it was paid.
    pub success_url: String,
    /// Where it goes when it was given up.
    pub cancel_url: String,
}

/// A Checkout Session.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    /// `cs_…`
    pub id: String,
    /// Where to pay; `None` when it is over.
    pub url: Option<String>,
    /// `open`, `complete` or `expired`.
    #[serde(default)]
    pub status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: String,
    /// `pi_…`; `None`: nobody has begun to pay.
    pub payment_intent: Option<String>,
    /// In the smallest unit of the currency.
    pub amount_total: Option<i64>,
    /// In ISO 4217, lower case.
    pub currency: Option<String>,
    client_reference_id: Option<String>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
}

impl Session {
    /// Which payment of ours it is of, if of any.
    pub fn payment_id(&self) -> Option<Uuid> {
        let told = self.client_reference_id.as_deref();
        told.and_then(|id| id.parse().ok())
            .or_else(|| payment_id(self.metadata.as_ref()))
    }

    /// Whether the money is there.
    pub fn is_paid(&self) -> bool {
        self.payment_status == "paid"
    }

    /// Whether it is in the state that Stripe calls so.
    pub fn is(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }
}

/// Money on its way back.
#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: Option<String>,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// In ISO 4217, lower case.
    pub currency: String,
    /// `pi_…`
    pub payment_intent: Option<String>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
}

impl Refund {
    /// As [`Session::payment_id`].
    pub fn payment_id(&self) -> Option<Uuid> {
        payment_id(self.metadata.as_ref())
    }

    /// Whether the money is back.
    pub fn has_succeeded(&self) -> bool {
        self.status.as_deref() == Some("succeeded")
    }

    /// Whether it will never be, by this refund.
    pub fn has_failed(&self) -> bool {
        matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }
}

fn payment_id(metadata: Option<&HashMap<String, String>>) -> Option<Uuid> {
    metadata?.get("payment_id")?.parse().ok()
}

impl Stripe {
    /// As the configuration has it. Nothing is connected before it is used.
    pub fn new(config: StripeConfig) -> Self {
        Self {
            config,
            http_client: HttpClient::default(),
        }
    }

    /// Makes a Checkout Session; asked twice for the same payment with the same
    /// end, it is the same session.
    ///
    /// # Errors
    ///
    /// [`Failure`]; so below.
    pub fn create_session<'a>(
        &'a self,
        new: &NewSession<'_>,
    ) -> BoxFuture<'a, Result<Session, Failure>> {
        let id = new.payment_id.to_string();
        let expires_at = new.expires_at.timestamp();
        let amount = new.amount.to_string();
        let price = "line_items[0][price_data]";
        let form = form(&[
            ("mode", "payment"),
            // What settles days later would hold a place for days.
            ("payment_method_types[0]", "card"),
            ("line_items[0][quantity]", "1"),
            (&format!("{price}[currency]"), &new.currency.to_lowercase()),
            (&format!("{price}[unit_amount]"), &amount),
            (&format!("{price}[product_data][name]"), new.title),
            ("client_reference_id", &id),
            ("metadata[payment_id]", &id),
            ("payment_intent_data[metadata][payment_id]", &id),
            ("customer_email", new.email),
            ("success_url", &new.success_url),
            ("cancel_url", &new.cancel_url),
            ("expires_at", &expires_at.to_string()),
        ]);
        let key = format!("{id}-{expires_at}");
        self.post("/v1/checkout/sessions".into(), form, Some(key))
    }

    /// A Checkout Session as it is now.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn session(&self, id: &str) -> BoxFuture<'_, Result<Session, Failure>> {
        self.call(
            Method::GET,
            format!("/v1/checkout/sessions/{}", name(id)),
            String::new(),
            None,
        )
    }

    /// Ends a Checkout Session that is open; any other is refused.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn expire_session(&self, id: &str) -> BoxFuture<'_, Result<Session, Failure>> {
        // Once more is refused, which says as much: no key.
        let path = format!("/v1/checkout/sessions/{}/expire", name(id));
        self.post(path, String::new(), None)
    }

    /// Pays back all of a payment. `failed` is the last refund of it that came
    /// to nothing, if there was one: this one is another then. Asked twice it
    /// is the same refund.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn refund(
        &self,
        payment_id: Uuid,
        payment_intent: &str,
        failed: Option<&str>,
    ) -> BoxFuture<'_, Result<Refund, Failure>> {
        let id = payment_id.to_string();
        let form = form(&[
            ("payment_intent", payment_intent),
            ("metadata[payment_id]", &id),
        ]);
        let key = match failed {
            None => format!("{id}-refund"),
            Some(failed) => format!("{id}-refund-after-{failed}"),
        };
        self.post("/v1/refunds".into(), form, Some(key))
    }

    /// A refund as it is now.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn find_refund(&self, id: &str) -> BoxFuture<'_, Result<Refund, Failure>> {
        self.call(
            Method::GET,
            format!("/v1/refunds/{}", name(id)),
            String::new(),
            None,
        )
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: String,
        form: String,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<T, Failure>> {
        self.call(Method::POST, path, form, key)
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        form: String,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<T, Failure>> {
        let answered = self.patiently(method, path, form, key);
        Box::pin(async move {
            let body = answered.await?;
            serde_json::from_slice(&body)
                .map_err(|error| Failure::Unavailable(format!("an answer not understood: {error}")))
        })
    }

    /// Sends a request until there is an answer that stands, or time is up.
    fn patiently(
        &self,
        method: Method,
        path: String,
        form: String,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Vec<u8>, Failure>> {
        let deadline = self.config.deadline;
        Box::pin(async move {
            let answered = timeout(deadline, async {
                let mut tries = 1;
                loop {
                    let request = self.request(&method, &path, &form, key.as_deref())?;
                    let outcome = judge(self.http_client.send(request, deadline).await);
                    if tries == TRIES || !matches!(outcome, Err(Failure::Unavailable(_))) {
                        return outcome;
                    }
                    sleep(pause(tries)).await;
                    tries += 1;
                }
            });
            let late = |_| Failure::Unavailable(format!("no answer within {deadline:?}"));
            answered.await.map_err(late)?
        })
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        form: &str,
        key: Option<&str>,
    ) -> Result<Request<http_body_util::Full<hyper::body::Bytes>>, Failure> {
        let unusable = |_| Failure::Unavailable("a request that cannot be made".into());
        let bearer = format!("Bearer {}", self.config.secret_key.expose());
        let mut bearer = HeaderValue::try_from(bearer)
            .map_err(|_| Failure::Unavailable("STRIPE_SECRET_KEY is no header's value".into()))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.config.api_base))
            .header(AUTHORIZATION, bearer)
            .header("stripe-version", VERSION);
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.body(form.to_owned().into()).map_err(unusable)
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}

/// Stripe's names are letters, digits and `_`; nothing else comes into a path.
fn name(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

fn pause(tries: u32) -> Duration {
    Duration::from_millis(u64::from(tries) * 200 + random::below(200))
}

fn judge(
    outcome: Result<http_client::HttpResponse, http_client::HttpError>,
) -> Result<Vec<u8>, Failure> {
    let answer = outcome.map_err(|error| Failure::Unavailable(chain(&error)))?;
    let status = answer.status;
    if status.is_success() {
        return Ok(answer.body.into());
    }
    // 409: another request under the same key is under way.
    if matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) {
        return Err(Failure::Unavailable(format!("HTTP status {status}")));
    }
    if !status.is_client_error() {
        let replayed = answer.headers.get("idempotent-replayed");
        if replayed.is_some_and(|value| value == "true") {
            return Err(Failure::Kept);
        }
        return Err(Failure::Unavailable(format!("HTTP status {status}")));
    }
    let Refusal { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
    Err(Failure::Refused {
        status: status.as_u16(),
        kind: error.kind.unwrap_or_default(),
        code: error.code.unwrap_or_default(),
        parameter: error.param.unwrap_or_default(),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: RefusalError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RefusalError {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
}
