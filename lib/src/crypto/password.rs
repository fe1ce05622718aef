//! The rules for new passwords, and password hashing.

mod common;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};
use crate::values::form::Problem;

/// The minimum length of a new password, in characters.
const MIN_CHARACTERS: usize = 8;

/// The maximum length of a new password, in characters.
const MAX_CHARACTERS: usize = 128;

/// The minimum length of a name or address that a new password is compared with. A password
/// with a shorter one consists mostly of digits and punctuation, which can make it a good one.
const MIN_PERSONAL_CHARACTERS: usize = 4;

/// A password in normal form C (NIST SP 800-63B, 5.1.1.2).
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Creates a password from the text that a member submits to sign in. The rules are not
    /// checked, because an old password may predate them.
    pub fn submitted(text: &str) -> Self {
        Self(text.nfc().collect())
    }

    /// Parses a new password. It must have 8 to 128 characters of any kind. It must not be a
    /// common password or a sequence of characters. It must not be the account's e-mail
    /// address, the part of the address before the `@`, the account's names, or the studio's
    /// name, even with digits and punctuation added. `personal` has the address and the names.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user that names the broken rule.
    pub fn parse_new(text: &str, studio: &str, personal: &[&str]) -> Result<Self, Problem> {
        let password = Self::submitted(text);
        let characters = password.0.chars().count();
        if characters < MIN_CHARACTERS {
            return Err(format!("must have at least {MIN_CHARACTERS} characters"));
        }
        if characters > MAX_CHARACTERS {
            return Err(format!("must have at most {MAX_CHARACTERS} characters"));
        }
        let lower = password.0.to_lowercase();
        if common::is_common(&lower) || is_sequence(&lower) {
            return Err("must not be a common password or a sequence of characters".to_owned());
        }
        if is_personal(&lower, studio, personal) {
            return Err(
                "must not be your e-mail address, your name, or the studio's name, even with \
                 digits or punctuation added"
                    .to_owned(),
            );
        }
        Ok(password)
    }
}

/// Returns whether the characters are all equal, or ascend or descend in steps of one:
/// `aaaaaaaa`, `23456789`, `zyxwvuts`.
fn is_sequence(text: &str) -> bool {
    let codes: Vec<_> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    [-1, 0, 1].iter().any(|step| {
        let mut pairs = codes.windows(2);
        pairs.all(|pair| pair[1] - pair[0] == *step)
    })
}

/// Returns whether a password is an e-mail address, the part before its `@`, one or
/// two names, or the studio's name, with at most digits and punctuation added:
/// `Ana-García_86!`.
fn is_personal(password: &str, studio: &str, personal: &[&str]) -> bool {
    let password = letters_and_digits(password);
    let local_parts = personal.iter().filter_map(|word| word.split('@').next());
    let names = personal.iter().filter(|word| !word.contains('@'));
    let pairs = names
        .clone()
        .flat_map(|first| names.clone().map(move |second| format!("{first}{second}")));
    let words = personal.iter().copied().chain(local_parts).chain([studio]);
    words.map(str::to_owned).chain(pairs).any(|word| {
        let word = letters_and_digits(&word);
        word.chars().count() >= MIN_PERSONAL_CHARACTERS
            && password.split_once(&word).is_some_and(|(before, after)| {
                before.chars().all(char::is_numeric) && after.chars().all(char::is_numeric)
            })
    })
}

/// Returns the letters and digits of a string, in lower case and normal form C.
fn letters_and_digits(text: &str) -> String {
    let lower = text.nfc().flat_map(char::to_lowercase);
    lower.filter(|c| c.is_alphanumeric()).collect()
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The result of comparing a password with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password does not match.
    Wrong,
    /// The password matches.
    Correct,
    /// The password matches, but the hash should be replaced: it is bcrypt or has
    /// weaker parameters.
    Outdated,
}

/// The parameters that OWASP recommends: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How long a request waits until it may hash a password.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A hash that no password matches, with the current parameters. A password is compared
/// with it if there is no account, so that sign-in takes the same time.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2Fib3Igbm9ib2R5IQ$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies passwords on blocking threads, a few at a time. Each hash
/// takes 19 MiB, and running more of them than there are cores gains nothing.
///
/// The memory is reused, because allocating it for each hash fragments the heap. Argon2's
/// blocks are aligned to 64 bytes, so the heap space that one hash frees is slightly too
/// small for the next. Without reuse, a process that had signed in a few hundred members
/// held 400 MB.
#[derive(Clone)]
pub struct Hasher {
    permits: Arc<Semaphore>,
    free_memory: Arc<Mutex<Vec<Memory>>>,
}

/// The working memory of one hash.
type Memory = Vec<Block>;

