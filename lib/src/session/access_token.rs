//! The access token: a JWT (RFC 7519), signed by HMAC-SHA256 (RFC 7518 § 3.2).
//!
//! The format is implemented here because only Sabor issues and verifies these tokens. The
//! header of a token is one of a few known strings and is compared as a whole, so a token
//! cannot select another algorithm. A JWT crate would add 0.3 MB to each executable, and
//! would parse headers that are never issued.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::crypto::secret::{Secret, derive_keys, sha256_hex};
use crate::crypto::token::SessionKey;

/// How long an access token is valid.
pub const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// How far the clocks of two instances may differ.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Issues and verifies access tokens. The keys are derived from `SESSION_SECRET`. The first
/// key signs, and all keys verify.
#[derive(Clone)]
pub struct AccessTokens {
    keys: Vec<AccessKey>,
    issuer: String,
}

#[derive(Clone)]
struct AccessKey {
    /// The encoded header of the tokens that this key signs.
    header: String,
    key: hmac::Key,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    /// The session id.
    sid: Uuid,
    iat: i64,
    exp: i64,
}

impl AccessTokens {
    /// Derives the keys for the access tokens of the site at `issuer`. The tokens are valid
    /// only for the API of that site.
    pub fn new(secrets: &[Secret], issuer: &str) -> Self {
        let keys = derive_keys(secrets, "access token").into_iter();
        Self {
            keys: keys.map(AccessKey::new).collect(),
            issuer: issuer.to_owned(),
        }
    }

    /// Issues a token for a session of a member.
    pub fn issue(&self, session_id: Uuid, user_id: Uuid, now: DateTime<Utc>) -> String {
        let claims = json!(Claims {
            iss: self.issuer.clone(),
            aud: self.audience(),
            sub: user_id,
            sid: session_id,
            iat: now.timestamp(),
            exp: (now + ACCESS_LIFETIME).timestamp(),
        });
        let AccessKey { header, key } = &self.keys[0];
        let signing_input = format!("{header}.{}", BASE64.encode(claims.to_string()));
        let signature = BASE64.encode(hmac::sign(key, signing_input.as_bytes()));
        format!("{signing_input}.{signature}")
    }

    /// Returns the key of the token's session. `None` when the token is forged, damaged,
    /// expired, or from another issuer. Does no I/O.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<SessionKey> {
        let (signing_input, signature) = token.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        let access_key = self.keys.iter().find(|key| key.header == header)?;
        let signature = BASE64.decode(signature).ok()?;
        hmac::verify(&access_key.key, signing_input.as_bytes(), &signature).ok()?;
        let claims: Claims = serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()?;
        let is_ours = claims.iss == self.issuer && claims.aud == self.audience();
        let is_current = claims.exp + CLOCK_LEEWAY.num_seconds() > now.timestamp();
        (is_ours && is_current).then(|| SessionKey::of_session(claims.sid))
    }

    fn audience(&self) -> String {
        format!("{}/api", self.issuer)
    }
}

