//! What Stripe tells us, and whether it was Stripe.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ring::hmac;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::{Refund, Session, Stripe, payment_id};
use crate::error::{Error, Result};

/// How old, or how far ahead, a signature may be, in seconds.
const TOLERANCE: i64 = 300;

/// Something that happened at Stripe.
#[derive(Clone, Debug)]
pub struct Event {
    /// `evt_…`: the same each time that it is told.
    pub id: String,
    /// `checkout.session.completed` and its like.
    pub kind: String,
    /// What it means to us.
    pub told: Told,
}

/// What an event means to us.
#[derive(Clone, Debug)]
pub enum Told {
    /// The money of this session is there.
    Paid(Session),
    /// It was tried, and will not come.
    Failed(Session),
    /// The session ended without it.
    Expired(Session),
    /// A charge was paid back, in part or whole.
    Charge(Charge),
    /// A refund has come further, or nowhere.
    Refund(Refund),
    /// Nothing.
    Nothing,
}

/// Money that was taken from a card.
#[derive(Clone, Debug, Deserialize)]
pub struct Charge {
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// In ISO 4217, lower case.
    pub currency: String,
    /// Whether all of it is back.
    pub refunded: bool,
    /// `pi_…`
    pub payment_intent: Option<String>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
}

impl Charge {
    /// Which payment of ours it is of, if of any: the metadata of the payment
    /// intent are those of its charges.
    pub fn payment_id(&self) -> Option<Uuid> {
        payment_id(self.metadata.as_ref())
    }
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

impl Event {
    fn read(body: &[u8]) -> Result<Self> {
        let Envelope { id, kind, data } = serde_json::from_slice(body).map_err(unreadable)?;
        let told = match kind.as_str() {
            "checkout.session.completed" => {
                let session: Session = object(data)?;
                // Unpaid yet: another event tells what becomes of it.
                if session.is_paid() {
                    Told::Paid(session)
                } else {
                    Told::Nothing
                }
            }
            "checkout.session.async_payment_succeeded" => Told::Paid(object(data)?),
            "checkout.session.async_payment_failed" => Told::Failed(object(data)?),
            "checkout.session.expired" => Told::Expired(object(data)?),
            "charge.refunded" => Told::Charge(object(data)?),
            // The last is how older endpoints are told of the first two.
            "refund.updated" | "refund.failed" | "charge.refund.updated" => {
                Told::Refund(object(data)?)
            }
            _ => Told::Nothing,
        };
        Ok(Self { id, kind, told })
    }
}

fn object<T: DeserializeOwned>(data: Data) -> Result<T> {
    serde_json::from_value(data.object).map_err(unreadable)
}

fn unreadable(_: serde_json::Error) -> Error {
    Error::malformed("The event cannot be read")
}

impl Stripe {
    /// Reads an event, if Stripe has signed it and not long ago. `signature` is
    /// the header `Stripe-Signature`.
    ///
    /// # Errors
    ///
    /// [`Error::BadSignature`], before anything of the body is looked at;
    /// [`Error::Malformed`].
    pub fn event(&self, signature: &str, body: &[u8], now: DateTime<Utc>) -> Result<Event> {
        let key = hmac::Key::new(
            hmac::HMAC_SHA256,
            self.config.webhook_secret.expose().as_bytes(),
        );
        if !is_signed(&key, signature, body, now.timestamp()) {
            return Err(Error::BadSignature);
        }
        Event::read(body)
    }
}

/// `t=<seconds>,v1=<hex>`, of several secrets while one is being replaced
/// (<https://docs.stripe.com/webhooks#verify-manually>). Signatures of other
/// schemes than `v1` are passed over.
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
    // By its text it is signed, by its number it is judged.
    let recent = time
        .parse::<i64>()
        .is_ok_and(|seconds| now.abs_diff(seconds) <= TOLERANCE.unsigned_abs());
    let message = [time.as_bytes(), b".", body].concat();
    recent
        && parts()
            .filter(|(name, _)| *name == "v1")
            .filter_map(|(_, told)| hex::decode(told).ok())
            .any(|tag| hmac::verify(key, &message, &tag).is_ok())
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
    fn only_what_was_signed_with_the_secret_is_believed() {
        let good = sign("whsec", NOW, "{}");
        let other = sign("other", NOW, "{}");
        for (header, believed) in [
            (format!("t={NOW},v1={good}"), true),
            (format!("t={NOW}, v1={other}, v1={good}, v0=00"), true),
            (format!("v1={good},t={NOW}"), true),
            (format!("t={NOW},v1={other}"), false),
            (format!("t={NOW},v0={good}"), false),
            (format!("t={},v1={good}", NOW + 1), false),
            (format!("t={NOW},t={},v1={good}", NOW + 1), false),
            (format!("t={NOW},v1={}", &good[..62]), false),
            (format!("t={NOW},v1="), false),
            (format!("v1={good}"), false),
            (format!("t={NOW}"), false),
            (String::new(), false),
        ] {
            assert_eq!(
                is_signed(&key("whsec"), &header, b"{}", NOW),
                believed,
                "{header}"
            );
        }
        let header = format!("t={NOW},v1={good}");
        assert!(!is_signed(&key("whsec"), &header, b"{ }", NOW));
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_either_way() {
        for (age, believed) in [
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
                believed,
                "{age}"
            );
        }
        let far = format!("t={},v1={}", i64::MIN, sign("whsec", i64::MIN, "{}"));
        assert!(!is_signed(&key("whsec"), &far, b"{}", NOW));
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::json;

    use super::*;
    use crate::testing::arbitrary::{altered, altered_text, bytes, character, fair, form, json};

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, b"whsec")
    }

    fn signature(time: i64, body: &[u8]) -> String {
        let message = [time.to_string().as_bytes(), b".", body].concat();
        hex::encode(hmac::sign(&key(), &message))
    }

    /// What may stand in the header beside time and signature.
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
        fn what_was_signed_is_believed_whatever_stands_beside_it_and_for_five_minutes(
            body in bytes(), time in 0..4_000_000_000_i64, age in -400..400_i64, before in items(), after in items(),
        ) {
            let signed = [format!("t={time}"), format!("v1={}", signature(time, &body))];
            let header = [before, signed.to_vec(), after].concat().join(",");
            assert_eq!(is_signed(&key(), &header, &body, time + age), age.abs() <= 300, "{header}");
        }

        #[test]
        fn nobody_else_can_sign(
            header in "[ -~]{0,80}", guess in "[0-9a-f]{64}", body in bytes(), now in any::<i64>(),
        ) {
            assert!(!is_signed(&key(), &header, &body, now), "{header}");
            assert!(!is_signed(&key(), &format!("t={now},v1={guess}"), &body, now));
        }

        #[test]
        fn one_changed_byte_of_what_was_signed_is_noticed(
            body in bytes(), time in 1_000_000_000..4_000_000_000_i64,
            place in any::<Index>(), flip in any::<u8>(), by in character(),
        ) {
            let (written, tag) = (time.to_string(), signature(time, &body));
            let header = format!("t={time},v1={tag}");
            let longer = [&body[..], &[flip]].concat();
            assert!(!is_signed(&key(), &header, &longer, time));
            if !body.is_empty() {
                assert!(!is_signed(&key(), &header, &altered(&body, place, flip), time));
            }
            if let Some(time_told) = altered_text(&written, place, by) {
                // By its own account it may be recent: signed it is not.
                let now = time_told.parse().unwrap_or(time);
                assert!(!is_signed(&key(), &format!("t={time_told},v1={tag}"), &body, now));
            }
            // What begins the body may not have come from the end of the time.
            let (moved, rest) = written.split_at(9);
            let shifted = [rest.as_bytes(), &body].concat();
            assert!(!is_signed(&key(), &format!("t={moved},v1={tag}"), &shifted, moved.parse().unwrap()));
            // Other digits of the same time are other bytes.
            assert!(!is_signed(&key(), &format!("t=+{time},v1={tag}"), &body, time));
        }

        #[test]
        fn whatever_was_signed_is_an_event_or_cannot_be_read(
            body in bytes(), value in json(), told in form(&json!({
                "id": "cs_1", "payment_status": "paid", "amount": 1, "amount_total": 1, "currency": "usd",
                "refunded": true, "status": "open", "payment_intent": "pi_1", "metadata": { "payment_id": "x" },
                "client_reference_id": "018f", "url": null,
            })),
            kind in select(vec![
                "checkout.session.completed", "checkout.session.async_payment_succeeded",
                "checkout.session.expired", "charge.refunded", "refund.updated", "refund.failed", "other",
            ]),
        ) {
            fair(Event::read(&body));
            for object in [value, told] {
                let event = json!({ "id": "evt_1", "type": kind, "data": { "object": object } });
                if let Some(event) = fair(Event::read(event.to_string().as_bytes())) {
                    assert_eq!((event.id.as_str(), event.kind.as_str()), ("evt_1", kind));
                    assert!(kind != "other" || matches!(event.told, Told::Nothing));
                    // Only what Stripe says is paid is taken for paid.
                    let is_paid = object["payment_status"] == "paid" || kind.ends_with("succeeded");
                    assert!(is_paid || !matches!(event.told, Told::Paid(_)), "{object}");
                }
            }
        }
    }
}