impl Hasher {
    /// Creates a hasher that runs at most `max_concurrent` hashes at a time.
    pub fn new(max_concurrent: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max_concurrent.max(1))),
            free_memory: Arc::default(),
        }
    }

    /// Hashes a password. Returns the PHC string to store.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if too many hashes are waiting.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.run(move |memory| new_hash(&password, memory)).await
    }

    /// Compares a password with a stored hash: argon2id, or bcrypt from an earlier
    /// version of Sabor. Without a hash, it does the same work and returns
    /// [`PasswordCheck::Wrong`].
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if too many hashes are waiting;
    /// [`Error::Internal`] if the hash has neither format.
    pub async fn verify(&self, password: Password, hash: Option<&str>) -> Result<PasswordCheck> {
        let hash = hash.unwrap_or(DUMMY_HASH).to_owned();
        self.run(move |memory| compare(&password, &hash, memory))
            .await
    }

    /// Runs `work` on a blocking thread once a permit is free.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.acquire_permit().await?;
        let hasher = self.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            lower_thread_priority();
            let mut memory = hasher.free_memory().pop().unwrap_or_default();
            let outcome = work(&mut memory);
            hasher.free_memory().push(memory);
            drop(permit);
            outcome
        });
        hashed.await.map_err(internal)?
    }

    fn free_memory(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.free_memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn acquire_permit(&self) -> Result<OwnedSemaphorePermit> {
        match timeout(PERMIT_TIMEOUT, self.permits.clone().acquire_owned()).await {
            Ok(permit) => permit.map_err(internal),
            Err(_) => Err(Error::unavailable(
                "too many passwords are waiting to be hashed",
            )),
        }
    }
}

/// Lowers the priority of this thread, so that a flood of sign-ins leaves the cores
/// to session checks. Only on Linux does `setpriority` accept the id of a single thread. A
/// failure is ignored, because only scheduling depends on it.
fn lower_thread_priority() {
    #[cfg(target_os = "linux")]
    {
        const NICE: i32 = 10;
        thread_local! {
            static IS_LOWERED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
        }
        if !IS_LOWERED.replace(true) {
            let thread_id = rustix::thread::gettid();
            let _ = rustix::process::setpriority_process(Some(thread_id), NICE);
        }
    }
}

/// Returns the parameters for new hashes.
fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(internal)
}

fn new_hash(password: &Password, memory: &mut Memory) -> Result<String> {
    let (params, salt) = (params()?, Salt::generate());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    hash_into(&argon2, password, &salt, &mut out, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(internal)?,
        salt: Some(salt),
        hash: Some(Output::new(&out).map_err(internal)?),
    };
    Ok(hash.to_string())
}

fn hash_into(
    argon2: &Argon2<'_>,
    password: &Password,
    salt: &[u8],
    out: &mut [u8],
    memory: &mut Memory,
) -> Result<()> {
    let blocks = argon2.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    argon2
        .hash_password_into_with_memory(password.0.as_bytes(), salt, out, &mut memory[..blocks])
        .map_err(internal)
}

