//! The passwords that are tried first, of 8 and more characters.
//!
//! `common.txt` has where they are from. A finite state transducer holds them
//! in 5 bytes each, is searched where it lies in the executable, and refuses
//! nothing but them. Rejected: the text itself, twice as large; four bytes of a
//! hash each, a fifth smaller, which would refuse a good password now and then,
//! and show nobody why.

use fst::Set;

/// Made of `common.txt` by `build.rs`. Named by one function alone, so that
/// executables that set no password do not carry it.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/common_passwords.fst"));

/// Whether a password, in lower case and normal form C, is one of them.
pub(super) fn is_common(lower: &str) -> bool {
    let common = Set::new(PACKED).expect("build.rs has packed them");
    common.contains(lower)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::is_nfc;

    use super::*;

    const LIST: &str = include_str!("common.txt");

    #[test]
    fn every_password_of_the_list_is_common_and_could_have_been_chosen() {
        for password in LIST.lines() {
            assert!(is_common(password), "{password}");
            assert!(password.chars().count() >= 8, "{password}");
            assert!(is_nfc(password), "{password}");
            assert_eq!(password.to_lowercase(), password);
        }
    }

    #[test]
    fn nothing_else_is_common() {
        for password in LIST.lines().step_by(100) {
            assert!(!is_common(&format!("{password} con flow")), "{password}");
            assert!(!is_common(&password[..4]), "{password}");
        }
        assert!(!is_common(""));
    }

    #[test]
    fn the_list_is_long_and_packed_small() {
        assert!(LIST.lines().count() > 75_000);
        assert!(PACKED.len() < 400_000, "{} bytes", PACKED.len());
    }
}
