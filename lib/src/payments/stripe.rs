//! A client of Stripe's REST API for Checkout, subscriptions, refunds, disputes and balance
//! transactions, and the parser of its webhook events.
//!
//! See <https://docs.stripe.com/api>. Requests are forms, and responses are JSON.
//! Requests that create something carry an `Idempotency-Key`, so that they can be
//! retried when no response arrives.

mod balance;
mod billing;
mod object;
mod webhook;

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use thiserror::Error;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

pub use self::balance::{BalanceFilter, BalancePage, BalanceTransaction, MAX_PAGE_SIZE};
pub use self::billing::{Invoice, NewSubscriptionSession, Subscription};
use self::object::List;
pub use self::object::{Dispute, PaymentIntent, Refund, RefundStatus, Session, SessionStatus};
pub use self::webhook::{Event, EventKind};
use crate::crypto::random;
use crate::error::{Error, chain};
use crate::runtime::config::StripeConfig;
use crate::runtime::http_client;
use crate::runtime::http_client::HttpClient;

/// The API version that each request uses. Without it, Stripe would use the account's
/// default version. Objects are always fetched, so the version of the webhook endpoint does
/// not matter.
const API_VERSION: &str = "2025-03-31.basil";

/// The maximum number of attempts for a request. A request is repeated only after
/// [`StripeError::Unavailable`].
const MAX_ATTEMPTS: u32 = 3;

/// A client of one Stripe account.
pub struct Stripe {
    config: StripeConfig,
    http_client: HttpClient,
}

/// Why a request failed.
#[derive(Debug, Error)]
pub enum StripeError {
    /// Stripe refused the request, and would refuse it again. Stripe's message is
    /// omitted, because it may quote the request.
    #[error("Stripe refused the request with {status}: {code} {parameter}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The reason.
        refusal: Refusal,
        /// Stripe's error code for the log, such as `amount_too_small`. The error's
        /// type if it has no code.
        code: String,
        /// The parameter that was refused. Empty if Stripe names none.
        parameter: String,
    },
    /// It is unknown whether the request took effect. The request can be repeated with the
    /// same idempotency key.
    #[error("Stripe is unavailable: {0}")]
    Unavailable(String),
    /// The response is too large to be read. It is unknown whether the request took effect.
    #[error("Stripe's response is too large")]
    TooLarge,
    /// The response is no JSON, or has another shape than Stripe's documentation says. It is unknown
    /// whether the request took effect.
    #[error("cannot parse Stripe's response: {0}")]
    Unreadable(String),
    /// An earlier attempt failed at Stripe. For a day, Stripe returns the same failure
    /// for the same idempotency key.
    #[error("Stripe repeats an earlier failure")]
    RepeatedFailure,
}

/// The reason for a refusal. Only reasons that are handled have a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The amount is too small or too large for a card payment, or for a refund.
    AmountNotPossible,
    /// The whole charge was refunded before, for example in Stripe's dashboard.
    AlreadyRefunded,
    /// The charge is disputed.
    Disputed,
    /// There is no such object.
    Missing,
    /// The expiry time of the session is too soon.
    ExpiryTooSoon,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// Any other reason.
    Other,
}

impl Refusal {
    fn new(kind: &str, code: &str, parameter: &str) -> Self {
        match (kind, code, parameter) {
            (_, "amount_too_small" | "amount_too_large", _) => Self::AmountNotPossible,
            (_, "charge_already_refunded", _) => Self::AlreadyRefunded,
            (_, "charge_disputed" | "refund_disputed_payment", _) => Self::Disputed,
            (_, "resource_missing", _) => Self::Missing,
            (_, _, "amount") => Self::AmountNotPossible,
            (_, _, "expires_at") => Self::ExpiryTooSoon,
            ("idempotency_error", ..) => Self::IdempotencyKeyReused,
            _ => Self::Other,
        }
    }
}

impl StripeError {
    /// Returns the reason for a refusal, or `None` for other errors.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Unavailable(_) | Self::TooLarge | Self::Unreadable(_) | Self::RepeatedFailure => {
                None
            }
        }
    }

    /// Returns whether the request can succeed with another expiry time, which is part of the
    /// idempotency key.
    pub(crate) fn needs_new_key(&self) -> bool {
        match self {
            Self::Refused { refusal, .. } => {
                matches!(
                    refusal,
                    Refusal::ExpiryTooSoon | Refusal::IdempotencyKeyReused
                )
            }
            Self::RepeatedFailure => true,
            Self::Unavailable(_) | Self::TooLarge | Self::Unreadable(_) => false,
        }
    }
}

