//! Verifies ID tokens (OpenID Connect Core 1.0 § 3.1.3.7).
//!
//! `jsonwebtoken` parses the token, and ring, which is linked for TLS anyway, verifies
//! the signature. The claims are checked here, because Sabor has its own clock. The
//! crate `openidconnect` would do all of this, but it depends on dozens of crates. One
//! of them is `rsa`, which has a timing side channel (RUSTSEC-2023-0071).

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, Header, Validation, decode,
    decode_header,
};
use ring::signature::{self as ring_signature, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;
use crate::crypto::secret::Secret;

/// How far the provider's clock may differ from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// The values that an ID token must contain.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: DateTime<Utc>,
}

/// The reason why an ID token is refused. It contains nothing from the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// The key is unknown. The provider may have replaced its keys.
    UnknownKey,
    /// Any other reason. Fetching the keys again would not help.
    Other(&'static str),
}

/// The payload of an ID token.
#[derive(Debug, Deserialize)]
struct Token {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    #[serde(flatten)]
    claims: Claims,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// Verifies a token with the provider's keys. Returns its claims.
pub(super) fn verify(
    token: &str,
    keys: &[Value],
    expected: &Expected<'_>,
) -> Result<Claims, TokenError> {
    let header = decode_header(token).map_err(|_| TokenError::Other("it cannot be parsed"))?;
    let key = find_key(keys, &header)?;
    let key = DecodingKey::from_jwk(&key).map_err(|_| TokenError::Other("its key is invalid"))?;
    // This fails if a crypto provider is already installed, which is harmless.
    let _ = RING.install_default();
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let token = decode::<Token>(token, &key, &validation).map_err(|error| {
        TokenError::Other(match error.kind() {
            ErrorKind::InvalidSignature => "its signature is invalid",
            ErrorKind::Json(_) => "a claim is missing or has the wrong type",
            _ => "it cannot be parsed, or its key has another algorithm",
        })
    })?;
    check(&token.claims, expected)?;
    Ok(token.claims.claims)
}

fn check(token: &Token, expected: &Expected<'_>) -> Result<(), TokenError> {
    let refuse = |sentence| Err(TokenError::Other(sentence));
    if token.iss != expected.issuer {
        return refuse("it is from another issuer");
    }
    let names = token.aud.names();
    if !names.iter().any(|name| name == expected.client_id) {
        return refuse("it is for another client");
    }
    let party = token.azp.as_deref();
    if party.is_some_and(|azp| azp != expected.client_id) || (names.len() > 1 && party.is_none()) {
        return refuse("it was issued to another client");
    }
    let earliest = (expected.now - LEEWAY).timestamp() as f64;
    let latest = (expected.now + LEEWAY).timestamp() as f64;
    if token.exp <= earliest {
        return refuse("it has expired");
    }
    if token.iat > latest || token.nbf.is_some_and(|nbf| nbf > latest) {
        return refuse("it is not valid yet");
    }
    let nonce = token.nonce.as_deref().unwrap_or_default();
    if !Secret::new(expected.nonce).matches(nonce) {
        return refuse("it is for another sign-in");
    }
    Ok(())
}

/// Returns the key that the token names. If the token does not name a key, there must be
/// exactly one suitable key.
fn find_key(keys: &[Value], header: &Header) -> Result<Jwk, TokenError> {
    // Each key is parsed separately, so that keys of an unknown type are skipped.
    let jwks = keys
        .iter()
        .filter_map(|key| Jwk::deserialize(key).ok())
        .filter(|jwk| {
            let algorithm = jwk.common.key_algorithm.map(|known| format!("{known:?}"));
            let fits = algorithm.is_none_or(|name| name == format!("{:?}", header.alg));
            let encrypts = jwk.common.public_key_use == Some(PublicKeyUse::Encryption);
            fits && !encrypts
        });
    let Some(kid) = &header.kid else {
        let mut jwks = jwks;
        return match (jwks.next(), jwks.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(TokenError::Other("it does not name a key")),
        };
    };
    let mut named = jwks.filter(|jwk| jwk.common.key_id.as_ref() == Some(kid));
    named.next().ok_or(TokenError::UnknownKey)
}

/// Verifies signatures with ring. It cannot sign.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Returns the verifier for an asymmetric algorithm. Symmetric algorithms such as `HS256`
/// are rejected, because their secret would be the provider's public key. `jsonwebtoken`
/// does not parse the algorithm `none`.
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    let family = match algorithm {
        Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 => {
            AlgorithmFamily::Rsa
        }
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    if key.family() != family {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        key: key.clone(),
    }))
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let outcome = match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let parameters = match self.algorithm {
                    Algorithm::RS256 => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::RS384 => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::RS512 => &ring_signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::PS256 => &ring_signature::RSA_PSS_2048_8192_SHA256,
                    _ => return Err(signature::Error::new()),
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            DecodingKeyKind::SecretOrDer(bytes) => {
                let algorithm: &dyn ring_signature::VerificationAlgorithm = match self.algorithm {
                    Algorithm::ES256 => &ring_signature::ECDSA_P256_SHA256_FIXED,
                    Algorithm::ES384 => &ring_signature::ECDSA_P384_SHA384_FIXED,
                    Algorithm::EdDSA => &ring_signature::ED25519,
                    _ => return Err(signature::Error::new()),
                };
                UnparsedPublicKey::new(algorithm, bytes).verify(message, signature)
            }
        };
        outcome.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod properties {
    use std::sync::LazyLock;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use proptest::prelude::*;
    use proptest::sample::Index;
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::*;
    use crate::testing::arbitrary::{altered_text, bytes, character, json, text};

    static PROVIDER: LazyLock<Ed25519KeyPair> =
        LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap());

    fn jwk() -> Value {
        let point = BASE64.encode(PROVIDER.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one", "alg": "EdDSA", "use": "sig", "x": point })
    }

    fn sign_token(header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| BASE64.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = BASE64.encode(PROVIDER.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn header() -> Value {
        json!({ "alg": "EdDSA", "kid": "one" })
    }

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "aud": "us", "sub": "1", "nonce": "n",
            "exp": 1_800_000_300, "iat": 1_800_000_000,
        })
    }

    fn verify(token: &str, keys: &[Value]) -> Result<Claims, TokenError> {
        let expected = Expected {
            issuer: "https://id.example",
            client_id: "us",
            nonce: "n",
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        super::verify(token, keys, &expected)
    }

    proptest! {
        #[test]
        fn a_token_without_a_valid_signature_is_refused(
            sent in text(), parts in prop::array::uniform3(bytes()), key in json(), crit in json(),
            alg in prop::sample::select(vec!["none", "HS256", "EdDSA", "RS256", "ES256", "ES512"]),
        ) {
            let keys = [jwk(), key, json!({ "kty": "oct", "k": BASE64.encode(&parts[2]), "kid": "one" })];
            let [a, b, c] = parts.map(|part| BASE64.encode(part));
            let header = BASE64.encode(json!({ "alg": alg, "kid": "one", "crit": crit }).to_string());
            let claims = BASE64.encode(claims().to_string());
            for token in [sent, format!("{a}.{b}.{c}"), format!("{header}.{claims}.{c}"), format!("{header}.{b}.{c}")] {
                assert!(verify(&token, &keys).is_err(), "{token}");
            }
        }

        #[test]
        fn a_token_that_was_altered_or_truncated_is_refused(
            position in any::<Index>(), replacement in prop_oneof![character(), prop::char::range('-', 'z')],
        ) {
            let token = sign_token(&header(), &claims());
            assert!(verify(&token, &[jwk()]).is_ok());
            let cut = token[..position.index(token.len())].to_owned();
            for token in altered_text(&token, position, replacement).into_iter().chain([cut]) {
                assert!(verify(&token, &[jwk()]).is_err(), "{token}");
            }
        }

        #[test]
        fn a_signed_token_with_a_wrong_claim_is_refused(
            field in prop::sample::select(vec!["iss", "aud", "azp", "nonce", "exp", "iat", "nbf", "sub"]),
            value in prop_oneof![json(), text().prop_map(Value::from), (1_799_999_000..1_800_001_000_i64).prop_map(Value::from)],
        ) {
            let mut changed = claims();
            changed[field] = value.clone();
            let number = value.as_f64();
            let is_valid = match field {
                "exp" => number.is_some_and(|end| end > 1_799_999_940.0),
                "iat" => number.is_some_and(|begin| begin <= 1_800_000_060.0),
                "nbf" => value.is_null() || number.is_some_and(|begin| begin <= 1_800_000_060.0),
                "sub" => value.is_string(),
                "azp" => value.is_null(),
                _ => false,
            };
            assert_eq!(verify(&sign_token(&header(), &changed), &[jwk()]).is_ok(), is_valid, "{changed}");
        }
    }
}
