//! Secrets, randomness, hashing, encryption, and tokens.

pub mod encryption;
pub mod password;
pub mod random;
pub mod secret;
pub mod token;
pub mod totp;