impl From<StripeError> for Error {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Refused { .. } => Self::Internal(Box::new(error)),
            StripeError::Unavailable(_)
            | StripeError::TooLarge
            | StripeError::Unreadable(_)
            | StripeError::RepeatedFailure => Self::Unavailable(Box::new(error)),
        }
    }
}

/// A Checkout Session to be created.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// The id of the payment, which Stripe includes in its events.
    pub payment_id: Uuid,
    /// The amount in the smallest unit of the currency.
    pub amount: i64,
    /// The ISO 4217 code of the currency.
    pub currency: &'a str,
    /// The title that the payment page shows.
    pub title: &'a str,
    /// The member's e-mail address.
    pub email: &'a str,
    /// When the session expires if it is not paid. At least thirty minutes from now.
    pub expires_at: DateTime<Utc>,
    /// Where Stripe redirects the browser after the payment.
    pub success_url: String,
    /// Where Stripe redirects the browser when the member goes back.
    pub cancel_url: String,
}

/// A refund to be created.
#[derive(Clone, Copy, Debug)]
pub struct NewRefund<'a> {
    /// Our id of the refund, which is also the idempotency key.
    pub id: Uuid,
    /// Our id of the payment.
    pub payment_id: Uuid,
    /// Stripe's id of the payment intent.
    pub payment_intent: &'a str,
    /// The amount in the smallest unit of the currency.
    pub amount: i64,
}

impl Stripe {
    /// Creates a client. It connects on the first request.
    pub fn new(config: StripeConfig) -> Self {
        Self {
            config,
            http_client: HttpClient::default(),
        }
    }

    /// Returns how long a request may take, with its repetitions.
    pub(crate) fn time_limit(&self) -> Duration {
        self.config.time_limit
    }

    /// Creates a Checkout Session. Another call for the same payment and the same
    /// expiry time returns the same session, for at least a day.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn create_session(&self, new: &NewSession<'_>) -> Result<Session, StripeError> {
        let id = new.payment_id.to_string();
        let expires_at = new.expires_at.timestamp();
        let amount = new.amount.to_string();
        let price = "line_items[0][price_data]";
        let form = encode_form(&[
            ("mode", "payment"),
            // Other methods may settle days later, and would hold the spot for days.
            ("payment_method_types[0]", "card"),
            ("line_items[0][quantity]", "1"),
            (&format!("{price}[currency]"), &new.currency.to_lowercase()),
            (&format!("{price}[unit_amount]"), &amount),
            (&format!("{price}[product_data][name]"), new.title),
            ("metadata[payment_id]", &id),
            ("payment_intent_data[metadata][payment_id]", &id),
            ("customer_email", new.email),
            ("success_url", &new.success_url),
            ("cancel_url", &new.cancel_url),
            ("expires_at", &expires_at.to_string()),
        ]);
        let key = format!("{id}-{expires_at}");
        self.post("/v1/checkout/sessions", form, Some(key)).await
    }

    /// Reads a Checkout Session.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn session(&self, id: &str) -> Result<Session, StripeError> {
        let path = format!("/v1/checkout/sessions/{}", path_segment(id));
        self.call(Method::GET, &path, String::new(), None).await
    }

    /// Expires a Checkout Session. Stripe refuses this for sessions that are not
    /// open.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn expire_session(&self, id: &str) -> Result<Session, StripeError> {
        // This needs no idempotency key, because an expired session cannot be expired
        // again.
        let path = format!("/v1/checkout/sessions/{}/expire", path_segment(id));
        self.post(&path, String::new(), None).await
    }

    /// Creates a refund. Another call with the same id returns the same refund, for at
    /// least a day.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn create_refund(&self, new: &NewRefund<'_>) -> Result<Refund, StripeError> {
        let id = new.id.to_string();
        let form = encode_form(&[
            ("payment_intent", new.payment_intent),
            ("amount", &new.amount.to_string()),
            ("metadata[payment_id]", &new.payment_id.to_string()),
            ("metadata[refund_id]", &id),
        ]);
        self.post("/v1/refunds", form, Some(id)).await
    }

    /// Lists all refunds of a payment intent, oldest first.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn refunds(&self, payment_intent: &str) -> Result<Vec<Refund>, StripeError> {
        self.list("/v1/refunds", payment_intent, |refund: &Refund| &refund.id)
            .await
    }

    /// Reads a dispute.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn dispute(&self, id: &str) -> Result<Dispute, StripeError> {
        let path = format!("/v1/disputes/{}", path_segment(id));
        self.call(Method::GET, &path, String::new(), None).await
    }

    /// Lists all disputes of a payment intent, oldest first.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn disputes(&self, payment_intent: &str) -> Result<Vec<Dispute>, StripeError> {
        self.list("/v1/disputes", payment_intent, |dispute: &Dispute| {
            &dispute.id
        })
        .await
    }

    /// Reads a payment intent.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn payment_intent(&self, id: &str) -> Result<PaymentIntent, StripeError> {
        let path = format!("/v1/payment_intents/{}", path_segment(id));
        self.call(Method::GET, &path, String::new(), None).await
    }

    /// Reads all pages of a list of objects of a payment intent. Stripe returns the newest
    /// object first, so the list is reversed.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        payment_intent: &str,
        id: impl Fn(&T) -> &String,
    ) -> Result<Vec<T>, StripeError> {
        let first_page_path = format!(
            "{path}?limit=100&payment_intent={}",
            path_segment(payment_intent)
        );
        let mut page_path = first_page_path.clone();
        let mut objects = Vec::new();
        loop {
            let List { data, has_more } = self
                .call(Method::GET, &page_path, String::new(), None)
                .await?;
            objects.extend(data);
            match objects.last() {
                Some(last) if has_more => {
                    page_path = format!(
                        "{first_page_path}&starting_after={}",
                        path_segment(id(last))
                    );
                }
                _ => break,
            }
        }
        objects.reverse();
        Ok(objects)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: String,
        key: Option<String>,
    ) -> Result<T, StripeError> {
        self.call(Method::POST, path, form, key).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        form: String,
        key: Option<String>,
    ) -> Result<T, StripeError> {
        let body = self.send(method, path, form, key).await?;
        serde_json::from_slice(&body).map_err(|error| StripeError::Unreadable(error.to_string()))
    }

    /// Sends a request, and repeats it until there is a final response, [`MAX_ATTEMPTS`] is
    /// reached, or the time limit has passed.
    async fn send(
        &self,
        method: Method,
        path: &str,
        form: String,
        key: Option<String>,
    ) -> Result<Vec<u8>, StripeError> {
        let time_limit = self.config.time_limit;
        let response = timeout(time_limit, async {
            let mut attempt = 1;
            loop {
                let request = self.request(&method, path, &form, key.as_deref())?;
                let outcome = parse_response(self.http_client.send(request, time_limit).await);
                if attempt == MAX_ATTEMPTS || !matches!(outcome, Err(StripeError::Unavailable(_))) {
                    return outcome;
                }
                sleep(retry_delay(attempt)).await;
                attempt += 1;
            }
        });
        let timed_out = |_| StripeError::Unavailable(format!("no response within {time_limit:?}"));
        response.await.map_err(timed_out)?
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        form: &str,
        key: Option<&str>,
    ) -> Result<Request<http_body_util::Full<hyper::body::Bytes>>, StripeError> {
        let invalid = |_| StripeError::Unavailable("cannot build the request".into());
        let bearer = format!("Bearer {}", self.config.secret_key.expose());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|_| {
            StripeError::Unavailable("STRIPE_SECRET_KEY is not a valid header value".into())
        })?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.config.api_base))
            .header(AUTHORIZATION, bearer)
            .header("stripe-version", API_VERSION);
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.body(form.to_owned().into()).map_err(invalid)
    }
}

