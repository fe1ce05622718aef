//! The one place where randomness is read: the operating system's generator.

use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

/// `N` unpredictable bytes.
///
/// # Panics
///
/// When the operating system has no randomness to give: nothing that Sabor
/// does would be safe then, and the panic is answered with a 500.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}

/// `N` unpredictable bytes as lower-case hex.
pub fn hex<const N: usize>() -> String {
    hex::encode(bytes::<N>())
}

/// A new row's id: a version 7 UUID, so that new rows lie together in an index.
pub fn id() -> Uuid {
    Uuid::now_v7()
}

/// A number below `bound`, for spreading retries; not for secrets.
pub fn below(bound: u64) -> u64 {
    u64::from_le_bytes(bytes::<8>()) % bound.max(1)
}