impl AccessKey {
    fn new(key: hmac::Key) -> Self {
        let id = sha256_hex(hmac::sign(&key, b"key id").as_ref());
        let header = json!({ "alg": "HS256", "kid": &id[..16], "typ": "JWT" });
        Self {
            header: BASE64.encode(header.to_string()),
            key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(secrets: &[&str]) -> AccessTokens {
        let secrets: Vec<_> = secrets.iter().map(|text| Secret::new(*text)).collect();
        AccessTokens::new(&secrets, "https://sabor.example")
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_token_is_valid_for_fifteen_minutes() {
        let (tokens, session_id) = (tokens(&["new", "old"]), Uuid::now_v7());
        let token = tokens.issue(session_id, Uuid::now_v7(), at(0));
        let key = Some(SessionKey::of_session(session_id));
        assert_eq!(tokens.verify(&token, at(904)), key);
        assert_eq!(tokens.verify(&token, at(905)), None);
    }

    #[test]
    fn a_token_stays_valid_after_a_rotation_of_the_secret_but_not_for_another_issuer() {
        let token = tokens(&["old"]).issue(Uuid::now_v7(), Uuid::now_v7(), at(0));
        assert!(tokens(&["new", "old"]).verify(&token, at(1)).is_some());
        assert!(tokens(&["new"]).verify(&token, at(1)).is_none());
        let other_site = AccessTokens::new(&[Secret::new("old")], "https://other.example");
        assert!(other_site.verify(&token, at(1)).is_none());
    }

    #[test]
    fn an_altered_token_is_refused() {
        let tokens = tokens(&["secret"]);
        let token = tokens.issue(Uuid::now_v7(), Uuid::now_v7(), at(0));
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert!(tokens.verify(&altered, at(1)).is_none(), "at {index}");
        }
        let (_, rest) = token.split_once('.').unwrap();
        let unsigned_header = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for invalid in [
            format!("{unsigned_header}.{rest}"),
            format!("{unsigned_header}.{}.", rest.split_once('.').unwrap().0),
            String::new(),
            "..".to_owned(),
            format!("{token}="),
            format!("{token}.{token}"),
        ] {
            assert!(tokens.verify(&invalid, at(1)).is_none(), "{invalid}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::Value;

    use super::*;
    use crate::testing::arbitrary::{altered_text, bytes, character, json, text, uuid};

    fn tokens(secret: &str, issuer: &str) -> AccessTokens {
        AccessTokens::new(&[Secret::new(secret)], issuer)
    }

    fn any_time() -> impl Strategy<Value = DateTime<Utc>> {
        (-62_000_000_000..250_000_000_000_i64)
            .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
    }

    /// Signs arbitrary claims with the key of `tokens`.
    fn sign_token(tokens: &AccessTokens, header: &str, claims: &[u8]) -> String {
        let signing_input = format!("{header}.{}", BASE64.encode(claims));
        let signature = hmac::sign(&tokens.keys[0].key, signing_input.as_bytes());
        format!("{signing_input}.{}", BASE64.encode(signature))
    }

    proptest! {
        #[test]
        fn a_token_returns_its_session_until_it_expires(
            session in uuid(), user in uuid(), now in any_time(), age in -1_000..2_000_i64, issuer in text(),
        ) {
            let tokens = tokens("secret", &issuer);
            let token = tokens.issue(session, user, now);
            let key = tokens.verify(&token, now + TimeDelta::seconds(age));
            assert_eq!(key, (age < 905).then(|| SessionKey::of_session(session)));
        }

        #[test]
        fn arbitrary_and_altered_strings_are_not_tokens(
            text in text(), session in uuid(), now in any_time(), index in any::<Index>(),
            inserted in prop_oneof![character(), prop::char::range('+', 'z')],
        ) {
            let tokens = tokens("secret", "https://sabor.example");
            assert_eq!(tokens.verify(&text, now), None);
            let token = tokens.issue(session, session, now);
            let (before, after) = token.split_at(index.index(token.len()));
            let unsigned_header = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
            let (_, rest) = token.split_once('.').unwrap();
            let forged_tokens = [
                altered_text(&token, index, inserted),
                Some(before.to_owned()),
                Some(format!("{before}{inserted}{after}")),
                Some(format!("{unsigned_header}.{rest}")),
                Some(format!("{text}.{rest}")),
                Some(format!("{}.{text}", token.rsplit_once('.').unwrap().0)),
            ];
            for forged in forged_tokens.into_iter().flatten().filter(|forged| *forged != token) {
                assert_eq!(tokens.verify(&forged, now), None, "{}", forged);
            }
        }

        #[test]
        fn another_issuer_or_secret_does_not_accept_a_token(
            secret in text(), other in text(), issuer in text(), session in uuid(), now in any_time(),
        ) {
            prop_assume!(secret != other);
            let token = tokens(&secret, &issuer).issue(session, session, now);
            assert_eq!(tokens(&other, &issuer).verify(&token, now), None);
            assert_eq!(tokens(&secret, &format!("{issuer}x")).verify(&token, now), None);
        }

        #[test]
        fn a_signed_token_with_wrong_claims_is_refused(
            claims in bytes(), value in json(), now in any_time(),
            field in prop::sample::select(vec!["iss", "aud", "sub", "sid", "iat", "exp"]),
        ) {
            let tokens = tokens("secret", "https://sabor.example");
            let header = tokens.keys[0].header.clone();
            assert_eq!(tokens.verify(&sign_token(&tokens, &header, &claims), now), None);
            let token = tokens.issue(Uuid::nil(), Uuid::nil(), now);
            let valid_claims = BASE64.decode(token.split('.').nth(1).unwrap()).unwrap();
            let mut claims: Value = serde_json::from_slice(&valid_claims).unwrap();
            claims[field] = value.clone();
            let key = tokens.verify(&sign_token(&tokens, &header, claims.to_string().as_bytes()), now);
            // `iat` may be any integer. `exp` may be any integer that is less than five seconds
            // in the past.
            let is_valid = match field {
                "iat" => value.is_i64(),
                "exp" => value.as_i64().is_some_and(|end| end > now.timestamp() - 5),
                _ => false,
            };
            assert_eq!(key.is_some(), is_valid, "{}", claims);
        }
    }
}
