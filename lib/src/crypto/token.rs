//! Tokens that clients hold, and the keys that identify sessions in Postgres and Redis.

use std::fmt;

use ring::hmac;
use uuid::Uuid;

use crate::crypto::random;
use crate::crypto::secret::{Signer, sha256_hex};

/// A secret that only its client holds: 32 random bytes as 64 lower-case hex
/// characters. Postgres and Redis store only its hash. For the token of a session, the hash is
/// the [`SessionKey`].
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Generates a random token.
    pub fn generate() -> Self {
        Self(random::hex::<32>())
    }

    /// Parses a token. Returns `None` for anything but 64 lower-case hex characters.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// Returns the 64 characters, to send them to the client.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the key of the session in Postgres and Redis.
    pub fn key(&self) -> SessionKey {
        SessionKey(self.hash())
    }

    /// Returns the SHA-256 of the token in hex, which is stored in place of the token.
    pub fn hash(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// Derives the token that replaces this one: HMAC-SHA256 of `seed` under this
    /// token. Only the holder of this token can derive it.
    pub(crate) fn successor(&self, seed: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        Self(hex::encode(hmac::sign(&key, seed)))
    }

    /// Returns the token as a signed cookie value: `token.signature`.
    pub fn to_signed_cookie(&self, signer: &Signer) -> String {
        format!("{}.{}", self.0, signer.sign(&self.0))
    }

    /// Parses a signed cookie value. Returns `None` if the signature does not match. This
    /// check needs no query.
    pub fn parse_signed_cookie(cookie: &str, signer: &Signer) -> Option<Self> {
        let (token, signature) = cookie.split_once('.')?;
        let token = Self::parse(token)?;
        signer.verify(&token.0, signature).then_some(token)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The key of a session in Postgres (`user_sessions.session_key`) and Redis.
///
/// It is the SHA-256 of the cookie's token, or `sid:` followed by the session's id
/// if the session uses a refresh token. The prefix prevents a collision of the two
/// kinds. A key is not a credential, but its `Debug` output is redacted too.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(String);

impl SessionKey {
    /// Returns the key of a session that uses an access token and a refresh token.
    pub fn of_session(id: Uuid) -> Self {
        Self(format!("sid:{id}"))
    }

    /// Returns whether the session uses an access token and a refresh token.
    pub(crate) fn has_refresh_token(&self) -> bool {
        self.0.starts_with("sid:")
    }

    /// Wraps a key that Postgres returned.
    pub(crate) fn from_column(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;

    fn signer() -> Signer {
        Signer::derive(&[Secret::new("0123456789abcdef0123456789abcdef")], "cookie")
    }

    #[test]
    fn a_signed_token_is_parsed_and_its_key_differs_from_the_token() {
        let token = Token::generate();
        let parsed =
            Token::parse_signed_cookie(&token.to_signed_cookie(&signer()), &signer()).unwrap();
        assert_eq!(parsed.expose(), token.expose());
        assert_ne!(parsed.key().as_str(), token.expose());
    }

    #[test]
    fn an_altered_cookie_is_rejected() {
        let cookie = Token::generate().to_signed_cookie(&signer());
        for index in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[index] = if bytes[index] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(bytes).unwrap();
            assert!(
                Token::parse_signed_cookie(&altered, &signer()).is_none(),
                "index {index}"
            );
        }
        for bad in ["", ".", "abc", &cookie[..64], &cookie.to_uppercase()] {
            assert!(
                Token::parse_signed_cookie(bad, &signer()).is_none(),
                "{bad}"
            );
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::crypto::secret::Secret;
    use crate::testing::arbitrary::{altered_text, character, text};

    fn signer() -> Signer {
        Signer::derive(&[Secret::new("0123456789abcdef0123456789abcdef")], "cookie")
    }

    proptest! {
        #[test]
        fn a_value_without_a_valid_signature_is_rejected(input in text(), token in "[0-9a-f]{64}", tag in "[0-9a-fA-F]{0,64}") {
            assert!(Token::parse_signed_cookie(&input, &signer()).is_none());
            assert!(Token::parse_signed_cookie(&format!("{token}.{tag}"), &signer()).is_none());
            assert!(Token::parse_signed_cookie(&format!("{token}.{input}"), &signer()).is_none());
        }

        #[test]
        fn a_cookie_with_one_character_changed_added_or_removed_is_rejected(
            position in any::<Index>(),
            new_character in prop_oneof![character(), prop::char::range('0', 'f')],
            token in "[0-9a-f]{64}",
        ) {
            let cookie = Token(token).to_signed_cookie(&signer());
            assert!(Token::parse_signed_cookie(&cookie, &signer()).is_some());
            if let Some(altered) = altered_text(&cookie, position, new_character) {
                assert!(Token::parse_signed_cookie(&altered, &signer()).is_none());
            }
            let upper = cookie.chars().nth(position.index(cookie.len())).unwrap().to_ascii_uppercase();
            if let Some(altered) = altered_text(&cookie, position, upper) {
                assert!(Token::parse_signed_cookie(&altered, &signer()).is_none());
            }
            let (before, after) = cookie.split_at(position.index(cookie.len()));
            assert!(Token::parse_signed_cookie(before, &signer()).is_none());
            assert!(Token::parse_signed_cookie(&format!("{before}{new_character}{after}"), &signer()).is_none());
        }
    }
}
