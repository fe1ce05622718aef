//! Secret strings, signatures, and hashes. A secret never appears in a log, an
//! error, or JSON.

use std::fmt;

use ring::{digest, hkdf, hmac};

use crate::crypto::random;

/// A secret string. Its `Debug` output is redacted, and it has no `Display`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a string that must stay secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the string itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether the secret equals another string.
    ///
    /// Both strings are hashed with HMAC and a random key, so the time does not depend on
    /// where they differ.
    pub fn matches(&self, other: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>());
        let tag = hmac::sign(&key, self.0.as_bytes());
        hmac::verify(&key, other.as_bytes(), tag.as_ref()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Signs with a key from the first secret in `SESSION_SECRET`, and verifies with the keys
/// from all of them.
///
/// Each purpose has its own derived keys (HKDF-SHA256, RFC 5869), so a
/// signature made for one purpose is invalid for another.
#[derive(Clone)]
pub struct Signer(Vec<hmac::Key>);

impl Signer {
    /// Derives the signing keys for `purpose`, one for each secret.
    pub fn derive(secrets: &[Secret], purpose: &'static str) -> Self {
        Self(derive_keys(secrets, purpose))
    }

    /// Signs `message`. The signature is 64 lower-case hex characters.
    pub fn sign(&self, message: &str) -> String {
        hex::encode(hmac::sign(&self.0[0], message.as_bytes()))
    }

    /// Returns whether one of the keys made `signature` for `message`.
    pub fn verify(&self, message: &str, signature: &str) -> bool {
        // Upper-case hex decodes to the same bytes. It is rejected, so that each
        // signature has exactly one valid form.
        let Ok(tag) = hex::decode(signature) else {
            return false;
        };
        let is_lower_case = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
        is_lower_case
            && self
                .0
                .iter()
                .any(|key| hmac::verify(key, message.as_bytes(), &tag).is_ok())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// Derives the HMAC keys for `purpose`, one for each secret.
pub(crate) fn derive_keys(secrets: &[Secret], purpose: &'static str) -> Vec<hmac::Key> {
    let keys = secrets.iter().map(|secret| {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sabor");
        let extracted = salt.extract(secret.expose().as_bytes());
        let info = [purpose.as_bytes()];
        let expanded = extracted
            .expand(&info, hmac::HMAC_SHA256)
            .expect("HKDF can expand to one hash length");
        hmac::Key::from(expanded)
    });
    keys.collect()
}

/// Returns the SHA-256 of `bytes` as 64 lower-case hex characters.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text)).collect()
    }

    #[test]
    fn a_rotated_secret_verifies_but_does_not_sign() {
        let old_signer = Signer::derive(&secrets(&["old"]), "cookie");
        let new_signer = Signer::derive(&secrets(&["new", "old"]), "cookie");
        assert!(new_signer.verify("token", &old_signer.sign("token")));
        assert!(!old_signer.verify("token", &new_signer.sign("token")));
    }

    #[test]
    fn a_signature_is_invalid_for_another_purpose() {
        let cookie = Signer::derive(&secrets(&["secret"]), "cookie");
        let access = Signer::derive(&secrets(&["secret"]), "access token");
        assert!(!access.verify("token", &cookie.sign("token")));
    }

    #[test]
    fn a_signature_in_upper_case_is_invalid() {
        let signer = Signer::derive(&secrets(&["secret"]), "cookie");
        let signature = signer.sign("token");
        assert!(signer.verify("token", &signature));
        assert!(!signer.verify("token", &signature.to_uppercase()));
    }

    #[test]
    fn debug_output_is_redacted() {
        let output = format!("{:?}", Secret::new("hunter2hunter2"));
        assert!(!output.contains("hunter2"));
    }

    #[test]
    fn a_secret_matches_only_the_same_string() {
        let secret = Secret::new("cron");
        assert!(secret.matches("cron"));
        assert!(!secret.matches("cro") && !secret.matches("cron ") && !secret.matches(""));
    }
}
