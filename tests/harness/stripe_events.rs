//! Creates, signs, and delivers webhook events.

use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

use super::{TestApp, TestResponse, hex};

/// The secret that signs webhook events.
pub const WEBHOOK_SECRET: &str = "whsec_test";

/// Returns an event in the shape of <https://docs.stripe.com/api/events/object>.
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

/// Returns the `Stripe-Signature` header of an event body at a Unix time.
///
/// [`StripeSdk`](super::StripeSdk) computes the same header more slowly.
pub fn sign_event(time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex(tag.as_ref()))
}

impl TestApp {
    /// Delivers an event as Stripe does; returns the response.
    pub async fn deliver_event(&self, event: &Value) -> TestResponse {
        let body = event.to_string();
        let signature = sign_event(self.app.clock().now().timestamp(), &body);
        self.deliver_signed_event(&signature, &body).await
    }

    /// Delivers an event body with this `Stripe-Signature` header.
    pub async fn deliver_signed_event(&self, signature: &str, body: &str) -> TestResponse {
        let request = self
            .visitor()
            .request(Method::POST, "/api/payments/webhook")
            .header("content-type", "application/json; charset=utf-8")
            .header("stripe-signature", signature)
            .body(body.to_owned());
        TestResponse::read(request.send().await.unwrap()).await
    }
}
