//! Passwords: what is accepted, and how they are hashed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};
use crate::text::Problem;

const MIN_CHARACTERS: usize = 8;
const MAX_CHARACTERS: usize = 128;

/// The most common ones that are long enough to be accepted otherwise, one a
/// line, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password as it was typed, in normal form C (NIST SP 800-63B, 5.1.1.2).
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes what somebody typed to sign in, whatever it is: rules are for new
    /// passwords, and an old one may be from before them.
    pub fn typed(text: &str) -> Self {
        Self(text.nfc().collect())
    }

    /// Reads a new password: 8 to 128 characters, nothing else about its
    /// composition; not a common one, nor one of `personal` (the account's
    /// e-mail address and names).
    ///
    /// # Errors
    ///
    /// A sentence for the person who chose it.
    pub fn chosen(text: &str, personal: &[&str]) -> Result<Self, Problem> {
        let password = Self::typed(text);
        let characters = password.0.chars().count();
        if characters < MIN_CHARACTERS {
            return Err(format!("must have at least {MIN_CHARACTERS} characters"));
        }
        if characters > MAX_CHARACTERS {
            return Err(format!("must have at most {MAX_CHARACTERS} characters"));
        }
        let lower = password.0.to_lowercase();
        if COMMON.lines().any(|common| common == lower) {
            return Err("is one of the most common passwords".to_owned());
        }
        if personal.iter().any(|word| is_same_word(&lower, word)) {
            return Err("must not be your e-mail address or name".to_owned());
        }
        Ok(password)
    }
}

fn is_same_word(lower: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    let before_at = word.split('@').next().unwrap_or_default();
    !word.is_empty() && (lower == word || lower == before_at)
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What a comparison with a stored hash has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password.
    Wrong,
    /// The password, hashed as it would be today.
    Right,
    /// The password, in a hash to be replaced: bcrypt, or weaker parameters.
    Outdated,
}

/// OWASP's recommendation: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How long a sign-in waits for its turn to hash.
const TURN: Duration = Duration::from_secs(5);

/// A hash of no password, under today's parameters, against which a password
/// is verified when there is no account: the work is the same.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2Fib3Igbm9ib2R5IQ$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies on threads of their own, a few at a time: each takes
/// 19 MiB, and more at once than there are cores only wait for one another.
///
/// The memory is kept and used again. Given back to the system's allocator
/// each time, it came back in another place: blocks are aligned to 64 bytes, a
/// freed one is too small for the next by that much, and a function that had
/// signed in some hundred members held 400 MB.
#[derive(Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    spare: Arc<Mutex<Vec<Memory>>>,
}

/// What one hash works in.
type Memory = Vec<Block>;

impl Hasher {
    /// At most `at_once` at a time.
    pub fn new(at_once: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            spare: Arc::default(),
        }
    }

    /// The PHC string of a password, to be stored.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when too many wait for their turn.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.in_turn(move |memory| new_hash(&password, memory))
            .await
    }

    /// Compares a password with a stored hash, or with nobody's: argon2id, or
    /// bcrypt of the earlier designs.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when too many wait for their turn;
    /// [`Error::Internal`] when the hash is of neither kind.
    pub async fn verify(&self, password: Password, hash: Option<&str>) -> Result<Verdict> {
        let hash = hash.unwrap_or(NOBODY).to_owned();
        self.in_turn(move |memory| compare(&password, &hash, memory))
            .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turn().await?;
        let hasher = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut memory = hasher.spare().pop().unwrap_or_default();
            let outcome = work(&mut memory);
            hasher.spare().push(memory);
            drop(turn);
            outcome
        });
        done.await.map_err(internal)?
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        match timeout(TURN, self.turns.clone().acquire_owned()).await {
            Ok(turn) => turn.map_err(internal),
            Err(_) => Err(Error::unavailable("too many passwords wait to be hashed")),
        }
    }
}

/// Today's parameters.
fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(internal)
}

