//! Encryption at rest, for columns that a database dump must not reveal.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

use crate::crypto::random;
use crate::error::{Error, Result};

/// The length of a key id, in bytes.
const KEY_ID_LEN: usize = 4;

/// The keys of `ENCRYPTION_KEY`. The first key encrypts; every key can decrypt.
///
/// An encrypted value is `key id (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`, encrypted
/// with AES-256-GCM (NIST SP 800-38D) under a random nonce. The key id is the
/// first four bytes of the key's SHA-256, so keys do not need to be numbered.
#[derive(Clone)]
pub struct Keyring(Vec<([u8; KEY_ID_LEN], LessSafeKey)>);

impl Keyring {
    /// Parses keys of 32 bytes, each in base64 or hex. Returns `None` if a key is
    /// invalid.
    pub fn parse(keys: &[String]) -> Option<Self> {
        let keys = keys.iter().map(|text| {
            let bytes = hex::decode(text).or_else(|_| BASE64.decode(text)).ok()?;
            let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
            let mut id = [0; KEY_ID_LEN];
            id.copy_from_slice(&digest(&SHA256, &bytes).as_ref()[..KEY_ID_LEN]);
            Some((id, LessSafeKey::new(key)))
        });
        keys.collect::<Option<_>>().map(Self)
    }

    /// Encrypts `plain`. The additional authenticated data `aad` names the column
    /// and the row, so a value that is copied to another row cannot be decrypted.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the text exceeds the cipher's limit of 64 GiB.
    pub fn seal(&self, aad: &str, plain: &str) -> Result<Vec<u8>> {
        let (id, key) = &self.0[0];
        let nonce = random::bytes::<NONCE_LEN>();
        let mut buffer = plain.as_bytes().to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad.as_bytes()),
            &mut buffer,
        )
        .map_err(|_| Error::internal("text is too long to encrypt"))?;
        Ok([&id[..], &nonce[..], &buffer[..]].concat())
    }

    /// Decrypts a value that [`Keyring::seal`] encrypted with the same `aad`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if `ENCRYPTION_KEY` no longer lists the key, or if the
    /// value was altered or copied from another row.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<String> {
        let damaged = || Error::internal("failed to decrypt a stored value");
        let (id, rest) = sealed.split_at_checked(KEY_ID_LEN).ok_or_else(damaged)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let (_, key) = self
            .0
            .iter()
            .find(|(known, _)| known == id)
            .ok_or_else(|| Error::internal("ENCRYPTION_KEY lacks the key of a stored value"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut buffer = ciphertext.to_vec();
        let plain = key
            .open_in_place(nonce, Aad::from(aad.as_bytes()), &mut buffer)
            .map_err(|_| damaged())?;
        String::from_utf8(plain.to_vec()).map_err(|_| damaged())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(seeds: &[u8]) -> Keyring {
        let keys: Vec<_> = seeds.iter().map(|seed| hex::encode([*seed; 32])).collect();
        Keyring::parse(&keys).unwrap()
    }

    #[test]
    fn an_encrypted_value_can_be_decrypted_only_with_its_own_aad() {
        let keys = keyring(&[1]);
        let sealed = keys.seal("users.medical_conditions:7", "asma").unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"asma"));
        assert_eq!(
            keys.open("users.medical_conditions:7", &sealed).unwrap(),
            "asma"
        );
        assert!(keys.open("users.medical_conditions:8", &sealed).is_err());
    }

    #[test]
    fn a_rotated_key_still_decrypts_and_a_removed_key_does_not() {
        let sealed = keyring(&[1]).seal("aad", "texto").unwrap();
        assert_eq!(keyring(&[2, 1]).open("aad", &sealed).unwrap(), "texto");
        assert!(keyring(&[2]).open("aad", &sealed).is_err());
    }

    #[test]
    fn an_altered_or_shortened_value_cannot_be_decrypted() {
        let keys = keyring(&[1]);
        let mut sealed = keys.seal("aad", "texto").unwrap();
        assert!(keys.open("aad", &sealed[..10]).is_err());
        *sealed.last_mut().unwrap() ^= 1;
        assert!(keys.open("aad", &sealed).is_err());
    }

    #[test]
    fn keys_are_parsed_from_hex_and_base64_and_anything_else_is_rejected() {
        let base64 = BASE64.encode([7; 32]);
        assert!(Keyring::parse(&[base64]).is_some());
        for bad in ["", "abcd", &"ab".repeat(31), "not a key at all"] {
            assert!(Keyring::parse(&[bad.to_owned()]).is_none(), "{bad}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::testing::arbitrary::{altered, bytes, text};

    proptest! {
        #[test]
        fn any_string_can_be_decrypted_with_its_aad_and_no_altered_value_can(
            plain in text(), aad in text(), other_aad in text(), random_bytes in bytes(),
            position in any::<Index>(), flip in any::<u8>(),
        ) {
            let keys = Keyring::parse(&["11".repeat(32)]).unwrap();
            let sealed = keys.seal(&aad, &plain).unwrap();
            assert_eq!(keys.open(&aad, &sealed).unwrap(), plain);
            assert!(aad == other_aad || keys.open(&other_aad, &sealed).is_err());
            assert!(keys.open(&aad, &altered(&sealed, position, flip)).is_err());
            assert!(keys.open(&aad, &sealed[..position.index(sealed.len())]).is_err());
            assert!(keys.open(&aad, &random_bytes).is_err());
        }
    }
}