fn encode_form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}

/// Drops characters that do not occur in Stripe's ids, so that an id cannot change
/// the path.
fn path_segment(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

fn retry_delay(attempt: u32) -> Duration {
    Duration::from_millis(u64::from(attempt) * 200 + random::below(200))
}

fn parse_response(
    response: Result<http_client::HttpResponse, http_client::HttpError>,
) -> Result<Vec<u8>, StripeError> {
    let response = response.map_err(|error| match error {
        http_client::HttpError::TooLarge => StripeError::TooLarge,
        error => StripeError::Unavailable(chain(&error)),
    })?;
    let status = response.status;
    if status.is_success() {
        return Ok(response.body.into());
    }
    // 409: another request with the same key is in progress.
    if matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) {
        return Err(StripeError::Unavailable(format!("HTTP status {status}")));
    }
    if !status.is_client_error() {
        let replayed = response.headers.get("idempotent-replayed");
        if replayed.is_some_and(|value| value == "true") {
            return Err(StripeError::RepeatedFailure);
        }
        return Err(StripeError::Unavailable(format!("HTTP status {status}")));
    }
    let ErrorBody { error } = serde_json::from_slice(&response.body).unwrap_or_default();
    Err(StripeError::Refused {
        status: status.as_u16(),
        refusal: Refusal::new(&error.kind, &error.code, &error.parameter),
        code: match error.code.is_empty() {
            true => error.kind,
            false => error.code,
        },
        parameter: error.parameter,
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: ErrorDetails,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetails {
    #[serde(rename = "type", deserialize_with = "string_or_null")]
    kind: String,
    #[serde(deserialize_with = "string_or_null")]
    code: String,
    #[serde(rename = "param", deserialize_with = "string_or_null")]
    parameter: String,
}

fn string_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
