//! Passwords: what is accepted, and how they are hashed.

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

const MIN_CHARACTERS: usize = 8;
const MAX_CHARACTERS: usize = 128;

/// Where whoever guesses passwords here begins.
const STUDIO: &str = "Sabor con Flow";

/// A shorter word is part of too many good passwords.
const MIN_PERSONAL_CHARACTERS: usize = 4;

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
    /// composition; not a common one, nor one that says no more than
    /// `personal` (the account's e-mail address and names) or the studio's name.
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
        if common::is_common(&lower) || is_row(&lower) {
            return Err("is one of the most common passwords".to_owned());
        }
        if is_personal(&lower, personal) {
            return Err("must be more than your e-mail address, name, or the studio's".to_owned());
        }
        Ok(password)
    }
}

/// Whether each character is the one after, before, or same as the last:
/// `aaaaaaaa`, `23456789`, `zyxwvuts`.
fn is_row(text: &str) -> bool {
    let codes: Vec<_> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    [-1, 0, 1].iter().any(|step| {
        let mut pairs = codes.windows(2);
        pairs.all(|pair| pair[1] - pair[0] == *step)
    })
}

/// Whether a password is an address, the part before its `@`, a name, two of
/// them, or the studio, and beside that only digits and signs: `Ana-García_86!`.
fn is_personal(password: &str, personal: &[&str]) -> bool {
    let password = letters_and_digits(password);
    let before_at = personal.iter().filter_map(|word| word.split('@').next());
    let names = personal.iter().filter(|word| !word.contains('@'));
    let pairs = names
        .clone()
        .flat_map(|one| names.clone().map(move |other| format!("{one}{other}")));
    let words = personal.iter().copied().chain(before_at).chain([STUDIO]);
    words.map(str::to_owned).chain(pairs).any(|word| {
        let word = letters_and_digits(&word);
        word.chars().count() >= MIN_PERSONAL_CHARACTERS
            && password.split_once(&word).is_some_and(|(before, after)| {
                before.chars().all(char::is_numeric) && after.chars().all(char::is_numeric)
            })
    })
}

/// What is left without spaces and signs, in lower case and normal form C.
fn letters_and_digits(text: &str) -> String {
    let lower = text.nfc().flat_map(char::to_lowercase);
    lower.filter(|c| c.is_alphanumeric()).collect()
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
            step_back();
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

/// Lets everything else on the machine go before this thread: a flood of sign-ins
/// takes what the cores have left, and not what session checks need. Linux alone
/// has a priority for each thread; there it may be refused, which costs no more
/// than the order.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        const NICE: i32 = 10;
        thread_local! {
            static DONE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
        }
        if !DONE.replace(true) {
            let this = rustix::thread::gettid();
            let _ = rustix::process::setpriority_process(Some(this), NICE);
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

    /// Those of Maximiliana Núñez, whose e-mail address is `ana@example.com`.
    fn chosen(text: &str) -> Result<Password, Problem> {
        Password::chosen(text, &["ana@example.com", "Maximiliana", "Núñez"])
    }

    #[test]
    fn any_characters_make_a_password() {
        for good in [
            "ñandú rápido",
            "        x",
            "correct horse battery",
            "una contraseña larga",
            &"üñ".repeat(64),
        ] {
            assert!(chosen(good).is_ok(), "{good}");
        }
        for bad in ["short", &"üñ".repeat(65)] {
            assert!(chosen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn common_passwords_and_rows_of_characters_are_refused() {
        for bad in [
            "password123",
            "PassWord1",
            "Contrasen\u{303}a",
            "Qwertyui",
            "25061955",
            "yyyyyyyyyyyyyyyyyyyyyyyyyy",
            "3456789:;<=",
            "onmlkjihgfed",
        ] {
            assert!(chosen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_says_no_more_than_ones_address_or_names_is_refused() {
        for bad in [
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
            assert!(chosen(bad).is_err(), "{bad}");
        }
        assert!(Password::chosen("maximiliana7", &["maximiliana@example.com"]).is_err());
    }

    #[test]
    fn words_beside_ones_name_and_names_of_three_letters_make_a_password() {
        for good in [
            "maximiliana baila salsa",
            "núñez y gatos",
            "ana-84-62-19",
            "sabor con limón",
        ] {
            assert!(chosen(good).is_ok(), "{good}");
        }
        assert!(Password::chosen("ñandú rápido", &["", "", ""]).is_ok());
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

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::text;

    proptest! {
        #[test]
        fn any_password_of_a_fair_length_is_taken_whole_or_refused_without_being_quoted(
            typed in text(), personal in text(),
        ) {
            let length = typed.nfc().count();
            match Password::chosen(&typed, &[&personal]) {
                Ok(password) => {
                    assert!((8..=128).contains(&length));
                    assert!(password.0.nfd().eq(typed.nfd()));
                }
                Err(problem) => assert!(length < 8 || !problem.contains(&typed), "{problem}"),
            }
            assert!(Password::chosen(&personal, &[&personal]).is_err() || personal.chars().count() < 12
                || personal.chars().filter(|c| c.is_alphanumeric()).count() < 4);
        }
    }
}
