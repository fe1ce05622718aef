//! The signatures of webhook events, as Stripe's official SDK computes them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{checkout_completed, payment_of, start_checkout, start_with_stripe};
use crate::harness::{
    StripeSdk, StripeStandIn, TestApp, TestClient, TestResponse, WEBHOOK_SECRET, sign_event,
};
use crate::malformed_requests::assert_no_library_message;

/// A pending card payment whose checkout has just been completed, and the event
/// that reports this.
struct Scenario {
    app: TestApp,
    ana: TestClient,
    booking: Value,
    event: String,
    _stripe: StripeStandIn,
}

impl Scenario {
    async fn start() -> Self {
        let (app, stripe) = start_with_stripe().await;
        let ana = app.member("ana").await;
        let (booking, session) = start_checkout(&app, &stripe, &ana).await;
        let event = checkout_completed(&stripe.complete_checkout(&session)).to_string();
        Self {
            app,
            ana,
            booking,
            event,
            _stripe: stripe,
        }
    }

    fn now(&self) -> i64 {
        self.app.app.clock().now().timestamp()
    }

    /// Delivers the event with this `Stripe-Signature`.
    async fn deliver(&self, signature: &str) -> TestResponse {
        self.deliver_body(signature, &self.event).await
    }

    async fn deliver_body(&self, signature: &str, body: &str) -> TestResponse {
        self.app.deliver_signed_event(signature, body).await
    }

    async fn payment_status(&self) -> Value {
        payment_of(&self.ana, &self.booking).await["status"].clone()
    }

    async fn assert_rejected(&self, response: &TestResponse) {
        response.expect_code(400, "bad_signature");
        assert_eq!(self.payment_status().await, "pending");
        let stored = "select count(*) from webhook_events";
        assert_eq!(self.app.count(stored).await, 0);
    }
}

#[tokio::test]
async fn our_signer_and_the_stripe_sdk_compute_the_same_header() {
    let Some(sdk) = StripeSdk::install().await else {
        return;
    };
    for payload in ["{}", "{\"name\": \"Señora Núñez 💃\"}\n", ""] {
        for timestamp in [1_700_000_000, 1] {
            let signature = sdk.sign(WEBHOOK_SECRET, timestamp, payload).await;
            assert_eq!(sign_event(timestamp, payload), signature, "{payload}");
        }
    }
}

#[tokio::test]
async fn an_event_signed_by_the_stripe_sdk_is_accepted() {
    let Some(sdk) = StripeSdk::install().await else {
        return;
    };
    let scenario = Scenario::start().await;
    let signature = sdk
        .sign(WEBHOOK_SECRET, scenario.now(), &scenario.event)
        .await;
    scenario.deliver(&signature).await.expect(200);
    assert_eq!(scenario.payment_status().await, "paid");
}

#[tokio::test]
async fn an_event_signed_by_the_stripe_sdk_with_another_secret_is_rejected() {
    let Some(sdk) = StripeSdk::install().await else {
        return;
    };
    let scenario = Scenario::start().await;
    let signature = sdk
        .sign("whsec_of_somebody_else", scenario.now(), &scenario.event)
        .await;
    let response = scenario.deliver(&signature).await;
    scenario.assert_rejected(&response).await;
}

#[tokio::test]
async fn an_event_signed_by_the_stripe_sdk_too_long_ago_is_rejected() {
    let Some(sdk) = StripeSdk::install().await else {
        return;
    };
    let scenario = Scenario::start().await;
    for seconds in [301, 86_400] {
        let time = scenario.now() - seconds;
        let signature = sdk.sign(WEBHOOK_SECRET, time, &scenario.event).await;
        let response = scenario.deliver(&signature).await;
        scenario.assert_rejected(&response).await;
    }
}

/// While a webhook secret is rolled, Stripe signs each event with both secrets.
#[tokio::test]
async fn an_event_signed_with_two_secrets_is_accepted_if_one_of_them_is_ours() {
    let Some(sdk) = StripeSdk::install().await else {
        return;
    };
    for ours_first in [true, false] {
        let scenario = Scenario::start().await;
        let now = scenario.now();
        let ours = sdk.sign(WEBHOOK_SECRET, now, &scenario.event).await;
        let other = sdk.sign("whsec_rolled", now, &scenario.event).await;
        let another = sdk.sign("whsec_unknown", now, &scenario.event).await;
        let combine = |first: &str, second: &str| {
            let (_, signature) = second.split_once(',').unwrap();
            format!("{first},{signature}")
        };
        let response = scenario.deliver(&combine(&other, &another)).await;
        scenario.assert_rejected(&response).await;
        let signatures = if ours_first {
            combine(&ours, &other)
        } else {
            combine(&other, &ours)
        };
        scenario.deliver(&signatures).await.expect(200);
        assert_eq!(scenario.payment_status().await, "paid");
    }
}

#[tokio::test]
async fn events_without_a_valid_signature_are_rejected() {
    let scenario = Scenario::start().await;
    let body = &scenario.event;
    let now = scenario.now();
    let valid = sign_event(now, body);
    for invalid in [
        String::new(),
        "x".to_owned(),
        sign_event(now, "{}"),
        valid.replace("v1=", "v0="),
        valid.replace("v1=", "v1=00"),
        valid.to_uppercase(),
        sign_event(now - 301, body),
        // So far in the future that a slow test run cannot reach this time. A unit test
        // checks the exact limit.
        sign_event(now + 600, body),
        sign_event(now - 400, body).replace(&(now - 400).to_string(), &now.to_string()),
    ] {
        let response = scenario.deliver(&invalid).await;
        scenario.assert_rejected(&response).await;
    }
    // One added space invalidates the signature.
    let response = scenario.deliver_body(&valid, &format!("{body} ")).await;
    scenario.assert_rejected(&response).await;
    // The signature is checked before the body is parsed.
    let response = scenario.deliver_body(&valid, "{").await;
    scenario.assert_rejected(&response).await;
    scenario.deliver(&valid).await.expect(200);
    assert_eq!(scenario.payment_status().await, "paid");
}

#[tokio::test]
async fn events_with_an_old_signature_are_rejected() {
    let scenario = Scenario::start().await;
    let signature = sign_event(scenario.now(), &scenario.event);
    scenario.app.app.clock().advance(TimeDelta::seconds(302));
    let response = scenario.deliver(&signature).await;
    scenario.assert_rejected(&response).await;
}

#[tokio::test]
async fn signed_but_malformed_events_are_rejected() {
    let (app, _stripe) = start_with_stripe().await;
    let now = app.app.clock().now().timestamp();
    let checkout_without_fields = json!({
        "id": "evt_1", "type": "checkout.session.completed", "data": { "object": {} },
    });
    for body in ["{", "[]", "{}", &checkout_without_fields.to_string()] {
        let signature = sign_event(now, body);
        let response = app.deliver_signed_event(&signature, body).await;
        response.expect_code(400, "malformed_request");
        assert_no_library_message(&response);
    }
    let visitor = app.visitor();
    let request = visitor.request(reqwest::Method::POST, "/api/payments/webhook");
    let request = request.header("content-type", "text/plain").body("{}");
    visitor.send(request).await.expect_code(415, "not_json");
}
