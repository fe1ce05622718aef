//! Secrets, randomness, hashing, encryption, and tokens.

pub mod encryption;
pub mod gift_card_code;
pub mod password;
pub mod random;
pub mod secret;
pub mod token;
pub mod totp;