fn new_hash(password: &Password, memory: &mut Memory) -> Result<String> {
    let (params, salt) = (params()?, Salt::generate());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    fill(&argon2, password, &salt, &mut out, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(internal)?,
        salt: Some(salt),
        hash: Some(Output::new(&out).map_err(internal)?),
    };
    Ok(hash.to_string())
}

fn fill(
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

fn compare(password: &Password, hash: &str, memory: &mut Memory) -> Result<Verdict> {
    if hash.starts_with("$2") {
        let right = bcrypt::verify(&password.0, hash).map_err(internal)?;
        return Ok(if right {
            Verdict::Outdated
        } else {
            Verdict::Wrong
        });
    }
    let parsed = PasswordHash::new(hash).map_err(internal)?;
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(internal)?;
    let version = parsed
        .version
        .map_or(Ok(Version::default()), Version::try_from);
    let params = Params::try_from(&parsed).map_err(internal)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else {
        return Err(Error::internal("a stored hash is no hash"));
    };
    let argon2 = Argon2::new(algorithm, version.map_err(internal)?, params.clone());
    let mut out = vec![0; expected.len()];
    fill(&argon2, password, &salt, &mut out, memory)?;
    // An `Output` compares in a time that tells nothing of where two differ.
    if Output::new(&out).map_err(internal)? != expected {
        return Ok(Verdict::Wrong);
    }
    let weaker = params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES;
    Ok(if weaker {
        Verdict::Outdated
    } else {
        Verdict::Right
    })
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    #[test]
    fn any_characters_make_a_password_but_few_common_or_personal_ones_do_not() {
        for good in [
            "ñandú rápido",
            "        x",
            "correct horse battery",
            &"ü".repeat(128),
        ] {
            assert!(
                Password::chosen(good, &["ana@example.com"]).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "short",
            "password123",
            "PassWord1",
            &"x".repeat(129),
            "Ana@Example.com",
        ] {
            assert!(
                Password::chosen(bad, &["ana@example.com"]).is_err(),
                "{bad}"
            );
        }
        assert!(Password::chosen("maximiliana", &["maximiliana@example.com"]).is_err());
    }

    #[test]
    fn nobody_costs_what_somebody_costs() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let today = new_hash(&Password::typed("x"), &mut Memory::new()).unwrap();
        let today = PasswordHash::new(&today).unwrap();
        let cost = |hash| Params::try_from(hash).unwrap();
        assert_eq!(cost(&nobody), cost(&today));
        let verdict = compare(&Password::typed("anything"), NOBODY, &mut Memory::new()).unwrap();
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[tokio::test]
    async fn what_is_hashed_verifies_whatever_form_it_is_typed_in() {
        let hasher = Hasher::new(1);
        let hash = hasher
            .hash(Password::typed("caf\u{e9} con leche"))
            .await
            .unwrap();
        let typed = Password::typed("cafe\u{301} con leche");
        assert_eq!(
            hasher.verify(typed, Some(&hash)).await.unwrap(),
            Verdict::Right
        );
        let wrong = Password::typed("cafe con leche");
        assert_eq!(
            hasher.verify(wrong, Some(&hash)).await.unwrap(),
            Verdict::Wrong
        );
    }

    #[test]
    fn bcrypt_and_weaker_hashes_verify_and_are_outdated() {
        let password = Password::typed("password of old");
        let mut memory = Memory::new();
        let old = bcrypt::hash("password of old", 4).unwrap();
        assert_eq!(
            compare(&password, &old, &mut memory).unwrap(),
            Verdict::Outdated
        );
        assert_eq!(
            compare(&Password::typed("other"), &old, &mut memory).unwrap(),
            Verdict::Wrong
        );
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8 * 1024, 1, 1, None).unwrap(),
        );
        let weak = weak.hash_password(b"password of old").unwrap().to_string();
        assert_eq!(
            compare(&password, &weak, &mut memory).unwrap(),
            Verdict::Outdated
        );
    }
}
