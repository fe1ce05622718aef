//! The most common passwords of 8 and more characters.
//!
//! `common.txt` lists them, and `LICENSE` states their source. The executable contains
//! them as a finite state transducer, which takes 5 bytes per password and is searched
//! in place. The text itself is twice as large. A table of four-byte hashes is a fifth
//! smaller, but would sometimes match a good password.

use fst::Set;

/// The transducer that `build.rs` builds from `common.txt`. Only one function refers to
/// it, so executables that set no password do not contain it.
const TRANSDUCER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/common_passwords.fst"));

/// Returns whether a password, in lower case and normal form C, is common.
pub(super) fn is_common(lower: &str) -> bool {
    let common = Set::new(TRANSDUCER).expect("build.rs builds a valid set");
    common.contains(lower)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::is_nfc;

    use super::*;

    const LIST: &str = include_str!("common.txt");

    #[test]
    fn every_listed_password_is_common_and_in_the_form_that_is_searched() {
        for password in LIST.lines() {
            assert!(is_common(password), "{password}");
            assert!(password.chars().count() >= 8, "{password}");
            assert!(is_nfc(password), "{password}");
            assert_eq!(password.to_lowercase(), password);
        }
    }

    #[test]
    fn an_unlisted_password_is_not_common() {
        for password in LIST.lines().step_by(100) {
            assert!(!is_common(&format!("{password} con flow")), "{password}");
            assert!(!is_common(&password[..4]), "{password}");
        }
        assert!(!is_common(""));
    }

    #[test]
    fn the_list_is_long_and_its_packed_form_is_small() {
        assert!(LIST.lines().count() > 75_000);
        assert!(TRANSDUCER.len() < 400_000, "{} bytes", TRANSDUCER.len());
    }
}
