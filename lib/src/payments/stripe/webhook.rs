//! Webhook events, and the check of their signatures.

use chrono::{DateTime, Utc};
use ring::hmac;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Stripe;
use crate::error::{Error, Result};

/// How far the time of a signature may be from now, in seconds.
const TOLERANCE_SECONDS: i64 = 300;

/// An event that Stripe reports.
#[derive(Clone, Debug)]
pub struct Event {
    /// The id, such as `evt_…`. It stays the same when Stripe repeats the event.
    pub id: String,
    /// Stripe's name for the kind of event, such as `checkout.session.completed`.
    pub name: String,
    /// The kind of the event.
    pub kind: EventKind,
}

/// The kind of an event, with the ids of the objects to retrieve from Stripe. The state of an
/// object in the event may be outdated, and has the format of the endpoint's API version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A Checkout Session was completed or has expired, or its delayed payment has succeeded
    /// or failed.
    Checkout {
        /// The id of the session.
        session: String,
        /// Whether the payment failed after the session was completed.
        has_failed: bool,
    },
    /// A payment was refunded, or the status of a refund changed.
    Refunds {
        /// The id of the charge or the refund.
        object: String,
        /// The id of the payment intent. `None` if the charge has none.
        payment_intent: Option<String>,
    },
    /// A dispute was opened, changed or decided.
    Dispute {
        /// The id of the dispute.
        dispute: String,
    },
    /// A subscription was started, changed or ended.
    Subscription {
        /// The id of the subscription.
        subscription: String,
    },
    /// An invoice was paid or voided, or its payment failed.
    Invoice {
        /// The id of the invoice.
        invoice: String,
    },
    /// The event does not concern us.
    Ignored,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    name: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Map<String, Value>,
}

/// The ids of an object.
#[derive(Deserialize)]
struct Ids {
    id: String,
    #[serde(default)]
    payment_intent: Option<String>,
}

impl Event {
    fn parse(body: &[u8]) -> Result<Self> {
        let Envelope { id, name, data } = serde_json::from_slice(body).map_err(malformed)?;
        let ids = || serde_json::from_value::<Ids>(data.object.into()).map_err(malformed);
        let kind = match name.as_str() {
            "checkout.session.completed"
            | "checkout.session.async_payment_succeeded"
            | "checkout.session.async_payment_failed"
            | "checkout.session.expired" => EventKind::Checkout {
                session: ids()?.id,
                has_failed: name.ends_with("failed"),
            },
            // Endpoints with an older API version receive `charge.refund.updated` instead
            // of the `refund` events.
            "charge.refunded"
            | "refund.created"
            | "refund.updated"
            | "refund.failed"
            | "charge.refund.updated" => {
                let Ids { id, payment_intent } = ids()?;
                EventKind::Refunds {
                    object: id,
                    payment_intent,
                }
            }
            "charge.dispute.created"
            | "charge.dispute.updated"
            | "charge.dispute.closed"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated" => EventKind::Dispute { dispute: ids()?.id },
            "customer.subscription.created"
            | "customer.subscription.updated"
            | "customer.subscription.deleted"
            | "customer.subscription.paused"
            | "customer.subscription.resumed" => EventKind::Subscription {
                subscription: ids()?.id,
            },
            "invoice.paid" | "invoice.payment_failed" | "invoice.voided" => {
                EventKind::Invoice { invoice: ids()?.id }
            }
            _ => EventKind::Ignored,
        };
        Ok(Self { id, name, kind })
    }
}

fn malformed(_: serde_json::Error) -> Error {
    Error::malformed("The event cannot be read")
}

impl Stripe {
    /// Checks that an event has a valid and recent signature, and parses the event.
    /// `signature` is the value of the header `Stripe-Signature`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::BadSignature`] when the signature is wrong or not recent, and
    /// with [`Error::Malformed`] when the event cannot be parsed.
    pub fn event(&self, signature: &str, body: &[u8], now: DateTime<Utc>) -> Result<Event> {
        let key = hmac::Key::new(
            hmac::HMAC_SHA256,
            self.config.webhook_secret.expose().as_bytes(),
        );
        if !is_signed(&key, signature, body, now.timestamp()) {
            return Err(Error::BadSignature);
        }
        Event::parse(body)
    }
}