fn compare(password: &Password, hash: &str, memory: &mut Memory) -> Result<PasswordCheck> {
    // In the modular crypt format, bcrypt hashes start with `$2`.
    if hash.starts_with("$2") {
        return Ok(match bcrypt::verify(&password.0, hash).map_err(internal)? {
            true => PasswordCheck::Outdated,
            false => PasswordCheck::Wrong,
        });
    }
    let parsed = PasswordHash::new(hash).map_err(internal)?;
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(internal)?;
    let version = parsed
        .version
        .map_or(Ok(Version::default()), Version::try_from);
    let params = Params::try_from(&parsed).map_err(internal)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else {
        return Err(Error::internal(
            "stored password hash has no salt or no hash",
        ));
    };
    let argon2 = Argon2::new(algorithm, version.map_err(internal)?, params.clone());
    let mut out = vec![0; expected.len()];
    hash_into(&argon2, password, &salt, &mut out, memory)?;
    // `Output` compares in constant time.
    if Output::new(&out).map_err(internal)? != expected {
        return Ok(PasswordCheck::Wrong);
    }
    let is_weaker = params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES;
    Ok(match is_weaker {
        true => PasswordCheck::Outdated,
        false => PasswordCheck::Correct,
    })
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;
    use utoipa::PartialSchema;

    use super::*;
    use crate::values::schema::NewPassword;

    const STUDIO: &str = "Sabor con Flow";

    /// Parses a new password of Maximiliana Núñez, `ana@example.com`.
    fn parse_new(text: &str) -> Result<Password, Problem> {
        Password::parse_new(text, STUDIO, &["ana@example.com", "Maximiliana", "Núñez"])
    }

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        let schema = serde_json::to_value(NewPassword::schema()).unwrap();
        assert_eq!(schema["minLength"], MIN_CHARACTERS);
        assert_eq!(schema["maxLength"], MAX_CHARACTERS);
    }

    #[test]
    fn a_password_may_contain_any_8_to_128_characters() {
        for accepted in [
            "ñandú rápido",
            "        x",
            "correct horse battery",
            "una contraseña larga",
            &"üñ".repeat(64),
        ] {
            assert!(parse_new(accepted).is_ok(), "{accepted}");
        }
        for rejected in ["short", &"üñ".repeat(65)] {
            assert!(parse_new(rejected).is_err(), "{rejected}");
        }
    }

    #[test]
    fn common_passwords_and_sequences_of_characters_are_rejected() {
        for rejected in [
            "password123",
            "PassWord1",
            "Contrasen\u{303}a",
            "Qwertyui",
            "25061955",
            "yyyyyyyyyyyyyyyyyyyyyyyyyy",
            "3456789:;<=",
            "onmlkjihgfed",
        ] {
            assert!(parse_new(rejected).is_err(), "{rejected}");
        }
    }

    #[test]
    fn a_password_that_is_an_e_mail_address_or_a_name_is_rejected() {
        for rejected in [
            "Ana@Example.com",
            "ana@example.com1!",
            "maximiliana",
            "MAXIMILIANA1!",
            "2026 Maximiliana",
            "nu\u{301}n\u{303}ez1986",
            "Maximiliana Núñez",
            "núñez_maximiliana_86",
            "sabor con flow",
            "SaborConFlow2026!",
        ] {
            assert!(parse_new(rejected).is_err(), "{rejected}");
        }
        assert!(Password::parse_new("maximiliana7", STUDIO, &["maximiliana@example.com"]).is_err());
    }

    #[test]
    fn names_with_other_words_and_names_of_three_letters_are_accepted() {
        for accepted in [
            "maximiliana baila salsa",
            "núñez y gatos",
            "ana-84-62-19",
            "sabor con limón",
        ] {
            assert!(parse_new(accepted).is_ok(), "{accepted}");
        }
        assert!(Password::parse_new("ñandú rápido", STUDIO, &["", "", ""]).is_ok());
    }

    #[test]
    fn verifying_a_password_takes_the_same_time_without_an_account() {
        let dummy = PasswordHash::new(DUMMY_HASH).unwrap();
        let hash = new_hash(&Password::submitted("x"), &mut Memory::new()).unwrap();
        let current = PasswordHash::new(&hash).unwrap();
        let cost = |parsed| Params::try_from(parsed).unwrap();
        assert_eq!(cost(&dummy), cost(&current));
        let password = Password::submitted("anything");
        let result = compare(&password, DUMMY_HASH, &mut Memory::new()).unwrap();
        assert_eq!(result, PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn a_password_verifies_in_any_unicode_normal_form() {
        let hasher = Hasher::new(1);
        let hash = hasher
            .hash(Password::submitted("caf\u{e9} con leche"))
            .await
            .unwrap();
        let decomposed = Password::submitted("cafe\u{301} con leche");
        assert_eq!(
            hasher.verify(decomposed, Some(&hash)).await.unwrap(),
            PasswordCheck::Correct
        );
        let wrong = Password::submitted("cafe con leche");
        assert_eq!(
            hasher.verify(wrong, Some(&hash)).await.unwrap(),
            PasswordCheck::Wrong
        );
    }

    #[test]
    fn bcrypt_and_weaker_hashes_verify_as_outdated() {
        let password = Password::submitted("old password");
        let mut memory = Memory::new();
        let bcrypt_hash = bcrypt::hash("old password", 4).unwrap();
        assert_eq!(
            compare(&password, &bcrypt_hash, &mut memory).unwrap(),
            PasswordCheck::Outdated
        );
        assert_eq!(
            compare(&Password::submitted("other"), &bcrypt_hash, &mut memory).unwrap(),
            PasswordCheck::Wrong
        );
        let weak_argon2 = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8 * 1024, 1, 1, None).unwrap(),
        );
        let weak_hash = weak_argon2.hash_password(b"old password").unwrap();
        assert_eq!(
            compare(&password, &weak_hash.to_string(), &mut memory).unwrap(),
            PasswordCheck::Outdated
        );
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::text;

    proptest! {
        #[test]
        fn a_password_is_accepted_unchanged_or_rejected_without_quoting_it(
            input in text(), personal in text(),
        ) {
            let length = input.nfc().count();
            match Password::parse_new(&input, "Sabor con Flow", &[&personal]) {
                Ok(password) => {
                    assert!((MIN_CHARACTERS..=MAX_CHARACTERS).contains(&length));
                    assert!(password.0.nfd().eq(input.nfd()));
                }
                Err(problem) => assert!(length < 8 || !problem.contains(&input), "{problem}"),
            }
            assert!(Password::parse_new(&personal, "Sabor con Flow", &[&personal]).is_err() || personal.chars().count() < 12
                || personal.chars().filter(|c| c.is_alphanumeric()).count() < 4);
        }
    }
}
