//! Values that must never be seen: in a log, an error, or JSON.

use std::fmt;

use ring::{digest, hkdf, hmac};

use crate::crypto::random;

/// A secret text. `Debug` shows nothing of it, and it has no `Display`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that is to stay unseen.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that tells nothing of where the two differ.
    ///
    /// Both sides are authenticated under a key made for this comparison, so
    /// that neither length nor content steers how long it takes.
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

/// Signs with the first of `SESSION_SECRET`'s keys and verifies with all.
///
/// Every use derives keys of its own (HKDF-SHA256, RFC 5869), so that a
/// signature made for one use is worthless for another.
#[derive(Clone)]
pub struct Signer(Vec<hmac::Key>);

impl Signer {
    /// Keys for the use that `purpose` names, one for each secret.
    pub fn derive(secrets: &[Secret], purpose: &'static str) -> Self {
        Self(derived_keys(secrets, purpose))
    }

    /// The signature of `message`, as 64 lower-case hex characters.
    pub fn sign(&self, message: &str) -> String {
        hex::encode(hmac::sign(&self.0[0], message.as_bytes()))
    }

    /// Whether one of the keys made `signature` for `message`.
    pub fn verify(&self, message: &str, signature: &str) -> bool {
        // Capitals, which are never written here, would be read as well: then
        // one cookie had many texts.
        let Ok(tag) = hex::decode(signature) else {
            return false;
        };
        let as_written = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
        as_written
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

/// Keys for the use that `purpose` names, one for each secret.
pub(crate) fn derived_keys(secrets: &[Secret], purpose: &'static str) -> Vec<hmac::Key> {
    let keys = secrets.iter().map(|secret| {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sabor");
        let extracted = salt.extract(secret.expose().as_bytes());
        let info = [purpose.as_bytes()];
        let expanded = extracted
            .expand(&info, hmac::HMAC_SHA256)
            .expect("one hash length is always within HKDF's bound");
        hmac::Key::from(expanded)
    });
    keys.collect()
}

/// SHA-256 of `bytes`, as 64 lower-case hex characters.
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
    fn a_rotated_secret_still_verifies_and_no_longer_signs() {
        let before = Signer::derive(&secrets(&["old"]), "cookie");
        let after = Signer::derive(&secrets(&["new", "old"]), "cookie");
        assert!(after.verify("token", &before.sign("token")));
        assert!(!before.verify("token", &after.sign("token")));
    }

    #[test]
    fn a_signature_is_worthless_for_another_use() {
        let cookie = Signer::derive(&secrets(&["secret"]), "cookie");
        let access = Signer::derive(&secrets(&["secret"]), "access token");
        assert!(!access.verify("token", &cookie.sign("token")));
    }

    #[test]
    fn a_signature_in_capitals_is_none() {
        let signer = Signer::derive(&secrets(&["secret"]), "cookie");
        let signature = signer.sign("token");
        assert!(signer.verify("token", &signature));
        assert!(!signer.verify("token", &signature.to_uppercase()));
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?}", Secret::new("hunter2hunter2"));
        assert!(!shown.contains("hunter2"));
    }

    #[test]
    fn only_the_same_text_matches() {
        let secret = Secret::new("cron");
        assert!(secret.matches("cron"));
        assert!(!secret.matches("cro") && !secret.matches("cron ") && !secret.matches(""));
    }
}
