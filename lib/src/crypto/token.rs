//! The token that a browser holds, and the key under which the stores know it.

use std::fmt;

use ring::hmac;
use uuid::Uuid;

use crate::crypto::random;
use crate::crypto::secret::{Signer, sha256_hex};

/// A secret that a client holds: 32 random bytes as 64 lower-case hex
/// characters. It is with the client alone; what is stored is its hash, of a
/// session's token the [`Key`].
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new token, from the operating system's generator.
    pub fn generate() -> Self {
        Self(random::hex::<32>())
    }

    /// Reads a token; `None` for anything but 64 lower-case hex characters.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The 64 characters, for whoever hands the token to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The name of the session in both stores.
    pub fn key(&self) -> Key {
        Key(self.hash())
    }

    /// What a store knows of it: its SHA-256, in hex.
    pub fn hash(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// What takes its place: HMAC-SHA256 of `seed` under this token, so that
    /// only who holds the one can work out the other.
    pub(crate) fn successor(&self, seed: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        Self(hex::encode(hmac::sign(&key, seed)))
    }

    /// What the cookie holds: `token.signature`.
    pub fn signed(&self, signer: &Signer) -> String {
        format!("{}.{}", self.0, signer.sign(&self.0))
    }

    /// Reads a cookie; `None` when it is forged or damaged, told before any
    /// store is asked.
    pub fn verified(cookie: &str, signer: &Signer) -> Option<Self> {
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

/// `user_sessions.session_key`: the SHA-256 of a cookie's token, or of a session
/// with a refresh token `sid:` and its id. A cookie is always hashed and the
/// other always prefixed, so that neither can name the other's. Whoever reads it in a store can sign in as nobody; it is not shown all the same.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Of a session that an access token names.
    pub fn of_session(id: Uuid) -> Self {
        Self(format!("sid:{id}"))
    }

    /// A key as Postgres returns it.
    pub(crate) fn from_column(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where Redis holds the record.
    pub(crate) fn record(&self) -> String {
        format!("session:{}", self.0)
    }

    /// Where Redis holds the mark of the last change.
    pub(crate) fn mark(&self) -> String {
        format!("change:{}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
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
    fn a_signed_token_comes_back_and_its_key_is_not_the_token() {
        let token = Token::generate();
        let read = Token::verified(&token.signed(&signer()), &signer()).unwrap();
        assert_eq!(read.expose(), token.expose());
        assert_ne!(read.key().as_str(), token.expose());
    }

    #[test]
    fn whatever_is_altered_in_a_cookie_is_refused() {
        let cookie = Token::generate().signed(&signer());
        for at in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(bytes).unwrap();
            assert!(Token::verified(&altered, &signer()).is_none(), "at {at}");
        }
        for bad in ["", ".", "abc", &cookie[..64], &cookie.to_uppercase()] {
            assert!(Token::verified(bad, &signer()).is_none(), "{bad}");
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
        fn no_text_is_a_cookie_that_was_not_signed(told in text(), token in "[0-9a-f]{64}", tag in "[0-9a-fA-F]{0,64}") {
            assert!(Token::verified(&told, &signer()).is_none());
            assert!(Token::verified(&format!("{token}.{tag}"), &signer()).is_none());
            assert!(Token::verified(&format!("{token}.{told}"), &signer()).is_none());
        }

        #[test]
        fn a_cookie_with_any_one_character_changed_added_or_lost_is_refused(
            place in any::<Index>(),
            by in prop_oneof![character(), prop::char::range('0', 'f')],
            token in "[0-9a-f]{64}",
        ) {
            let cookie = Token(token).signed(&signer());
            assert!(Token::verified(&cookie, &signer()).is_some());
            if let Some(altered) = altered_text(&cookie, place, by) {
                assert!(Token::verified(&altered, &signer()).is_none());
            }
            let upper = cookie.chars().nth(place.index(cookie.len())).unwrap().to_ascii_uppercase();
            if let Some(altered) = altered_text(&cookie, place, upper) {
                assert!(Token::verified(&altered, &signer()).is_none());
            }
            let (before, after) = cookie.split_at(place.index(cookie.len()));
            assert!(Token::verified(before, &signer()).is_none());
            assert!(Token::verified(&format!("{before}{by}{after}"), &signer()).is_none());
        }
    }
}
