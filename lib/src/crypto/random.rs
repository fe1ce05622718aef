//! Random values from the operating system's generator. No other file generates random
//! values, except for the salts in `password.rs`.

use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

/// Returns `N` random bytes.
///
/// # Panics
///
/// If the operating system returns no random bytes. Nothing would be secure without
/// them, and the panic becomes a 500 response.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system returns random bytes");
    bytes
}

/// Returns `N` random bytes as lower-case hex.
pub fn hex<const N: usize>() -> String {
    hex::encode(bytes::<N>())
}

/// Returns the id for a new row: a version 7 UUID, so that new rows are adjacent
/// in an index.
pub fn id() -> Uuid {
    Uuid::now_v7()
}

/// Returns a number below `bound`, for jitter. It is slightly biased, so do not use it
/// for secrets.
pub fn below(bound: u64) -> u64 {
    u64::from_le_bytes(bytes::<8>()) % bound.max(1)
}