/// Returns whether a header of the form `t=<seconds>,v1=<hex>` is recent and signs `body`.
/// While a secret is being replaced, the header contains a signature for each secret
/// (<https://docs.stripe.com/webhooks#verify-manually>). Signatures of other schemes than
/// `v1` are ignored.
fn is_signed(key: &hmac::Key, header: &str, body: &[u8], now: i64) -> bool {
    let parts = || {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
    };
    let mut times = parts().filter(|(name, _)| *name == "t");
    let (Some((_, time)), None) = (times.next(), times.next()) else {
        return false;
    };
    let is_recent = time
        .parse::<i64>()
        .is_ok_and(|seconds| now.abs_diff(seconds) <= TOLERANCE_SECONDS.unsigned_abs());
    let message = [time.as_bytes(), b".", body].concat();
    is_recent
        && parts()
            .filter(|(name, _)| *name == "v1")
            .filter_map(|(_, signature)| hex::decode(signature).ok())
            .any(|signature| hmac::verify(key, &message, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn key(secret: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
    }

    fn sign(secret: &str, time: i64, body: &str) -> String {
        hex::encode(hmac::sign(
            &key(secret),
            format!("{time}.{body}").as_bytes(),
        ))
    }

    #[test]
    fn only_signatures_with_the_secret_are_accepted() {
        let valid = sign("whsec", NOW, "{}");
        let foreign = sign("other", NOW, "{}");
        for (header, accepted) in [
            (format!("t={NOW},v1={valid}"), true),
            (format!("t={NOW}, v1={foreign}, v1={valid}, v0=00"), true),
            (format!("v1={valid},t={NOW}"), true),
            (format!("t={NOW},v1={foreign}"), false),
            (format!("t={NOW},v0={valid}"), false),
            (format!("t={},v1={valid}", NOW + 1), false),
            (format!("t={NOW},t={},v1={valid}", NOW + 1), false),
            (format!("t={NOW},v1={}", &valid[..62]), false),
            (format!("t={NOW},v1="), false),
            (format!("v1={valid}"), false),
            (format!("t={NOW}"), false),
            (String::new(), false),
        ] {
            assert_eq!(
                is_signed(&key("whsec"), &header, b"{}", NOW),
                accepted,
                "{header}"
            );
        }
        let header = format!("t={NOW},v1={valid}");
        assert!(!is_signed(&key("whsec"), &header, b"{ }", NOW));
    }

    #[test]
    fn a_signature_is_valid_for_five_minutes_in_both_directions() {
        for (age, accepted) in [
            (0, true),
            (300, true),
            (-300, true),
            (301, false),
            (-301, false),
        ] {
            let time = NOW - age;
            let header = format!("t={time},v1={}", sign("whsec", time, "{}"));
            assert_eq!(
                is_signed(&key("whsec"), &header, b"{}", NOW),
                accepted,
                "{age}"
            );
        }
        let header = format!("t={},v1={}", i64::MIN, sign("whsec", i64::MIN, "{}"));
        assert!(!is_signed(&key("whsec"), &header, b"{}", NOW));
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::json;

    use super::*;
    use crate::testing::arbitrary::{
        altered, altered_text, bytes, character, form, json, parsed_or_client_error,
    };

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, b"whsec")
    }

    fn signature(time: i64, body: &[u8]) -> String {
        let message = [time.to_string().as_bytes(), b".", body].concat();
        hex::encode(hmac::sign(&key(), &message))
    }

    /// Generates other items that the header may contain.
    fn items() -> impl Strategy<Value = Vec<String>> {
        vec(
            prop_oneof![
                "v[0-9]=[0-9a-f]{0,64}",
                "[a-su-z]{0,3}=?[!-+--~]{0,9}",
                " ?"
            ],
            0..4,
        )
    }

    proptest! {
        #[test]
        fn a_signature_is_valid_for_five_minutes_among_any_other_items(
            body in bytes(), time in 0..4_000_000_000_i64, age in -400..400_i64, before in items(), after in items(),
        ) {
            let signature_items = [format!("t={time}"), format!("v1={}", signature(time, &body))];
            let header = [before, signature_items.to_vec(), after].concat().join(",");
            assert_eq!(is_signed(&key(), &header, &body, time + age), age.abs() <= 300, "{header}");
        }

        #[test]
        fn a_signature_cannot_be_guessed(
            header in "[ -~]{0,80}", guess in "[0-9a-f]{64}", body in bytes(), now in any::<i64>(),
        ) {
            assert!(!is_signed(&key(), &header, &body, now), "{header}");
            assert!(!is_signed(&key(), &format!("t={now},v1={guess}"), &body, now));
        }

        #[test]
        fn a_changed_byte_invalidates_the_signature(
            body in bytes(), time in 1_000_000_000..4_000_000_000_i64,
            index in any::<Index>(), flip in any::<u8>(), replacement in character(),
        ) {
            let (time_text, signature_hex) = (time.to_string(), signature(time, &body));
            let header = format!("t={time},v1={signature_hex}");
            let longer = [&body[..], &[flip]].concat();
            assert!(!is_signed(&key(), &header, &longer, time));
            if !body.is_empty() {
                assert!(!is_signed(&key(), &header, &altered(&body, index, flip), time));
            }
            if let Some(other_time) = altered_text(&time_text, index, replacement) {
                // The changed time may be recent, but it is not signed.
                let now = other_time.parse().unwrap_or(time);
                assert!(!is_signed(&key(), &format!("t={other_time},v1={signature_hex}"), &body, now));
            }
            // The boundary between time and body is signed.
            let (shorter_time, rest) = time_text.split_at(9);
            let shifted = [rest.as_bytes(), &body].concat();
            let header = format!("t={shorter_time},v1={signature_hex}");
            assert!(!is_signed(&key(), &header, &shifted, shorter_time.parse().unwrap()));
            // Another spelling of the same time is not signed.
            assert!(!is_signed(&key(), &format!("t=+{time},v1={signature_hex}"), &body, time));
        }

        #[test]
        fn a_signed_body_is_an_event_or_malformed(
            body in bytes(), value in json(), stripe_object in form(&json!({
                "id": "cs_1", "payment_intent": "pi_1", "metadata": { "payment_id": "x" }, "url": null,
            })),
            kind in select(vec![
                "checkout.session.completed", "checkout.session.async_payment_succeeded",
                "checkout.session.expired", "charge.refunded", "refund.updated", "charge.dispute.closed",
                "invoice.paid", "customer.subscription.updated", "other",
            ]),
        ) {
            parsed_or_client_error(Event::parse(&body));
            for object in [value, stripe_object] {
                let event = json!({ "id": "evt_1", "type": kind, "data": { "object": object } });
                if let Some(event) = parsed_or_client_error(Event::parse(event.to_string().as_bytes())) {
                    assert_eq!((event.id.as_str(), event.name.as_str()), ("evt_1", kind));
                    assert_eq!(kind == "other", event.kind == EventKind::Ignored);
                    // The object of an event that is not ignored has an id.
                    assert!(kind == "other" || object["id"].is_string(), "{object}");
                }
            }
        }
    }
}
