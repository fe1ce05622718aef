//! Secrets and numbers from the operating system's generator.

use ring::rand::{SecureRandom, SystemRandom};

/// `N` unpredictable bytes, as lower-case hex.
pub(crate) fn hex<const N: usize>() -> String {
    hex::encode(bytes::<N>())
}

/// A number below `bound`, for choosing a port; not for secrets.
pub(crate) fn below(bound: u16) -> u16 {
    u16::from_le_bytes(bytes::<2>()) % bound
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}
